"""What is installed here."""

import dataclasses
import platform
from dataclasses import dataclass
from typing import Any

import torch

from saln_kernels.backends import cuda, native
from saln_kernels.backends.dispatch import Status, table


@dataclass(frozen=True)
class BuildInfo:
    """What this installation is made of."""

    version: str
    torch: str
    python: str
    compiler: str
    torch_target: str  # oldest PyTorch the op library serves
    cpu_isa_compiled: tuple[str, ...]
    cpu_isa_in_use: str
    cuda_archs: tuple[str, ...]  # machine code, "90a" say
    cuda_ptx: str  # what later GPUs compile for themselves
    nvcc: str
    gpus: tuple[str, ...]  # that PyTorch sees
    backends: tuple[Status, ...]
    missing: tuple[str, ...]  # what is not there, and how to get it

    def as_dict(self) -> dict[str, Any]:
        """The same as plain dicts, lists and strings, ready for JSON."""
        fields = dataclasses.asdict(self)
        fields["backends"] = [status._asdict() for status in self.backends]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}

    def __str__(self) -> str:
        native = any(status.name == "cpu" and status.serves for status in self.backends)
        unknown = "known where _C is" if native else "none"
        library = f" for {self.torch_target} and later" if self.torch_target else f": {unknown}"
        lines = [
            f"saln_kernels {self.version}",
            f"  python        {self.python}",
            f"  torch         {self.torch} (op library{library})",
            f"  compiler      {self.compiler or unknown}",
            f"  CPU code      {', '.join(self.cpu_isa_compiled) or unknown}; in use: {self.cpu_isa_in_use or unknown}",
            f"  CUDA code     {_cuda_words(self.cuda_archs, self.cuda_ptx, self.nvcc)}",
            f"  GPUs          {', '.join(self.gpus) or 'none'}",
        ]
        for status in self.backends:
            lines.append(f"  {status.name:<13} {'serves' if status.serves else 'does not serve'}: {status.reason}")
        lines += [f"  missing       {text}" for text in self.missing]
        return "\n".join(lines)


def _cuda_words(archs: tuple[str, ...], ptx: str, nvcc: str) -> str:
    return f"{cuda.Build('', nvcc, archs, ptx)} (nvcc {nvcc})" if archs else "none"


def build_info() -> BuildInfo:
    """Versions, compiled architectures, the CPU instruction set in use, what is missing and how to get it.

    Returns
    -------
    BuildInfo
        A dataclass; `print` it to read it, `as_dict()` to store it.

    Examples
    --------
    >>> from saln_kernels import build_info
    >>> [status.name for status in build_info().backends]
    ['cpu', 'cuda', 'triton', 'reference']
    """
    from saln_kernels import __version__

    missing = []
    reason = native.missing()
    if reason is not None:
        missing.append(reason)
    try:
        found: dict[str, Any] = native.bindings().build_info()
    except RuntimeError as error:
        missing.append(str(error))
        found = {}
    library = cuda.build()
    if reason is None and library is None:
        missing.append(str(cuda.missing()))
    return BuildInfo(
        version=str(found.get("version", __version__)),
        torch=torch.__version__,
        python=platform.python_version(),
        compiler=str(found.get("compiler", "")),
        torch_target=str(found.get("torch_target", "")),
        cpu_isa_compiled=tuple(found.get("cpu_isa_compiled", ())),
        cpu_isa_in_use=str(found.get("cpu_isa_in_use", "")),
        cuda_archs=library.archs if library else (),
        cuda_ptx=library.ptx if library else "",
        nvcc=library.nvcc if library else "",
        gpus=cuda.gpus(),
        backends=table(),
        missing=tuple(missing),
    )
