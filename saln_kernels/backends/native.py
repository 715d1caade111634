"""The native op library. Importing this module loads it and completes its ops with fake kernels and gradients.

That is done at import and not at the first call because a program that was exported, or compiled ahead of time, names
the ops and calls nothing of this package: `import saln_kernels` must be all that it needs.
"""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from saln_kernels import gradients
from saln_kernels.backends import cuda
from saln_kernels.backends.pieces import in_pieces
from saln_kernels.backends.protocol import Ops
from saln_kernels.backends.schemas import NAMESPACE, SCHEMAS
from saln_kernels.matrices import Problem

LIBRARY = Path(__file__).parents[1] / "_ops.so"
BUILD = "pip install --no-build-isolation -e ."


class Native(Ops):
    """The ops of the library, for tensors on the CPU, and on GPUs where the CUDA library serves them."""

    def call(self, name: str, subject: Problem | Tensor, *arguments: Any, **solver: Any) -> Any:
        op = getattr(getattr(torch.ops, NAMESPACE), name)
        if isinstance(subject, Problem):
            return in_pieces(subject, lambda part, *rest: op(*part, *rest, **solver), *arguments)
        return in_pieces(subject, op, *arguments)


OPS = Native()


def load() -> str | None:
    """Load the library and complete its ops, once a process; None, or why that cannot be and what to do."""
    if not LIBRARY.exists():
        return f"saln_kernels has no native library ({LIBRARY.name} is not built): build it with `{BUILD}`"
    try:
        torch.ops.load_library(str(LIBRARY))  # type: ignore[no-untyped-call]
    except (OSError, RuntimeError) as error:
        return f"the native library of saln_kernels does not load ({cuda.cause(error)}): rebuild it with `{BUILD}`"
    gradients.complete(NAMESPACE, SCHEMAS)
    if torch.version.cuda is not None:  # else there are no tensors for it
        cuda.loaded()
    return None


def missing() -> str | None:
    """None where the library is loaded, else why it is not and what to do."""
    return _missing


def require() -> None:
    """Raise unless the library is loaded."""
    if _missing is not None:
        raise RuntimeError(f"{_missing}. backend='reference' needs no library: plain torch in float64, slow")


def bindings() -> ModuleType:
    """The module `_C`: how it was built, and its planner."""
    try:
        return importlib.import_module(".._C", __package__)
    except ImportError as error:
        others = ", ".join(sorted(path.name.split(".")[1] for path in LIBRARY.parent.glob("_C.*.so")))
        raise RuntimeError(
            f"saln_kernels._C, the native planner, does not import ({error}; it is here for {others or 'no Python'}): "
            f"build it with `{BUILD}`"
        ) from error


_missing = load()
