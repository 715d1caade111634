"""The CPU kernels' own sources under AddressSanitizer and UndefinedBehaviorSanitizer, without Python or torch.

Each program compares the instruction set in use here with the portable one.
"""

import subprocess
from pathlib import Path

import pytest

import setup
from programs import ADDRESS, Source, program
from saln_kernels import build_info

HERE = Path(__file__).parent
CSRC = setup.ROOT / "csrc"
FLAGS = f"-O1 -ffp-contract=fast -fno-math-errno -Wno-psabi -Wno-ignored-attributes -Wno-attributes {ADDRESS}"


@pytest.mark.parametrize(
    ("driver", "kernels", "others"),
    [("sanitize.cpp", "kernels.cpp", ["core/plan.cpp"]), ("greedy_sanitize.cpp", "greedy_kernels.cpp", [])],
)
def test_kernels_stay_inside_their_arrays_and_agree(driver: str, kernels: str, others: list[str]) -> None:
    pair = (build_info().cpu_isa_in_use, "portable")
    sources = [
        Source(CSRC / "cpu" / kernels, f"{FLAGS} -DSALN_VARIANT={name} {setup.VARIANTS[name]}")
        for name in dict.fromkeys(pair)
    ]
    sources += [Source(CSRC / path, FLAGS) for path in others]
    sources.append(Source(HERE / driver, f"{FLAGS} -DFIRST={pair[0]} -DSECOND={pair[1]}"))
    done = subprocess.run([program(Path(driver).stem, sources, ADDRESS)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failures" in done.stdout
