"""Programs made of CUDA kernels, compiled for the host against the shim."""

import platform
from pathlib import Path

from programs import ADDRESS, Source, program

HERE = Path(__file__).parent

WARNINGS = f"-Wall -Wextra -Werror=switch -Werror=switch-enum -Wno-unknown-pragmas -I{HERE}"
# What is declared and not set is a wild value; products and sums contract, as nvcc has them.
KERNELS = f"-include {HERE / 'guard.h'} -O1 -ftrivial-auto-var-init=pattern -ffp-contract=fast"
# The scheduler acts for all threads at once: no sanitizer may look on, nor be called through memset.
SCHEDULER = "-O2 -fno-tree-loop-distribute-patterns"
SANITIZERS = {"address": ADDRESS, "thread": "-fsanitize=thread"}
DEFINES = {"address": "", "thread": "-DSALN_TSAN"}


def on_cpu(name: str, sources: list[Source], sanitizer: str) -> Path:
    """The executable made of `sources` and the scheduler, under the sanitizer "address" or "thread"."""
    instrument, define = SANITIZERS[sanitizer], DEFINES[sanitizer]
    flags = f"{WARNINGS} {KERNELS} {'-mfma' if has_fma() else ''} {instrument} {define}"
    parts = [Source(source.path, f"{flags} {source.flags}") for source in sources]
    scheduler = Source(HERE / "fibres.cpp", f"{WARNINGS} {SCHEDULER} {define}")
    return program(f"{name}_{sanitizer}", [scheduler, *parts], instrument)


def has_fma() -> bool:
    """Whether this machine is an x86 that multiplies and adds in one rounding, as GPUs do."""
    try:
        return platform.machine() == "x86_64" and " fma " in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
