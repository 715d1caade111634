"""libFuzzer on the CPU kernels, by clang: `python -m native.fuzz_kernels` runs for SALN_FUZZ_SECONDS.

What it finds is in build/fuzz/kernels, a file each; the program itself runs such a file again.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import setup
from programs import ROOT, SETTINGS, Source, program
from saln_kernels import build_info

COMPILER = "clang++"
FOUND = ROOT / "build" / "fuzz" / "kernels"
GUARDED = "address,undefined"
SOURCES = ("csrc/cpu/kernels.cpp", "csrc/cpu/greedy_kernels.cpp", "csrc/core/plan.cpp", "tests/native/fuzz_kernels.cpp")


def missing() -> str:
    """What is not installed, if anything is."""
    if shutil.which(COMPILER) is None:
        return COMPILER
    library = f"libclang_rt.fuzzer-{setup.MACHINE}.a"
    said = subprocess.run([COMPILER, f"-print-file-name={library}"], capture_output=True, text=True, check=True).stdout
    return "" if Path(said.strip()).is_absolute() else library


def fuzzer() -> Path:
    """The program, of the instruction set in use here."""
    variant = build_info().cpu_isa_in_use
    flags = f"-O1 -ffp-contract=fast -fno-math-errno -Wno-psabi -fsanitize=fuzzer-no-link,{GUARDED} "
    flags += f"-fno-sanitize-recover=undefined -DSALN_VARIANT={variant} -DFIRST={variant} {setup.VARIANTS[variant]}"
    sources = [Source(ROOT / path, flags) for path in SOURCES]
    return program(f"fuzz_kernels_{variant}", sources, f"-fsanitize=fuzzer,{GUARDED}", compiler=COMPILER)


def fuzz(*options: str) -> int:
    """How many problems were tried; an AssertionError with what the program said if one was wrong."""
    FOUND.mkdir(parents=True, exist_ok=True)
    command = [str(fuzzer()), "-max_len=8192", "-print_final_stats=1", f"-artifact_prefix={FOUND}/", *options]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=os.environ | SETTINGS)
    assert done.returncode == 0, done.stderr[-8000:]
    return int(re.findall(r"stat::number_of_executed_units: (\d+)", done.stderr)[0])


def main() -> None:
    """Fuzz for as long as is asked for."""
    if missing():
        print(f"{missing()} is not installed: CPU kernels are not fuzzed")
        return
    seconds = int(os.environ.get("SALN_FUZZ_SECONDS", "300"))
    try:
        print(f"CPU kernels: {fuzz(f'-max_total_time={seconds}')} problems, none wrong")
    except AssertionError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
