"""Statistics and interleaving of the benchmarks."""

import math

import pytest
import torch

from bench.cases import Case, Inputs
from bench.timing import Timing, Variant, best_of, interleave, p90, ratio, warm_up
from bench.truth import Check, WrongResult

NOTHING = Inputs(Case("nothing", 1, 1, 1), torch.zeros(1, 1, 1), torch.zeros(1, 1, 1))


def variant(name: str, group: str, log: list[str], error: float = 0.0) -> Variant:
    return Variant(
        name, group, lambda features, candidates: log.append(name), lambda result: Check(error, 1e-5), threads=1
    )


def timing(name: str, group: str, rounds: list[tuple[int, float]], warm: float = 1.0) -> Timing:
    return Timing(variant(name, group, []), Check(0.0, 1.0), warm, rounds)


def test_p90() -> None:
    assert p90([float(i) for i in range(1, 11)]) == 9.0
    assert p90([3.0]) == 3.0


def test_ratio_is_taken_within_rounds() -> None:
    slow = timing("slow", "a", [(0, 4.0), (1, 40.0), (2, 400.0)])
    fast = timing("fast", "b", [(0, 1.0), (2, 100.0)])
    assert ratio(slow, fast) == 4.0


def test_best_of_group() -> None:
    timings = [timing("x", "a", [(0, 2.0)]), timing("y", "a", [(0, 1.0)]), timing("z", "b", [(0, 0.5)])]
    assert best_of(timings, "a").variant.name == "y"


def test_interleaves_and_slow_variants_join_fewer_rounds() -> None:
    log: list[str] = []
    quick = Timing(variant("quick", "a", log), Check(0.0, 1.0), warm=1.0)
    slow = Timing(variant("slow", "b", log), Check(0.0, 1.0), warm=10.0)
    interleave([quick, slow], NOTHING, rounds=4, slow_seconds=4.0)
    assert log == ["quick", "slow", "quick", "quick", "quick", "slow"]
    assert [turn for turn, _ in slow.rounds] == [0, 3]


@pytest.mark.parametrize("error", [1e-4, math.nan])
def test_wrong_result_is_not_timed(error: float) -> None:
    with pytest.raises(WrongResult, match="bad: relative error"):
        warm_up(variant("bad", "a", [], error), NOTHING)
