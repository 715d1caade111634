"""What needs neither a GPU nor the interpreter: shapes, errors, a lazy import."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import saln_kernels
from cases import make
from saln_kernels.backends import triton as backend
from saln_kernels.backends.triton import shapes


@pytest.mark.parametrize("b", [1, 2, 15, 16, 17, 64, 65, 100, 128])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("k", [1, 8, 9, 128])
def test_shapes_hold_what_they_must(b: int, dtype: torch.dtype, k: int) -> None:
    k = min(k, b)
    for kind in ("tile", "values", "vectors", "fiedler"):
        shape = shapes.choose(b, k, kind, dtype)
        assert shape.order >= max(b, 16)
        assert shape.found >= (1 if kind == "fiedler" else k)
        assert shape.found <= shape.order
        assert (shape.points + 1) ** shape.rounds >= 2 ** (55 if dtype == torch.float64 else 26)
        assert shape.depth * shape.order * dtype.itemsize <= 16384
        for size in (shape.order, shape.found, shape.points, shape.depth, shape.warps):
            assert size & (size - 1) == 0, "tiles have power-of-two edges"
        assert shape.depth >= 16, "tl.dot takes no less"


def test_programs_are_no_more_than_candidates() -> None:
    assert shapes.programs(3, 4, 132) == 3
    assert shapes.programs(10**6, 4, 132) == 132 * 4
    assert shapes.programs(10**6, 16, 132) == 132


def test_too_large() -> None:
    case = make(129, 4, count=2)
    message = r"candidates has shape \[2, 129\], b = 129; backend='triton' serves b up to 128.*CUDA library"
    with pytest.raises(ValueError, match=message):
        backend.OPS.gram(case.problem)
    with pytest.raises(ValueError, match=r"matrices has shape \[2, 200, 200\]"):
        backend.OPS.matrix_eigh(torch.zeros(2, 200, 200), 3)


def test_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    if not torch.cuda.is_available():
        assert "no CUDA device" in str(backend.missing())
        with pytest.raises(RuntimeError, match=r"backend='triton'.*no CUDA device"):
            backend.OPS.gram(make(4, 3).problem)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert str(backend.missing()).startswith("the package triton is not installed: pip install")


def test_cpu_tensors_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "missing", lambda: None)
    monkeypatch.setattr(backend.ops, "INTERPRETED", False)
    with pytest.raises(ValueError, match="backend='triton' came with tensors on cpu; wanted tensors on cuda"):
        backend.OPS.eigvals(make(4, 3).problem, 1, "auto", 0, 0)


def test_greedy_functions_have_no_kernels() -> None:
    problem = make(4, 3).problem
    for call in (
        lambda: backend.OPS.greedy_logdet(problem, 2, 1.0),
        lambda: backend.OPS.maxvol(problem, 2, 1.05, 10),
        lambda: backend.OPS.k_center(problem, 2, None),
    ):
        with pytest.raises(RuntimeError, match=r"backend='triton' has no \w+: build the CUDA library.*'reference'"):
            call()


def test_import_loads_no_kernel() -> None:
    code = (
        "import sys, saln_kernels.backends.triton as t; t.missing(); t.OPS; "
        "loaded = [name for name in sys.modules if name.startswith('saln_kernels.backends.triton.')]; "
        "assert sorted(loaded) == [f'saln_kernels.backends.triton.{name}' for name in ('ops', 'shapes')], loaded; "
        "assert 'triton' not in sys.modules; print('ran')"
    )
    path = str(Path(saln_kernels.__file__).parents[1])
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.stdout.strip() == "ran", run.stderr
