"""What the three greedy functions share: arguments, bad rows, invariance, memory, instruction sets, torch ops."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import saln_kernels
from cases import Case, make
from saln_kernels import Greedy, greedy_logdet, k_center, maxvol
from saln_kernels.matrices import Problem

ALL: dict[str, Callable[..., Greedy]] = {"greedy_logdet": greedy_logdet, "maxvol": maxvol, "k_center": k_center}


def every(case: Case, candidates: torch.Tensor, size: int, **options: Any) -> dict[str, torch.Tensor]:
    """All methods, in all the ways they run: positions and gains by name."""
    few = max(1, size // 10)
    runs = {
        "logdet, all pairs": greedy_logdet(case.features, candidates, size, **case.options, **options),
        "logdet, columns": greedy_logdet(case.features, candidates, few, sigma=0.0, **case.options, **options),
        "maxvol": maxvol(case.features, candidates, min(size, case.features.shape[1]), **options),
        "k-center": k_center(case.features, candidates, size, **options),
    }
    return {f"{name} {field}": value for name, run in runs.items() for field, value in run._asdict().items()}


def assert_same(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor], index: Any) -> None:
    for name, result in found.items():
        assert torch.equal(result.nan_to_num(7), wanted[name][index].nan_to_num(7)), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("similarity", ["linear", "cosine", "rbf", "gradient"])
def test_invariance(cpu: str, threads: None, dtype: torch.dtype, similarity: str) -> None:
    """To the bit the same with one thread or three, alone or in company, whatever the company's order."""
    case = make(150, 48, count=7, dtype=dtype, similarity=similarity, center=True, quality=True, rows=400, seed=1)
    case.candidates[4] = -1
    case.features[case.candidates[5, 0]] = torch.nan
    torch.set_num_threads(1)
    whole = every(case, case.candidates, 60)
    torch.set_num_threads(3)
    assert_same(every(case, case.candidates, 60), whole, slice(None))
    assert_same(every(case, case.candidates[2:3], 60), whole, slice(2, 3))
    assert_same(every(case, case.candidates[:2], 60), whole, slice(0, 2))
    order = torch.tensor([6, 2, 5, 0, 1, 3, 4])
    assert_same(every(case, case.candidates[order], 60), whole, order)
    assert_same(every(case, case.candidates.int(), 60), whole, slice(None))


def test_threads_share_one_large_super_batch(cpu: str, on_cpu: None, threads: None) -> None:
    """Large enough that every loop that can be divided is."""
    case = make(2600, 256, count=1, rows=3000, padding=0.01, seed=2)
    runs = {}
    for count in (1, 3):
        torch.set_num_threads(count)
        runs[count] = {
            similarity: greedy_logdet(case.features, case.candidates, 12, similarity=similarity, center=True)
            for similarity in ("linear", "cosine")
        } | {
            "k": k_center(case.features, case.candidates, 12),
            "pairs": greedy_logdet(case.features, case.candidates[:, :700], 200),
            "bfloat16": greedy_logdet(case.features.bfloat16(), case.candidates, 12),
        }
    for name, run in runs[1].items():
        assert torch.equal(run.positions, runs[3][name].positions), name
        assert torch.equal(run.gains, runs[3][name].gains), name


@pytest.mark.parametrize("name", ALL)
def test_bad_candidates(backend: str, name: str) -> None:
    """A value that is not finite, or a row number out of range: that candidate alone."""
    x = torch.randn(12, 6, generator=torch.Generator().manual_seed(3))
    x[7, 5] = torch.inf
    x[8, 2] = torch.nan
    candidates = torch.tensor([[0, 1, 2, 3], [4, 7, 5, 6], [1, 2, -1, 8], [12, 1, 2, 3], [-2, 1, 2, 3], [3, 2, -1, 0]])
    columns = x[:, :3].clone() if name == "maxvol" else x  # maxvol reads no further column
    found = ALL[name](x, candidates, 3, check_bounds=False, backend=backend)
    good = [0, 1, 5] if name == "maxvol" else [0, 5]
    bad = [row for row in range(6) if row not in good]
    assert bool((found.positions[bad] == -1).all())
    assert bool(torch.isnan(found.gains[bad]).all())
    alone = ALL[name](columns, candidates[good], 3, check_bounds=False, backend=backend)
    assert torch.equal(found.positions[good], alone.positions)
    assert torch.equal(found.gains[good], alone.gains)
    with pytest.raises(IndexError, match=r"candidates\[3, 0\] is 12"):
        ALL[name](x, candidates, 3, check_bounds=True, backend=backend)


