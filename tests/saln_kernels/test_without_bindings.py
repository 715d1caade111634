"""The module `_C` is one for each Python; everything but the planner does without it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import saln_kernels

pytestmark = pytest.mark.usefixtures("on_cpu")

ROOT = Path(saln_kernels.__file__).parents[1]

WITHOUT = """
import sys

sys.modules["saln_kernels._C"] = None  # as of a Python that there is none for
import torch
import saln, saln.doctor
import saln_kernels

found = saln.doctor.diagnose()
assert found.ok and {check.backend for check in found.checks} == {"cpu"}, found
info = saln_kernels.build_info()
assert info.version == saln_kernels.__version__
[said] = [text for text in info.missing if "saln_kernels._C" in text]
assert "the native planner, does not import" in said and "it is here for cpython-" in said, said
assert "in use: known where _C is" in str(info), info
assert "(op library: known where _C is)" in str(info), info
features = torch.randn(64, 8)
batches = list(saln.SpectralBatchSampler(features, selector="saln", batch_size=8))
assert sum(map(len, batches)) == 64
saln_kernels.plan(saln_kernels.topk_eigvals, features, torch.zeros(4, 8, dtype=torch.int64), 2)
"""


def test_all_but_the_planner_works(cpu: str) -> None:
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'python_api'}", "PATH": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", WITHOUT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    [last] = done.stderr.splitlines()[-1:]
    assert last.startswith("RuntimeError: saln_kernels._C, the native planner, does not import"), done.stderr
