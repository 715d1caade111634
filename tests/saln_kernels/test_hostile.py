"""Tensors that are in order and unlike any other: of every layout and size, from anywhere, of numbers at every edge."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import saln_kernels
from contract.backends import cpu
from contract.calls import Call
from every_function import CANDIDATES, everything
from properties.bounds import assert_right
from saln_kernels.matrices import Problem

pytestmark = pytest.mark.usefixtures("on_cpu")
SOURCE = torch.Generator().manual_seed(0)


def assert_same(features: Tensor, candidates: Tensor, plain: Tensor, rows: Tensor) -> None:
    """To the bit, what plain tensors give."""
    for one, other in zip(everything(features, candidates), everything(plain, rows), strict=True):
        assert torch.equal(one.nan_to_num(7), other.nan_to_num(7))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_rows_that_share_their_memory(dtype: torch.dtype) -> None:
    """A row repeated by a stride of 0, a column so, and windows of one signal."""
    signal = torch.randn(60, generator=SOURCE, dtype=dtype)
    for features in (signal[:9].expand(40, 9), signal[:40, None].expand(40, 9), signal.as_strided((40, 9), (1, 1))):
        assert_same(features, CANDIDATES, features.contiguous(), CANDIDATES)
    one = CANDIDATES[0].expand(3, 12)
    assert_same(signal.as_strided((40, 9), (1, 1)), one, signal.as_strided((40, 9), (1, 1)), one.contiguous())
    assert_same(
        signal.view(30, 2).repeat(2, 1), CANDIDATES.mT.contiguous().mT, signal.view(30, 2).repeat(2, 1), CANDIDATES
    )


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
def test_mapped_and_read_only(tmp_path: Path) -> None:
    plain = torch.randn(40, 9, generator=SOURCE)
    np.save(tmp_path / "x.npy", plain.numpy())
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert_same(torch.from_numpy(mapped), CANDIDATES, plain, CANDIDATES)


class Marked(Tensor):
    """A subclass with nothing of its own."""


@pytest.mark.parametrize("kind", [torch.nn.Parameter, lambda x: x.as_subclass(Marked)], ids=["parameter", "subclass"])
def test_subclasses(kind: Any) -> None:
    plain = torch.randn(40, 9, generator=SOURCE)
    found = [each.detach() for each in everything(kind(plain.clone()), CANDIDATES)]
    for one, other in zip(found, everything(plain, CANDIDATES), strict=True):
        assert torch.equal(one, other)


def test_offsets_past_int32(tmp_path: Path) -> None:
    """Rows whose place in memory no int32 holds, in a file with a hole; of a matrix, columns too."""
    width, beyond = 4096, 2**31 + 2**21
    whole = torch.from_file(str(tmp_path / "x.bin"), shared=True, size=beyond, dtype=torch.bfloat16)
    features = whole.view(-1, width)
    features[-40:] = torch.randn(40, width, generator=SOURCE).bfloat16()
    first = len(features) - 40
    assert first * width > 2**31
    assert_same(features, CANDIDATES + first, features[-40:].clone(), CANDIDATES)
    turned = whole.view(width, -1).mT
    assert turned.shape[1] * turned.stride(1) > 2**31 - 2**21
    assert_same(turned, CANDIDATES + first, turned[-40:].contiguous(), CANDIDATES)

    n = 46_341  # n² is past int32
    square = whole[: n * n].view(n, n)
    square[-40:, -40:] = torch.eye(40).bfloat16()
    last = CANDIDATES + n - 40
    found = saln_kernels.topk_eigvals(square, last, 12, similarity="precomputed")
    torch.testing.assert_close(found, torch.ones(3, 12))


def test_candidates_by_the_million() -> None:
    """2²¹ of them, each what it is alone."""
    features = torch.randn(50, 3, generator=SOURCE)
    pairs = torch.cartesian_prod(torch.arange(50), torch.arange(50))
    which = torch.randint(len(pairs), (2**21,), generator=SOURCE)
    alone = saln_kernels.topk_eigvals(features, pairs, 2)
    assert torch.equal(saln_kernels.topk_eigvals(features, pairs[which].int(), 2), alone[which])


def blocks() -> Tensor:
    """Rows at right angles, each four times: every eigenvalue of a candidate is repeated, and its graph falls apart."""
    return torch.eye(10).repeat(4, 1)


KINDS = {
    "denormal": torch.randn(40, 9, generator=SOURCE) * 2.0**-140,
    "tiny": torch.randn(40, 9, generator=SOURCE) * 1e-18,
    "large": torch.randn(40, 9, generator=SOURCE) * 1e17,
    "of every size": torch.randn(40, 9, generator=SOURCE) * 10.0 ** torch.arange(40).sub(20).mul(0.8).view(-1, 1),
    "zeros": torch.zeros(40, 9),
    "equal rows": torch.randn(1, 9, generator=SOURCE).repeat(40, 1),
    "rank 1": torch.randn(40, 1, generator=SOURCE) * torch.randn(1, 9, generator=SOURCE),
    "blocks": blocks(),
    "a hair apart": torch.ones(40, 9) + torch.randn(40, 9, generator=SOURCE) * 2.0**-22,
    "one far away": torch.cat([torch.randn(39, 9, generator=SOURCE), torch.full((1, 9), 1e9)]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_numbers_at_the_edge(kind: str, dtype: torch.dtype) -> None:
    """Right within what rounding allows, whatever is asked for."""
    candidates = torch.cat([CANDIDATES, CANDIDATES.clone()])
    candidates[3, 1:] = -1  # a row alone
    candidates[4, ::2] = -1
    candidates[5] = -1
    for similarity in ("linear", "cosine"):
        for center in (False, True):
            problem = Problem(KINDS[kind].to(dtype), candidates, similarity=similarity, center=center)
            for output, k in (("gram", 1), ("eigvals", 12), ("eigh", 12), ("eigh", 3), ("fiedler", 1)):
                [found] = cpu(call := Call(problem, output, k=k, solver="exact"))
                assert_right(call, found)


@pytest.mark.parametrize("value", [1e20, 3e38])
def test_products_that_overflow(value: float) -> None:
    """NaN for exactly the candidates that hold such a row, and nothing else is touched."""
    plain = torch.randn(40, 9, generator=SOURCE)
    features = plain.clone()
    row = CANDIDATES[0, 0]
    features[row] = value
    holds = (row == CANDIDATES).any(dim=1)
    clean = [saln_kernels.gram(plain, CANDIDATES), saln_kernels.topk_eigvals(plain, CANDIDATES, 4)]
    spoiled = [saln_kernels.gram(features, CANDIDATES), saln_kernels.topk_eigvals(features, CANDIDATES, 4)]
    for one, other in zip(spoiled, clean, strict=True):
        assert one[holds].isnan().all()
        assert torch.equal(one[~holds], other[~holds])
