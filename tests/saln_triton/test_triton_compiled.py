"""Machine code for every architecture, without a GPU: it compiles, it can be launched, and its figures are known.

A sample that meets every architecture, dtype, order and kind of result; `python -m tools.triton_compiled`
compiles all of them.
"""

import pytest
import torch
from triton.compiler.errors import CompilationError

from saln_kernels.backends.triton.launch import Task
from saln_kernels.backends.triton.shapes import Need
from tools.triton_compiled import SHARED_LIMIT, Configuration, build, configurations, row

# Bytes a thread may spill. Up to B = 64 these are a few addresses, stored before the loop over candidates and loaded
# once each; a tile of 128 leaves too few registers for addresses beside it, and spills some in every step that moves
# the tile.
SPILLED = {16: 128, 32: 128, 64: 128, 128: 1280}

SAMPLE = [
    Configuration(Task("values", "spectrum", 8), 64, torch.float32, 90),
    Configuration(Task("values", "spectrum", 128), 128, torch.bfloat16, 90),
    Configuration(Task("vectors", "spectrum", 8), 32, torch.float16, 80),
    Configuration(Task("gram", "tile", 1), 128, torch.float64, 80),
    Configuration(Task("score", "spectrum", 64, "vendi", "other", 1.5), 64, torch.bfloat16, 100),
    Configuration(Task("fiedler", "fiedler", 1), 16, torch.float64, 100),
    Configuration(Task("score", "pivots", 1, "logdet"), 128, torch.float32, 120),
    Configuration(Task("vectors", "spectrum", 32), 32, torch.float64, 120),
]


@pytest.mark.parametrize("configuration", SAMPLE, ids=lambda c: f"sm{c.capability}-{c.task.output}-{c.b}-{c.dtype}")
def test_resources(configuration: Configuration) -> None:
    assert configuration in list(configurations(configuration.capability))
    found = build(configuration)
    assert 0 < found.shared <= SHARED_LIMIT[configuration.capability]
    assert 0 < found.registers * 32 * found.shape.warps <= 65536
    assert found.spilled <= SPILLED[configuration.b], row(configuration, found)


@pytest.mark.parametrize("need", ["spectrum", "moments"])
def test_a_criterion_without_a_formula(need: Need) -> None:
    with pytest.raises(CompilationError) as raised:
        build(Configuration(Task("score", need, 16, "unheard_of"), 16, torch.float32, 90))
    # The outermost names the call, its cause the assertion in what is called.
    assert "without a formula" in str(raised.value.__cause__)


def test_the_sample_meets_everything() -> None:
    everything = [one for capability in SHARED_LIMIT for one in configurations(capability)]
    for pick in (
        lambda one: one.capability,
        lambda one: one.b,
        lambda one: one.dtype,
        lambda one: one.task.output,
    ):
        assert {pick(one) for one in SAMPLE} == {pick(one) for one in everything}
