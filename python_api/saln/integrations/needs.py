"""What a module of this package needs, and what a loader does ahead of its trainer."""

from __future__ import annotations

from typing import Any


def missing(library: str, error: ImportError) -> ImportError:
    """The error to raise where a library is not there: which extra installs it.

    >>> from saln.integrations.needs import missing
    >>> print(missing("lightning", ImportError("No module named 'lightning'")))
    saln.integrations.lightning needs lightning (No module named 'lightning'): pip install 'saln-kernels[lightning]'
    """
    return ImportError(
        f"saln.integrations.{library} needs {library} ({error}): pip install 'saln-kernels[{library}]'",
        name=error.name,
        path=error.path,
    )


def read_ahead(loader: Any) -> int:
    """How many batches at most a DataLoader asks for before its trainer has them.

    >>> from torch.utils.data import DataLoader
    >>> from saln.integrations.needs import read_ahead
    >>> [read_ahead(DataLoader(range(9), num_workers=workers)) for workers in (0, 2)]
    [1, 5]
    """
    # One more for accelerate's loaders, which look whether there is a next one.
    return getattr(loader, "num_workers", 0) * (getattr(loader, "prefetch_factor", None) or 0) + 1
