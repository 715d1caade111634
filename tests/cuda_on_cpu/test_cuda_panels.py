"""Gram matrices by Hopper's matrix unit, on the CPU: numbers of rows and columns, padding, other pitches, races."""

import pytest
import torch

from cases import make
from cuda_on_cpu.checks import check
from cuda_on_cpu.simulator import Call, simulate
from saln_kernels.matrices import Problem

BF16, F16 = torch.bfloat16, torch.float16


def problem(b: int, d: int, dtype: torch.dtype = BF16, **options: object) -> Problem:
    """One candidate whose rows start at multiples of 16 bytes."""
    case = make(b, -(-d // 8) * 8, count=1, dtype=dtype, rows=b + 1, **options)
    return case.problem._replace(features=case.features[:, :d])


@pytest.mark.parametrize(("b", "d"), [(129, 64), (192, 63), (193, 1), (255, 72), (256, 8)])
@pytest.mark.parametrize("dtype", [BF16, F16])
def test_rows(b: int, d: int, dtype: torch.dtype) -> None:
    check(Call(problem(b, d, dtype, padding=0.05), "gram"))


@pytest.mark.parametrize("d", [256, 257, 330, 520, 590])
def test_totals(d: int) -> None:
    """More columns than the unit sums at once."""
    check(Call(problem(160, d, padding=0.0), "gram"), Call(problem(250, d, similarity="cosine", padding=0.3), "gram"))


@pytest.mark.parametrize(("b", "padding"), [(129, 0.1), (200, 0.0), (200, 0.7), (256, 0.99)])
def test_lanczos(b: int, padding: float) -> None:
    """The matrix goes on to registers; also where few rows of the candidate are real."""
    found = problem(b, 300, center=True, quality=True, padding=padding)
    check(Call(found, "eigh", k=2, solver="randomized", n_iter=9))


def test_memory_is_what_it_takes() -> None:
    """The exact solver keeps the matrix in shared memory beside the rows."""
    found = simulate(Call(problem(256, 600), "eigvals", k=1), Call(problem(256, 600, dtype=torch.float32), k=1))
    assert [result.kernel for result in found] == ["shared", "shared"]
    assert found[0].shared_bytes > found[1].shared_bytes


def test_no_race() -> None:
    simulate(Call(problem(140, 300), "gram", grid=1), sanitizer="thread")
