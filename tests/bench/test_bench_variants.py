"""Every variant computes what it says, and the probes and tables work, on a tiny case."""

import pytest
import torch

from bench import baselines, counts, exact_paths, floor, lanczos, ours, targets
from bench.cases import CASES, Case, Inputs, make_inputs
from bench.processes import Processes
from bench.timing import warm_up
from saln_kernels.backends import native

TINY = Case("b64", n_candidates=5, size=12, width=20, k=3, pool=200)


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    if native.missing() is not None:
        pytest.skip(str(native.missing()))
    return make_inputs(TINY)


def test_inputs_are_the_same_every_time() -> None:
    one, two = make_inputs(TINY), make_inputs(TINY)
    assert torch.equal(one.features, two.features)
    assert torch.equal(one.candidate_sets, two.candidate_sets)
    assert not torch.equal(one.turn(0)[1], one.turn(1)[1])


def test_ours_are_right_and_have_a_floor(inputs: Inputs) -> None:
    rates = floor.measure(inputs, size=64)[0]
    for variant in ours.on_threads(inputs, threads=1):
        warm_up(variant, inputs)
        least = floor.floor_seconds(variant.group, inputs, rates)
        assert least is not None
        assert least > 0
    assert ours.same_bits(inputs)


def test_baselines_are_right(inputs: Inputs) -> None:
    for variant in [*baselines.settings(inputs), *baselines.others(inputs)]:
        assert warm_up(variant, inputs).check.passed


def test_lanczos_is_right_at_full_length(inputs: Inputs) -> None:
    values = lanczos.eigvals(inputs.features, inputs.candidates, TINY.k, TINY.size, lanczos.step, whole_basis=True)
    wanted = exact_paths.torch_path(inputs.features, inputs.candidates, TINY.k)
    torch.testing.assert_close(values, wanted, rtol=1e-4, atol=1e-4)


def test_two_processes(inputs: Inputs) -> None:
    with Processes(TINY, exact_paths.NUMPY) as processes:
        wanted = exact_paths.torch_path(inputs.features, inputs.candidates, TINY.k)
        torch.testing.assert_close(processes.values(), wanted, rtol=1e-4, atol=1e-4)
        assert processes.seconds(1) > 0


def test_slope_of_linear_cost() -> None:
    rows = [{"call": "x", "n_candidates": c, "round": 0, "seconds": 2e-5 * c} for c in (1000, 10_000, 100_000)]
    assert counts.slope(rows, "x") == pytest.approx(1.0)


def test_gram_flops() -> None:
    assert CASES["b64"].gram_flops == 64 * 65 * 512


def test_table_of_targets() -> None:
    text = targets.as_table([targets.at_least("speed", 7, 8, " x")])
    assert "| speed | >= 8 x | 7.00 x | **not met** |" in text
