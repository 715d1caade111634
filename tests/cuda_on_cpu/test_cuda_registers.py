"""The exact solver of the CUDA kernels on the CPU: a matrix that the registers of a block hold, or a larger one."""

from dataclasses import replace

import pytest
import torch

from cases import make
from cuda_on_cpu.checks import check
from cuda_on_cpu.simulator import Call, simulate
from saln_kernels.matrices import Problem

HELD = {32: "registers32", 64: "registers64", 128: "registers128", 256: "shared"}  # rows that a kernel has room for
TALL = {32: 4, 64: 4, 128: 8, 256: 16}  # of them are done together
# A strip, a group of rows and the whole, one less and one more; the smaller kernel has what is less than that.
EDGES = sorted(
    {
        n
        for held, tall in TALL.items()
        for edge in (held // 2, held // 2 + tall, held - 2 * tall, held)
        for n in (edge - 1, edge, edge + 1)
        if n <= 256
    }
)


@pytest.mark.parametrize("b", [1, 2, 3, 5, 8, 9, *EDGES])
def test_any_order(b: int) -> None:
    """Values and vectors at every edge of the groups of rows that a step drops."""
    case = make(b, b + 8, count=1, similarity="cosine", padding=0, seed=b)
    [result] = check(Call(case.problem, "eigh", k=min(b, 4)))
    assert result.place == next(place for held, place in HELD.items() if b <= held)


@pytest.mark.parametrize("b", [30, 60, 120, 250])
def test_degenerate(b: int) -> None:
    """Zeros, one row over and over, a few rows over and over, the identity, blocks that nothing couples."""
    rows = torch.randn(5, b + 10, generator=torch.Generator().manual_seed(1))
    apart = torch.eye(b, b + 10)
    apart[:, :3] += torch.arange(b).unsqueeze(1) % 3 == torch.arange(3)
    several = rows[torch.arange(b) % 5]
    features = torch.cat([torch.zeros(b, b + 10), rows[:1].expand(b, -1), several, torch.eye(b, b + 10), apart])
    problem = Problem(features, torch.arange(5 * b).view(5, b))
    check(Call(problem, "eigh", k=6), Call(problem._replace(center=True), k=6))


@pytest.mark.parametrize("b", [129, 200, 256])
def test_as_in_memory(b: int) -> None:
    """Values are those of a matrix that is reduced in the workspace, to rounding."""
    case = make(b, 30, count=1, similarity="rbf", padding=0.1, seed=b)
    call = Call(case.problem, k=b)
    spread, apart = check(call, replace(call, shared_limit=66 << 10))
    assert (spread.place, apart.place) == ("shared", "global, apart")
    assert torch.allclose(spread.values, apart.values, rtol=2e-5, atol=1e-5)


def test_more_than_registers_hold() -> None:
    """The matrix is reduced where it lies, in shared memory."""
    case = make(258, 12, count=1, similarity="precomputed", padding=0)
    [result] = check(Call(case.problem, "eigh", k=3))
    assert result.place == "shared"


@pytest.mark.parametrize("b", [100, 200])
def test_no_race(b: int) -> None:
    case = make(b, 20, count=2, similarity="rbf", padding=0.1)
    simulate(Call(case.problem, "eigh", k=2, grid=1), sanitizer="thread")
