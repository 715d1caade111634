"""Compiles programs against the host shim, only what changed, and runs them."""

import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build" / "cuda_on_cpu"

WARNINGS = "-Wall -Wextra -Werror=switch -Werror=switch-enum -Wno-unknown-pragmas"
COMMON = f"-std=c++20 -g1 -fno-omit-frame-pointer {WARNINGS} -I{HERE} -I{ROOT / 'csrc'}"
# What is declared and not set is a wild value; products and sums contract, as nvcc has them.
KERNELS = f"-include {HERE / 'guard.h'} -O1 -ftrivial-auto-var-init=pattern -ffp-contract=fast"
# The scheduler acts for all threads at once: no sanitizer may look on, nor be called through memset.
SCHEDULER = "-O2 -fno-tree-loop-distribute-patterns"
SANITIZERS = {
    "address": "-fsanitize=address,undefined -fno-sanitize-recover=undefined",
    "thread": "-fsanitize=thread -DSALN_TSAN",
}
SETTINGS = {
    "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:atexit_sleep_ms=0",
}


@dataclass(frozen=True)
class Source:
    """A file to compile, and the macros it is compiled with."""

    path: Path
    defines: tuple[str, ...] = ()


def program(name: str, sources: list[Source], sanitizer: str) -> Path:
    """The executable made of `sources` and the scheduler, under the sanitizer "address" or "thread"."""
    import ninja

    folder = BUILD / f"{name}_{sanitizer}"
    folder.mkdir(parents=True, exist_ok=True)
    instrument = SANITIZERS[sanitizer]
    define = " ".join(flag for flag in instrument.split() if flag.startswith("-D"))
    fma = "-mfma" if has_fma() else ""
    lines = [
        f"cxx = {os.environ.get('CXX', 'g++')}",
        "rule compile",
        f"  command = $cxx {COMMON} $flags -MMD -MF $out.d -c $in -o $out",
        "  depfile = $out.d",
        "  deps = gcc",
        "rule link",
        f"  command = $cxx {instrument} $in -o $out",
        f"build fibres.o: compile {HERE / 'fibres.cpp'}",
        f"  flags = {SCHEDULER} {define}",
    ]
    for number, source in enumerate(sources):
        defines = " ".join(f"-D{name}" for name in source.defines)
        lines += [f"build {number}.o: compile {source.path}", f"  flags = {KERNELS} {fma} {instrument} {defines}"]
    lines.append(f"build {name}: link fibres.o {' '.join(f'{number}.o' for number in range(len(sources)))}")
    (folder / "build.ninja").write_text("\n".join(lines) + "\n")
    command = [str(Path(ninja.BIN_DIR) / "ninja"), "-C", str(folder), "-j", str(os.cpu_count() or 1)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / name


def has_fma() -> bool:
    """Whether this machine is an x86 that multiplies and adds in one rounding, as GPUs do."""
    try:
        return platform.machine() == "x86_64" and " fma " in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def run(executable: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run it with sanitizers that end it at the first fault."""
    command = [str(executable), *arguments]
    done = subprocess.run(command, input=given, capture_output=True, env=os.environ | SETTINGS)
    if b"unexpected memory mapping" in done.stderr:  # ThreadSanitizer, where addresses are randomised too widely
        done = subprocess.run(["setarch", "-R", *command], input=given, capture_output=True, env=os.environ | SETTINGS)
    return done


def with_lines(report: str) -> str:
    """A sanitizer's report with source lines: in large programs GCC's sanitizers find none."""
    addresses = dict.fromkeys(re.findall(r"\((/[^()]+)\+(0x[0-9a-f]+)\)", report))
    if shutil.which("addr2line") is None:
        return report
    for executable, address in addresses:
        said = subprocess.run(["addr2line", "-e", executable, "-i", address], capture_output=True, text=True).stdout
        report = report.replace(f"({executable}+{address})", f"({', inlined in '.join(said.split())})")
    return report
