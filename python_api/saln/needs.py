"""What is missing where a library is that only some of this package needs: the extra that installs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

LIBRARIES = frozenset(
    "jinja2 markupsafe matplotlib PIL psutil pyarrow rich safetensors scipy sklearn typer".split()  # noqa: SIM905
)
"""Of the extra `pilot`, by the names that they are imported by; a test compares them with pyproject.toml."""


def missing(needs: str, extra: str, error: ImportError) -> ImportError:
    """The error to raise where a library is not there.

    >>> from saln.needs import missing
    >>> print(missing("timm models need timm", "timm", ImportError("No module named 'timm'")))
    timm models need timm (No module named 'timm'): pip install 'saln-kernels[timm]'
    """
    return ImportError(f"{needs} ({error}): pip install 'saln-kernels[{extra}]'", name=error.name, path=error.path)


@contextmanager
def extra_pilot() -> Iterator[None]:
    """Where libraries of the extra `pilot` are imported: one that is not there is an error that names the extra.

    >>> from saln.needs import extra_pilot
    >>> with extra_pilot():
    ...     raise ModuleNotFoundError("No module named 'scipy'", name="scipy")
    Traceback (most recent call last):
    ...
    ImportError: this needs scipy (No module named 'scipy'): pip install 'saln-kernels[pilot]'
    """
    try:
        yield
    except ModuleNotFoundError as error:
        library = str(error.name).partition(".")[0]
        if library not in LIBRARIES:
            raise
        raise missing(f"this needs {library}", "pilot", error) from error