@pytest.mark.parametrize("source", ["residuals", "quality", "entry"])
def test_bad_values_beside_features(backend: str, source: str) -> None:
    case = make(6, 6, count=3, similarity="precomputed" if source == "entry" else "gradient", quality=True, padding=0)
    case = case.definite()
    bad = case.candidates[1]
    if source == "entry":
        case.features[bad[2], bad[4]] = case.features[bad[4], bad[2]] = torch.nan
        case.features[bad[0], bad[1]] = torch.inf
        only = [c for c in (0, 2) if not {int(bad[2]), int(bad[4])} <= set(case.candidates[c].tolist())]
        only = [c for c in only if not {int(bad[0]), int(bad[1])} <= set(case.candidates[c].tolist())]
    else:
        case.options[source][bad[3]] = torch.nan
        only = [c for c in (0, 2) if int(bad[3]) not in case.candidates[c].tolist()]
    # Not among the chosen, and not on the diagonal: found all the same.
    positions, gains = greedy_logdet(case.features, case.candidates, 1, backend=backend, **case.options)
    assert positions[1].tolist() == [-1]
    assert bool(torch.isnan(gains[1]).all())
    assert bool((positions[only] >= 0).all())


@pytest.mark.parametrize("name", ALL)
def test_sizes_and_padding(backend: str, name: str) -> None:
    x = torch.randn(9, 9, generator=torch.Generator().manual_seed(8))
    candidates = torch.tensor([[-1, 3, -1, 5, 0, -1, -1, -1, 8], [-1] * 9, [0, 1, 2, 3, 4, 5, 6, 7, 8]])
    none = ALL[name](x, candidates, 0, backend=backend)
    assert none.positions.shape == none.gains.shape == (3, 0)
    found = ALL[name](x, candidates, 9, backend=backend)
    assert sorted(found.positions[0].tolist()) == [-1] * 5 + [1, 3, 4, 8]
    assert sorted(found.positions[2].tolist()) == list(range(9))
    assert found.gains[0, 4:].tolist() == [0] * 5
    assert found.positions[1].tolist() == [-1] * 9
    assert found.gains[1].tolist() == [0] * 9
    empty = ALL[name](x, candidates[:0], 4, backend=backend)
    assert empty.positions.shape == empty.gains.shape == (0, 4)
    single = ALL[name](x, torch.tensor([[2]]), 1, backend=backend)
    assert single.positions.tolist() == [[0]]
    assert found.positions.dtype == torch.int64
    assert found.gains.dtype == torch.float32
    assert ALL[name](x.double(), candidates, 2, backend=backend).gains.dtype == torch.float64
    # Where the padding stands changes nothing, but for the shape of the super-batch.
    moved = ALL[name](x, candidates[:1].flip(1).flip(1), 9, backend=backend)
    assert torch.equal(moved.positions[0], found.positions[0])


