"""What this machine is, as far as a fault may depend on it."""

from __future__ import annotations

import os
import platform
import re
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import torch

import saln_kernels
from saln.needs import extra_pilot

DISTRIBUTION = "saln-kernels"
FLAGS = ("f16c", "fma", "avx2", "avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512_bf16", "amx_bf16")
"""Of a processor, those that the kernels for CPUs ask for, or might."""
VARIABLES = re.compile(
    r"SALN_\w+|TRITON_INTERPRET|(OMP|MKL)_NUM_THREADS|CUDA_(HOME|VISIBLE_DEVICES|LAUNCH_BLOCKING)"
    r"|CUBLAS_WORKSPACE_CONFIG|PYTORCH_(CUDA_)?ALLOC_CONF|LD_PRELOAD"
)


@dataclass(frozen=True)
class Machine:
    """System, processor, packages and settings.

    Attributes
    ----------
    system : str
        Distribution, kernel and architecture.
    libc : str
    cpu : str
        The processor's name.
    cpu_flags : tuple of str
        Which instructions it has of those that kernels ask for.
    cores, threads : int
        Cores that this process may use; threads that PyTorch does.
    memory_gib : float
    cuda : str or None
        The version of CUDA that PyTorch is built with.
    packages : dict of str to str
        Versions of what saln-kernels needs or can use, where it is installed.
    environment : dict of str to str
        Variables of ours, and those of PyTorch, CUDA and threads, that are set.
    """

    system: str
    libc: str
    cpu: str
    cpu_flags: tuple[str, ...]
    cores: int
    threads: int
    memory_gib: float
    cuda: str | None
    packages: dict[str, str]
    environment: dict[str, str]

    def __str__(self) -> str:
        lines = [
            "This machine",
            f"  system        {self.system}, {self.libc}",
            f"  processor     {self.cpu}; {self.cores} cores, {self.threads} threads",
            f"  instructions  {' '.join(self.cpu_flags) or 'unknown'}",
            f"  memory        {self.memory_gib} GiB",
            f"  CUDA of torch {self.cuda or 'none'}",
            f"  packages      {', '.join(f'{name} {number}' for name, number in self.packages.items())}",
            f"  set           {' '.join(f'{name}={value}' for name, value in self.environment.items()) or 'nothing'}",
        ]
        return "\n".join(lines)


def this_machine() -> Machine:
    """What the machine, its packages and the environment are now."""
    with extra_pilot():
        import psutil

    name, flags = _processor()
    return Machine(
        system=f"{_distribution()}, {platform.system()} {platform.release()}, {platform.machine()}",
        libc=" ".join(platform.libc_ver()).strip() or "libc unknown",
        cpu=name,
        cpu_flags=flags,
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        threads=torch.get_num_threads(),
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        cuda=torch.version.cuda,
        packages=_packages(),
        environment={name: os.environ[name] for name in sorted(os.environ) if VARIABLES.fullmatch(name)},
    )


def _distribution() -> str:
    with suppress(OSError):
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    return platform.system()


def _processor() -> tuple[str, tuple[str, ...]]:
    with suppress(OSError):
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        fields: dict[str, str] = dict(re.findall(r"^(model name|flags|Features)\s*:[ \t]*(.*)$", told, re.MULTILINE))
        has = set(fields.get("flags", fields.get("Features", "")).split())
        return fields.get("model name", platform.processor() or "unknown"), tuple(flag for flag in FLAGS if flag in has)
    return platform.processor() or "unknown", ()


def _packages() -> dict[str, str]:
    """Of what the distribution requires, extras too; of itself by the source that runs."""
    found = {"saln-kernels": saln_kernels.__version__}
    needed: list[str] = []
    with suppress(PackageNotFoundError):
        needed = requires(DISTRIBUTION) or []
    for name in sorted({each[0] for each in map(re.compile(r"[\w.-]+").match, needed) if each}):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
