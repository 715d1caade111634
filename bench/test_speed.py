"""The variants under pytest-benchmark: `pytest bench --benchmark-json=FILE`. Each is checked before it is timed."""

import itertools
from typing import Any

import pytest

from bench import baselines, ours
from bench.cases import CASES, Inputs, make_candidates, make_features
from bench.timing import Variant, limited, warm_up

ROUNDS = 5


def _names() -> tuple[list[str], list[str]]:
    # variants know their names without computing anything
    case = CASES["b32"].smoke()
    tiny = Inputs(case, make_features(case)[:, :64], make_candidates(case, 1, 2) % 64)
    return [v.name for v in ours.on_threads(tiny)], [v.name for v in _library(tiny)]


def _library(inputs: Inputs) -> list[Variant]:
    return [*baselines.settings(inputs), *baselines.others(inputs)]


OURS, LIBRARY = _names()


def run(benchmark: Any, inputs: Inputs, variant: Variant) -> None:
    """Check, then time on successive candidate sets."""
    timing = warm_up(variant, inputs)
    turns = itertools.count(1)
    benchmark.group = inputs.case.name
    benchmark.extra_info.update(
        variant=variant.name,
        threads=variant.threads,
        shape=inputs.case.shape,
        error=timing.check.error,
        error_measure=timing.check.measure,
    )
    with limited(variant.threads):
        benchmark.pedantic(variant.call, setup=lambda: (inputs.turn(next(turns)), {}), rounds=ROUNDS)


@pytest.mark.parametrize("name", OURS)
def test_ours(benchmark: Any, inputs: Inputs, name: str) -> None:
    """Functions of saln_kernels at two threads."""
    run(benchmark, inputs, next(v for v in ours.on_threads(inputs) if v.name == name))


@pytest.mark.parametrize("name", LIBRARY)
def test_library(benchmark: Any, inputs: Inputs, name: str) -> None:
    """Library baselines."""
    run(benchmark, inputs, next(v for v in _library(inputs) if v.name == name))


@pytest.mark.parametrize("which", [0, 1], ids=["plain", "compiled"])
def test_lanczos(benchmark: Any, inputs: Inputs, which: int) -> None:
    """Batched Lanczos in torch."""
    variant = list(baselines.lanczos_variants(inputs))[which]
    if isinstance(variant, str):
        pytest.skip(variant)
    run(benchmark, inputs, variant)
