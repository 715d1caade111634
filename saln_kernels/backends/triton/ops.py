"""The torch ops of the Triton backend: namespace `saln_triton`, schemas, fakes and gradients of `torch.ops.saln`.

Importing this module defines them, for CUDA tensors, or for CPU tensors where the kernels are interpreted, for the
reason that importing `native` loads those. Triton itself is loaded by the first launch.
"""

import importlib
import os
from collections.abc import Callable
from typing import Any

import torch

from saln_kernels import gradients
from saln_kernels.backends.schemas import NAMESPACE as NATIVE
from saln_kernels.backends.schemas import SCHEMAS, on_problem

NAMESPACE = f"{NATIVE}_triton"
NAMES = ("gram", "eigvals", "eigh", "fiedler", "score", "matrix_eigvals", "matrix_eigh")
INTERPRETED = os.environ.get("TRITON_INTERPRET", "0").lower() in ("1", "true", "on")


def define() -> torch.library.Library:
    """Define the ops; they are there as long as the library is held."""
    library = torch.library.Library(NAMESPACE, "DEF")  # type: ignore[no-untyped-call]
    for name in NAMES:
        library.define(name + SCHEMAS[name])  # type: ignore[no-untyped-call]
        library.impl(name, _kernel(name), "CPU" if INTERPRETED else "CUDA")  # type: ignore[no-untyped-call]
    gradients.complete(NAMESPACE, NAMES)
    return library


def _kernel(name: str) -> Callable[..., Any]:
    def kernel(*arguments: Any) -> Any:
        run = importlib.import_module(".run", __package__)
        return getattr(run, name)(*arguments)

    return kernel if name.startswith("matrix_") else on_problem(kernel)


LIBRARY = define()
