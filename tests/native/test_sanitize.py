"""The CPU kernels' own sources under AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer, without torch.

Each program compares the instruction set in use here with the portable one, or threads at the same work.
"""

from pathlib import Path

import pytest

import setup
from programs import ADDRESS, THREAD, Source, program, run, with_lines
from saln_kernels import build_info

HERE = Path(__file__).parent
CSRC = setup.ROOT / "csrc"
FLAGS = "-O1 -ffp-contract=fast -fno-math-errno -Wno-psabi -Wno-ignored-attributes -Wno-attributes"
DRIVERS = [("sanitize.cpp", "kernels.cpp", ["core/plan.cpp"]), ("greedy_sanitize.cpp", "greedy_kernels.cpp", [])]


def check(driver: str, kernels: str, others: list[str], pair: tuple[str, str], sanitizer: str) -> None:
    """Run a driver over two variants of the kernels, or one that stands for both, under a sanitizer."""
    flags = f"{FLAGS} {sanitizer}"
    sources = [
        Source(CSRC / "cpu" / kernels, f"{flags} -DSALN_VARIANT={name} {setup.VARIANTS[name]}")
        for name in dict.fromkeys(pair)
    ]
    sources += [Source(CSRC / path, flags) for path in others]
    sources.append(Source(HERE / driver, f"{flags} -DFIRST={pair[0]} -DSECOND={pair[1]}"))
    done = run(program(f"{Path(driver).stem}_{'_'.join(pair)}", sources, f"{sanitizer} -pthread"))
    assert done.returncode == 0, with_lines((done.stdout + done.stderr).decode())
    assert b" 0 failures" in done.stdout


@pytest.mark.parametrize(("driver", "kernels", "others"), DRIVERS)
def test_kernels_stay_inside_their_arrays_and_agree(driver: str, kernels: str, others: list[str]) -> None:
    check(driver, kernels, others, (build_info().cpu_isa_in_use, "portable"), ADDRESS)


@pytest.mark.parametrize(("driver", "kernels", "others"), DRIVERS)
def test_threads_do_not_race(driver: str, kernels: str, others: list[str]) -> None:
    check(driver, kernels, others, ("portable", "portable"), THREAD)
