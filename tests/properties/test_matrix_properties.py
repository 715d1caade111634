"""Given matrices, and all their eigenvalues: right within what rounding allows, NaN for exactly the bad."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from properties.bounds import GROWTH, assert_within
from properties.examples import examples
from properties.problems import DTYPES, KINDS, numbers
from saln_kernels import eigh, eigvalsh


@st.composite
def matrices(draw: st.DrawFn, largest: int = 48) -> Tensor:
    """[C, b, b] of any kind: what stands above the diagonal is anything."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    count, b, dtype = draw(st.integers(0, 4)), draw(st.integers(1, largest)), draw(st.sampled_from(DTYPES))
    decades = 1 if dtype == torch.float16 else 12
    kind, scale = draw(st.sampled_from(KINDS)), 10.0 ** draw(st.integers(-decades, decades))
    made = [numbers(kind, b, b, generator) for _ in range(count)]
    whole = torch.stack([each + each.mT for each in made]) * scale if count else torch.zeros(0, b, b)
    above = torch.ones(b, b, dtype=torch.bool).triu(1)
    whole = torch.where(above, draw(st.sampled_from([0.0, 5.0, float("nan")])), whole).to(dtype)
    if count and draw(st.booleans()):
        row = int(torch.randint(0, b, (1,), generator=generator))
        whole[0, row, int(torch.randint(0, row + 1, (1,), generator=generator))] = draw(
            st.sampled_from([float("nan"), float("inf"), -float("inf")])
        )
    return whole if draw(st.booleans()) else whole.permute(1, 2, 0).contiguous().permute(2, 0, 1)


def symmetric(given: Tensor) -> Tensor:
    """What is meant, in float64; zeros where a matrix is bad."""
    lower = given.double().tril()
    whole = lower + lower.mT - torch.diag_embed(lower.diagonal(dim1=1, dim2=2))
    return torch.where(bad(given).view(-1, 1, 1), 0.0, whole)


def bad(given: Tensor) -> Tensor:
    """Which [C] hold what is not finite, below the diagonal or on it."""
    return ~given.tril().isfinite().all(dim=2).all(dim=1)


@pytest.mark.usefixtures("on_cpu")
@examples(400)
@given(given_matrices=matrices(), data=st.data())
def test_right(given_matrices: Tensor, data: st.DataObject) -> None:
    b = given_matrices.shape[1]
    k = data.draw(st.none() | st.integers(1, b))
    values, vectors = eigh(given_matrices, k)
    alone = eigvalsh(given_matrices, k)
    whole = symmetric(given_matrices)
    spoilt, norm = bad(given_matrices), torch.linalg.matrix_norm(whole)
    exact = torch.linalg.eigvalsh(whole).flip(1)[:, : k or b]
    unit = GROWTH * b * torch.finfo(values.dtype).eps * norm
    for found in (values, alone):
        assert (found.diff(dim=1).nan_to_num(0) <= 0).all(), "order"
        assert_within(found, exact.masked_fill(spoilt.unsqueeze(1), torch.nan), unit)
    assert vectors[spoilt].isnan().all()
    v = vectors.double()[~spoilt]
    left = whole[~spoilt] @ v - v * values.double()[~spoilt].unsqueeze(1)
    assert (left.norm(dim=1) <= 4 * unit[~spoilt].unsqueeze(1) + torch.finfo(values.dtype).tiny).all(), "residual"
    apart = v.mT @ v - torch.eye(v.shape[2], dtype=torch.float64)
    assert (apart.abs() <= 4 * GROWTH * b * torch.finfo(values.dtype).eps).all(), "orthonormality"


@pytest.mark.usefixtures("on_cpu")
@examples(120)
@given(given_matrices=matrices(), layout=st.booleans(), earlier=matrices(20))
def test_bits_are_those_of_the_numbers(given_matrices: Tensor, layout: bool, earlier: Tensor) -> None:
    """The same alone and in company, whatever the layout, whatever was computed before."""
    whole = eigvalsh(given_matrices)
    eigh(earlier)
    again = eigvalsh(given_matrices.contiguous() if layout else given_matrices)
    assert torch.equal(whole.nan_to_num(7), again.nan_to_num(7))
    for c in range(len(whole)):
        assert torch.equal(eigvalsh(given_matrices[c : c + 1])[0].nan_to_num(7), whole[c].nan_to_num(7))
