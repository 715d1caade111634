"""The greedy CUDA kernels, compiled for the host and run there thread by thread, under AddressSanitizer and
ThreadSanitizer: picks and gains as the CPU's own.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from cases import SIMILARITIES, Case, make
from cuda_on_cpu.build import on_cpu
from cuda_on_cpu.simulator import ARRAY, array
from programs import Source, run, with_lines
from saln_kernels import Greedy, greedy_logdet, k_center, maxvol
from saln_kernels.matrices import result_dtype

pytestmark = pytest.mark.usefixtures("on_cpu")

REQUEST = struct.Struct("<" + 5 * ARRAY + "9q3d32s32s")
METHODS = {"greedy_logdet": greedy_logdet, "maxvol": maxvol, "k_center": k_center}


@dataclass
class Call:
    """Arguments of a greedy function, and how to run it."""

    method: str
    case: Case
    size: int
    sigma: float = 1.0
    max_swaps: int = 100
    start: Tensor | None = None
    grid: int = 2
    backward: bool = False
    vectors_are_shared: bool = True
    matrix_is_shared: bool = True

    def encode(self) -> bytes:
        """A GreedyRequest of greedy_on_cpu.cpp and what follows it."""
        features, candidates, options = self.case.features, self.case.candidates, self.case.options
        given = (features, candidates, options.get("residuals"), options.get("quality"), self.start)
        fields, data = zip(*map(array, given), strict=True)
        how = (self.grid, self.backward, self.vectors_are_shared, self.matrix_is_shared)
        header = REQUEST.pack(
            *(x for array_fields in fields for x in array_fields),
            *(*candidates.shape, bool(options.get("center")), self.size, self.max_swaps, *map(int, how)),
            *(1 / features.shape[1], self.sigma**2, 1.05),
            *(self.method.encode(), options["similarity"].encode()),
        )
        return header + b"".join(data)

    def expected(self) -> Greedy:
        """What the reference says."""
        options: dict[str, Any] = {"check_bounds": False, "backend": "reference"}
        if self.method == "greedy_logdet":
            options |= {**self.case.options, "sigma": self.sigma}
        elif self.method == "maxvol":
            options |= {"max_swaps": self.max_swaps}
        else:
            options |= {"start": self.start, "similarity": self.case.options["similarity"]}
        return METHODS[self.method](self.case.features, self.case.candidates, self.size, **options)


def simulate(*calls: Call, sanitizer: str = "address") -> list[Greedy]:
    executable = on_cpu("greedy", [Source(Path(__file__).with_name("greedy_on_cpu.cpp"))], sanitizer)
    done = run(executable, given=b"".join(call.encode() for call in calls))
    assert done.returncode == 0, with_lines(done.stderr.decode()[:20000])
    results, at = [], 0
    for call in calls:
        shape, dtype = (len(call.case.candidates), call.size), result_dtype(call.case.features.dtype)
        count = shape[0] * shape[1]
        positions = torch.frombuffer(bytearray(done.stdout), dtype=torch.int64, count=count, offset=at)
        at += 8 * count
        gains = torch.frombuffer(bytearray(done.stdout), dtype=dtype, count=count, offset=at)
        at += dtype.itemsize * count
        results.append(Greedy(positions.reshape(shape), gains.reshape(shape)))
    assert at == len(done.stdout)
    return results


def check(calls: list[Call], sanitizer: str = "address") -> list[Greedy]:
    """Picks as the reference's, whose cases have no near ties, gains as well."""
    found = simulate(*calls, sanitizer=sanitizer)
    for call, result in zip(calls, found, strict=True):
        wanted = call.expected()
        assert torch.equal(result.positions, wanted.positions), call
        slack = 1e-10 if result.gains.dtype == torch.float64 else 1e-4
        torch.testing.assert_close(result.gains, wanted.gains, rtol=slack, atol=slack, equal_nan=True)
    return found


def cases(b: int, d: int, **options: Any) -> Case:
    """Padding, a bad row, a row number out of range and a candidate of padding alone."""
    case = make(b, d, count=5, seed=b, **options).definite()
    case.candidates[1] = -1
    case.candidates[2, -1] = len(case.features)
    last = int(case.candidates[3, 0])
    if last >= 0 and case.options["similarity"] != "precomputed":
        case.features[last] = torch.nan
    return case


