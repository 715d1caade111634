"""Long calls are made in pieces: nobody can tell from what comes back, and Ctrl-C ends them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor

import saln_kernels
from every_function import CANDIDATES, everything
from saln_kernels.backends import pieces

pytestmark = pytest.mark.usefixtures("on_cpu")


@pytest.mark.parametrize("moment", [1.0, 60_000.0])  # a candidate a piece; two
def test_pieces_are_the_whole(monkeypatch: pytest.MonkeyPatch, moment: float) -> None:
    features = torch.randn(40, 9, generator=torch.Generator().manual_seed(0))
    square = saln_kernels.gram(features, CANDIDATES)
    starts = torch.tensor([3, 0, 7])

    def results() -> list[Tensor]:
        return [
            *everything(features, CANDIDATES),
            *saln_kernels.eigh(square),
            *saln_kernels.k_center(features, CANDIDATES, 4, start=starts),
        ]

    whole = results()
    monkeypatch.setattr(pieces, "A_MOMENT", moment)
    for one, other in zip(results(), whole, strict=True):
        assert torch.equal(one, other)
        assert one.is_contiguous() == other.is_contiguous()


def test_gradients_of_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    features = torch.randn(40, 9, dtype=torch.float64, requires_grad=True)
    (whole,) = torch.autograd.grad(saln_kernels.score_batches(features, CANDIDATES).sum(), features)
    monkeypatch.setattr(pieces, "A_MOMENT", 1.0)
    (found,) = torch.autograd.grad(saln_kernels.score_batches(features, CANDIDATES).sum(), features)
    torch.testing.assert_close(found, whole)


LONG = """
import signal, sys, torch, saln_kernels
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
torch.set_num_threads(1)
features, candidates = torch.randn(4096, 512), torch.randint(0, 4096, (2_000_000, 64), dtype=torch.int32)
print("begun", flush=True)
try:
    saln_kernels.topk_eigvals(features, candidates, 8)  # minutes
except KeyboardInterrupt:
    print(saln_kernels.topk_eigvals(features, candidates[:4], 8).shape)
"""


def test_ctrl_c_ends_a_long_call() -> None:
    """In a second where nothing else runs; what comes next works."""
    root = Path(saln_kernels.__file__).parents[1]
    process = subprocess.Popen(
        [sys.executable, "-c", LONG], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(root)}
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    time.sleep(1)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert said == "torch.Size([4, 8])\n"
    assert time.monotonic() - begun < 15
