"""Programs made of CUDA kernels, compiled for the host against the shim."""

import platform
from pathlib import Path

from bench.kernel_table import tabled
from programs import ADDRESS, ROOT, Source, program

HERE = Path(__file__).parent

WARNINGS = f"-Wall -Wextra -Werror=switch -Werror=switch-enum -Wno-unknown-pragmas -I{HERE} -I{HERE / 'runtime'}"
# What is declared and not set is a wild value; products and sums contract, as nvcc has them.
KERNELS = f"-include {HERE / 'guard.h'} -O1 -ftrivial-auto-var-init=pattern -ffp-contract=fast"
# The scheduler acts for all threads at once: no sanitizer may look on, nor be called through memset.
SCHEDULER = "-O2 -fno-tree-loop-distribute-patterns"
SANITIZERS = {"address": ADDRESS, "thread": "-fsanitize=thread"}
DEFINES = {"address": "-DSALN_ASAN", "thread": "-DSALN_TSAN"}
# What plans and launches, over the runtime of the host shim.
CSRC = ROOT / "csrc"
PLANS = ("core/plan.cpp", "cuda/plan/plan.cpp", "cuda/plan/cost.cpp", "cuda/plan/instructions.cpp")
LAUNCHES = [
    *(Source(CSRC / name) for name in PLANS),
    *(Source(CSRC / f"cuda/launch/{name}.cu", "-x c++") for name in ("run", "split_gram")),
    *(Source(CSRC / "cuda/launch/kernel.cu", f"-x c++ -DSALN_KERNEL_NAME={name}") for name in tabled()),
    Source(HERE / "runtime/cuda_runtime.cpp"),
]


def on_cpu(name: str, sources: list[Source], sanitizer: str) -> Path:
    """The executable made of `sources` and the scheduler, under the sanitizer "address" or "thread"."""
    instrument = SANITIZERS[sanitizer]
    return program(f"{name}_{sanitizer}", for_host(sources, DEFINES[sanitizer], instrument), instrument)


def for_host(sources: list[Source], flags: str, instrument: str = "") -> list[Source]:
    """Sources, as they are compiled against the shim, and its scheduler."""
    own = f"{WARNINGS} {KERNELS} {'-mfma' if has_fma() else ''} {instrument} {flags}"
    parts = [Source(source.path, f"{own} {source.flags}") for source in sources]
    return [Source(HERE / "fibres.cpp", f"{WARNINGS} {SCHEDULER} {flags}"), *parts]


def has_fma() -> bool:
    """Whether this machine is an x86 that multiplies and adds in one rounding, as GPUs do."""
    try:
        return platform.machine() == "x86_64" and " fma " in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