def test_logdet() -> None:
    calls = [
        Call("greedy_logdet", cases(b, 21, dtype=dtype, similarity=similarity, center=both, quality=both), size, sigma)
        for similarity in SIMILARITIES
        for dtype in (torch.float32, torch.float64)
        for b, size, sigma, both in ((1, 1, 1.0, False), (9, 4, 0.0, True), (37, 12, 1.0, True), (70, 10, 0.5, False))
    ]
    check(calls)


def test_maxvol_and_k_center() -> None:
    calls = []
    for dtype in (torch.float32, torch.float64):
        for b, size in ((1, 1), (9, 9), (40, 13)):
            calls.append(Call("maxvol", cases(b, 15, dtype=dtype), size))
            calls.append(Call("maxvol", cases(b, 15, dtype=dtype), size, max_swaps=0))
            for similarity in ("linear", "cosine"):
                start = torch.tensor([0, 0, 0, b - 1, b])
                calls.append(Call("k_center", cases(b, 15, dtype=dtype, similarity=similarity), size, start=start))
    check(calls)


@pytest.mark.parametrize("method", METHODS)
def test_exhausted(method: str) -> None:
    """Three different rows among twelve: what is left follows, lowest first."""
    case = make(12, 13, count=2, padding=0)
    case.features[3:] = case.features[:3].repeat(8, 1)
    check([Call(method, case, 12, sigma=0.0), Call(method, case, 12, sigma=0.0, backward=True)])


@pytest.mark.parametrize("method", METHODS)
def test_rows_set_aside(method: str) -> None:
    """Rows of huge numbers between others, a candidate of them alone, cosine rows of any length."""
    case = make(40, 41, count=4, seed=2, padding=0.1)
    huge = case.candidates[:, ::9].flatten()
    case.features[huge[huge >= 0], 3] = 3e38
    case.candidates[3] = -1
    case.candidates[3, 1:4] = case.candidates[0, :27:9]
    calls = [Call(method, case, size, backward=size == 40) for size in (5, 40)]
    if method == "greedy_logdet":
        weighted = make(40, 41, count=2, similarity="gradient", center=True, quality=True, seed=3)
        weighted.options["quality"][weighted.candidates[0, :2]] = 1e21
        weighted.options["residuals"][weighted.candidates[1, :2]] = 1e21
        calls.append(Call(method, weighted, 40))
    if method != "maxvol":
        scaled = make(40, 41, count=2, similarity="cosine", seed=4)
        scaled.features *= 2.0 ** torch.tensor([-120.0, -70.0, 0.0, 66.0, 122.0])[torch.arange(83) % 5].unsqueeze(1)
        calls.append(Call(method, scaled, 12))
    found = check(calls)
    assert bool(found[0].gains[3, :3].isnan().all())
    assert found[1].positions[3, :3].tolist() == [1, 2, 3]


@pytest.mark.parametrize("method", METHODS)
def test_where_memory_is_and_how_blocks_run_changes_no_bit(method: str) -> None:
    case = make(33, 20, count=4, similarity="cosine", dtype=torch.bfloat16, seed=1)
    ways = [
        Call(method, case, 9, grid=grid, backward=backward, vectors_are_shared=vectors, matrix_is_shared=matrix)
        for grid, backward, vectors, matrix in (
            (1, False, True, True),
            (4, True, True, True),
            (3, False, True, False),
            (2, True, False, False),
        )
    ]
    first, *rest = simulate(*ways)
    for other in rest:
        assert torch.equal(other.positions, first.positions)
        assert torch.equal(other.gains, first.gains)


def test_no_race() -> None:
    """Under ThreadSanitizer."""
    calls = []
    for method in METHODS:
        for similarity in ("linear", "cosine") if method == "k_center" else ("gradient", "rbf", "precomputed"):
            case = cases(20, 20, similarity="linear" if method == "maxvol" else similarity, center=True, quality=True)
            if method != "greedy_logdet":
                case.options.update(center=False, quality=None, residuals=None)
            calls.append(Call(method, case, 6))
            calls.append(Call(method, case, 6, backward=True, vectors_are_shared=False, matrix_is_shared=False))
    check(calls, sanitizer="thread")
