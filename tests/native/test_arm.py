"""The CPU kernels for 64-bit ARM, by a cross compiler, in an emulator: threads at the same work agree."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import setup
from programs import Source, program, run

HERE = Path(__file__).parent
CSRC = setup.ROOT / "csrc"
COMPILER, EMULATOR = "aarch64-linux-gnu-g++", "qemu-aarch64"
MISSING = [name for name in (COMPILER, EMULATOR) if shutil.which(name) is None]


@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
@pytest.mark.parametrize(
    ("driver", "kernels", "others"),
    [("sanitize.cpp", "kernels.cpp", ["core/plan.cpp"]), ("greedy_sanitize.cpp", "greedy_kernels.cpp", [])],
)
def test_kernels_for_arm_run(driver: str, kernels: str, others: list[str]) -> None:
    flags = f"{setup.FLAGS} -DSALN_VARIANT=portable -DFIRST=portable -DSECOND=portable"
    paths = [CSRC / "cpu" / kernels, *(CSRC / path for path in others), HERE / driver]
    sources = [Source(path, flags) for path in paths]
    built = program(f"{Path(driver).stem}_arm", sources, "-static -pthread", compiler=COMPILER)
    done = run(Path(EMULATOR), str(built), "8")  # larger batches take minutes
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    assert b" 0 failures" in done.stdout