@pytest.mark.parametrize("name", ALL)
def test_strides(cpu: str, name: str) -> None:
    """Columns apart, rows apart, candidates transposed: read where they lie, or converted."""
    case = make(20, 20, count=4, seed=4)
    wanted = ALL[name](case.features, case.candidates, 10)
    apart = torch.zeros(len(case.features), 64)[:, ::3][:, :20].copy_(case.features)
    for features in (case.features.mT.contiguous().mT, apart, torch.cat([case.features] * 2, dim=1)[:, 20:]):
        found = ALL[name](features, case.candidates.mT.contiguous().mT, 10)
        assert torch.equal(found.positions, wanted.positions)
        assert torch.equal(found.gains, wanted.gains)


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("greedy_logdet", {"size": 5}, ValueError, "size is 5; wanted 0 <= size <= 4, the columns of candidates"),
        ("k_center", {"size": -1}, ValueError, "size is -1; wanted 0 <= size <= 4"),
        ("greedy_logdet", {"size": 2.0}, TypeError, "size is 2.0, a float; wanted an int"),
        ("maxvol", {"size": 4}, ValueError, "size is 4; wanted at most the 3 columns of features"),
        ("greedy_logdet", {"sigma": -1.0}, ValueError, "sigma is -1.0; wanted a finite number, 0 or positive"),
        ("greedy_logdet", {"sigma": float("nan")}, ValueError, "sigma is nan"),
        ("greedy_logdet", {"similarity": "gradient"}, ValueError, "residuals is None"),
        ("greedy_logdet", {"backend": "gpu"}, ValueError, "backend is 'gpu'"),
        ("maxvol", {"tolerance": 0.9}, ValueError, "tolerance is 0.9; wanted a finite factor of at least 1"),
        ("maxvol", {"max_swaps": -1}, ValueError, "max_swaps is -1; wanted 0 or more"),
        ("k_center", {"similarity": "rbf"}, ValueError, "similarity is 'rbf'; wanted one of 'linear', 'cosine'"),
        ("k_center", {"start": 4}, ValueError, "start is 4; wanted 0 <= start < 4"),
        ("k_center", {"start": torch.zeros(2)}, TypeError, "start has dtype torch.float32; wanted int32 or int64"),
        ("k_center", {"start": torch.zeros(3, dtype=torch.long)}, ValueError, r"start has shape \[3\]; wanted \[2\]"),
        ("k_center", {"features": [1.0]}, TypeError, "features is a list; wanted a torch tensor"),
    ],
)
def test_wrong_arguments(
    on_cpu: None, name: str, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    given = {"features": torch.randn(6, 3), "candidates": torch.tensor([[0, 1, 2, 3], [2, 3, 4, 5]]), "size": 2}
    with pytest.raises(error, match=message):
        ALL[name](**{**given, **options})


def test_not_differentiable(backend: str) -> None:
    x = torch.randn(8, 4, requires_grad=True)
    candidates = torch.arange(8).unsqueeze(0)
    for method in ALL.values():
        assert not method(x, candidates, 3, backend=backend).gains.requires_grad


OPS = {"greedy_logdet": (3, 1.0), "maxvol": (3, 1.05, 10), "k_center": (3, None)}


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_opcheck(cpu: str, place: Callable[..., torch.Tensor], name: str, dtype: torch.dtype) -> None:
    case = make(6, 4, count=3, dtype=dtype, index=torch.int32)
    problem = (place(part) if isinstance(part, torch.Tensor) else part for part in case.problem)
    torch.library.opcheck(getattr(torch.ops.saln, name), (*problem, *OPS[name]))


def test_meta_shapes(cpu: str) -> None:
    features = torch.empty(1000, 64, device="meta", dtype=torch.bfloat16)
    candidates = torch.empty(10**6, 320, device="meta", dtype=torch.int32)
    positions, gains = torch.ops.saln.maxvol(*Problem(features, candidates), 60, 1.05, 100)
    assert positions.shape == gains.shape == (10**6, 60)
    assert (positions.dtype, gains.dtype) == (torch.int64, torch.float32)


@pytest.mark.parametrize("dynamic", [False, True])
def test_compile(cpu: str, on_cpu: None, dynamic: bool) -> None:
    def choose(features: torch.Tensor, candidates: torch.Tensor, residuals: torch.Tensor) -> list[Greedy]:
        return [
            greedy_logdet(features, candidates, 4, similarity="gradient", residuals=residuals, center=True),
            maxvol(features, candidates, 3),
            k_center(features, candidates, 4, start=1),
        ]

    torch._dynamo.reset()
    compiled = torch.compile(choose, fullgraph=True, dynamic=dynamic, backend="aot_eager")
    for b in (6, 9):
        case = make(b, 5, count=4, dtype=torch.float64, similarity="gradient")
        given = (case.features, case.candidates, case.options["residuals"])
        for found, wanted in zip(compiled(*given), choose(*given), strict=True):
            assert torch.equal(found.positions, wanted.positions)
            torch.testing.assert_close(found.gains, wanted.gains)


PACKAGE = Path(saln_kernels.__file__).parents[1]


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter that finds the package and the test helpers."""
    path = os.pathsep.join([str(PACKAGE), str(PACKAGE / "tests")])
    environment = {**os.environ, "PYTHONPATH": path, **environment}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


MEMORY = """
import resource, torch
from saln_kernels import greedy_logdet, k_center, maxvol
torch.set_num_threads(2)
b, d = 12_000, 16
features = torch.randn(b, d)
candidates = torch.arange(b).unsqueeze(0)
def everything(c):
    for similarity in ("linear", "rbf"):
        greedy_logdet(features, c, 8, similarity=similarity)
    greedy_logdet(features, c, 8, center=True)
    k_center(features, c, 300)
    maxvol(features, c, 16)
everything(candidates[:, :400])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
everything(candidates)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def test_memory(cpu: str, on_cpu: None) -> None:
    """Nothing of size b x b, which were 549 MiB, nor k-center's size x b, 14 MiB."""
    run = python(MEMORY)
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) <= 12


ISA = """
import torch, saln_kernels
from cases import make
assert saln_kernels.build_info().cpu_isa_in_use == {isa!r}
for similarity in ("linear", "gradient", "rbf"):
    for dtype in (torch.float64, torch.bfloat16):
        for b, size in ((40, 3), (33, 20)):
            case = make(b, 37, count=3, dtype=dtype, similarity=similarity, quality=True, center=True, seed=5)
            for name, options in (("greedy_logdet", case.options), ("k_center", {}), ("maxvol", {})):
                call = getattr(saln_kernels, name)
                found = call(case.features, case.candidates, size, **options)
                wanted = call(case.features, case.candidates, size, backend="reference", **options)
                assert torch.equal(found.positions, wanted.positions), (name, similarity, dtype, b)
                torch.testing.assert_close(found.gains, wanted.gains, rtol=2e-4, atol=2e-4)
print("ran")
"""


@pytest.mark.parametrize("isa", ["portable", "avx2", "avx512", "avx512_bf16"])
def test_instruction_sets(cpu: str, on_cpu: None, isa: str) -> None:
    """Every compiled variant gives right answers, or says clearly that this processor lacks it."""
    run = python(ISA.replace("{isa!r}", repr(isa)), SALN_CPU_ISA=isa)
    if run.returncode:
        lacks = f"SALN_CPU_ISA={isa}: this processor does not support it"
        assert isa != "portable", run.stderr
        assert lacks in run.stderr, run.stderr
        pytest.skip(lacks)
    assert run.stdout.strip() == "ran"
