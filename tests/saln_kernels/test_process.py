"""What needs a process of its own: memory, instruction sets, loading."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import saln_kernels

pytestmark = pytest.mark.usefixtures("on_cpu")

PACKAGE = Path(saln_kernels.__file__).parents[1]
HELPERS = Path(__file__).parents[1]


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter that finds the package and the test helpers."""
    path = os.pathsep.join([str(PACKAGE), str(HELPERS)])
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


MEMORY = """
import resource, torch, saln_kernels
torch.set_num_threads(2)
C, b, d, k = 100_000, 64, 512, 8
features = torch.randn(4096, d)
candidates = torch.randint(0, 4096, (C, b), dtype=torch.int32)
call = lambda c: saln_kernels.topk_eigvals(features, c, k)
call(candidates[:64])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
result = call(candidates)
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
results = result if isinstance(result, tuple) else (result,)
own = sum(r.numel() * r.element_size() for r in results) + C * k * 4
print((grown - own) / 2**20)
"""


def test_memory(cpu: str) -> None:
    """Memory over inputs and outputs does not grow with the number of candidates: 100 000 of 64 rows, in MiB."""
    run = python(MEMORY)
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) <= 64


LONG_ROWS = """
import resource, torch, saln_kernels
torch.set_num_threads(2)
b, d = 512, 151_936
features = torch.empty(b + 8, d, dtype={dtype})
for row in features:
    row.normal_()
candidates = torch.stack([torch.randperm(b + 8)[:b] for _ in range(2)])
candidates[torch.rand(candidates.shape) < 0.1] = -1
saln_kernels.score_batches(features[:4], torch.tensor([[0, 1]] * 8), "nuclear_norm")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
saln_kernels.score_batches(features, candidates, "nuclear_norm", similarity={similarity!r})
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**10)
"""


@pytest.mark.parametrize(
    ("dtype", "similarity"), [("bfloat16", "linear"), ("float16", "linear"), ("bfloat16", "cosine")]
)
def test_memory_of_long_rows(cpu: str, dtype: str, similarity: str) -> None:
    """Nor with the length of rows: logits of 512 tokens of a large vocabulary, in MiB."""
    code = LONG_ROWS.replace("{dtype}", f"torch.{dtype}").replace("{similarity!r}", repr(similarity))
    run = python(code)
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) <= 64


SMOKE = """
import torch, saln_kernels
from cases import make
from tolerance import assert_as_accurate
from saln_kernels.truth import reference
torch.set_num_threads(1)
assert saln_kernels.build_info().cpu_isa_in_use == {isa!r}
for b, d in ((3, 5), (17, 40), (66, 20), (131, 4137)):
    for dtype in (torch.float32, torch.float64, torch.bfloat16, torch.float16):
        case = make(b, d, count=5, dtype=dtype, similarity="cosine", quality=True)
        problem = case.problem
        low = torch.float64 if dtype == torch.float64 else torch.float32
        exact, _ = reference.eigvals(problem, b)
        plain, _ = reference.eigvals(problem, b, dtype=low)
        values, vectors = saln_kernels.topk_eigh(case.features, case.candidates, b, **case.options)
        assert_as_accurate(saln_kernels.topk_eigvals(case.features, case.candidates, b, **case.options), exact, plain)
        assert_as_accurate(values, exact, plain)
        gram = reference.gram(problem)
        assert_as_accurate(
            saln_kernels.gram(case.features, case.candidates, **case.options), gram, reference.gram(problem, dtype=low)
        )
        residual = gram @ vectors.double() - vectors.double() * values.double().unsqueeze(1)
        assert residual.abs().max() <= 64 * b * torch.finfo(low).eps * exact.abs().max()
        for criterion in ("effective_rank", "logdet", "stable_rank", "algebraic_connectivity"):
            laplacian = "unnormalized" if criterion == "algebraic_connectivity" else "none"
            found = saln_kernels.score_batches(case.features, case.candidates, criterion, **case.options)
            truth = reference.score(problem._replace(laplacian=laplacian), criterion, 1, 1.0)
            torch.testing.assert_close(found.double(), truth, rtol=1e-4, atol=1e-4)
print("ran")
"""


@pytest.mark.parametrize("isa", ["portable", "avx2", "avx512", "avx512_bf16"])
def test_instruction_sets(cpu: str, isa: str) -> None:
    """Every compiled variant gives right answers, or says clearly that this processor lacks it."""
    run = python(SMOKE.replace("{isa!r}", repr(isa)), SALN_CPU_ISA=isa)
    if run.returncode:
        lacks = f"SALN_CPU_ISA={isa}: this processor does not support it"
        assert isa != "portable", run.stderr
        assert lacks in run.stderr, run.stderr
        pytest.skip(lacks)
    assert run.stdout.strip() == "ran"


def test_unknown_instruction_set(cpu: str) -> None:
    run = python(
        "import torch, saln_kernels; saln_kernels.gram(torch.ones(2, 2), torch.tensor([[0]]))", SALN_CPU_ISA="sse9"
    )
    assert run.returncode != 0
    assert "SALN_CPU_ISA=sse9: unknown; compiled in are" in run.stderr
    assert "portable" in run.stderr


def test_first_call_inside_compile(cpu: str) -> None:
    code = """
import torch, saln_kernels
f = torch.compile(lambda x, c: saln_kernels.topk_eigvals(x, c, 1), fullgraph=True, backend="eager")
print(f(torch.eye(2), torch.tensor([[0, 1]])).item())
"""
    run = python(code)
    assert run.stdout.strip() == "1.0", run.stderr


DIRTY = """
import hashlib, torch, saln_kernels
from every_function import everything
torch.set_num_threads(2)
digest = hashlib.sha256()
sizes = ((12, 9, torch.float32), (12, 70, torch.float64), (70, 40, torch.bfloat16), (150, 300, torch.float32))
for b, d, dtype in sizes:
    source = torch.Generator().manual_seed(b)
    features = torch.randn(400, d, generator=source).to(dtype)
    candidates = torch.rand(3, 400, generator=source).argsort(dim=1)[:, :b]
    candidates[1, ::3] = -1
    for part in everything(features, candidates):
        digest.update(part.numpy().tobytes())
print(digest.hexdigest())
"""


def test_memory_that_others_used(cpu: str) -> None:
    """What malloc hands out is full of ones, of anything, or clean: the results are the same to the bit."""
    said = [python(DIRTY, MALLOC_PERTURB_=value) for value in ("0", "85", "254")]
    assert all(run.returncode == 0 for run in said), said[0].stderr
    assert len({run.stdout for run in said}) == 1
