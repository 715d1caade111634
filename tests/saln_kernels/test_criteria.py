"""Criteria where eigenvalues are known: those of repeated orthonormal rows are the numbers of repeats."""

import math
import re
from decimal import Decimal, localcontext
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor

import saln_kernels
from saln_kernels.criteria import CRITERIA

TABLE = Path(__file__).parents[2] / "csrc" / "core" / "criteria.def"
COUNTS = (24, 9, 4, 2, 1)
ORDERS = (0.0, 0.1, 0.5, 0.9, 0.999999, 1.0, 1 + 1e-9, 1.0001, 1.4, 1.6, 2.0, 30.0, 300.0, 1000.0, 1e300, math.inf)


def repeated(counts: tuple[int, ...], d: int, dtype: torch.dtype) -> Tensor:
    """Rows of a rotation, each so many times, [sum of counts, d]: cosine or linear, the eigenvalues are counts."""
    half = torch.randn(d, d, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    rows = torch.linalg.qr(half).Q[: len(counts)]
    return rows.repeat_interleave(torch.tensor(counts), dim=0).to(dtype)


def hill_number(counts: tuple[int, ...], q: float) -> float:
    """Of the shares that counts are of their sum, to 60 digits."""
    with localcontext() as context:
        context.prec = 60
        shares = [Decimal(count) / sum(counts) for count in counts]
        if q == 1:
            return float((-sum((p * p.ln() for p in shares), Decimal(0))).exp())
        if math.isinf(q):
            return float(1 / max(shares))
        # The largest taken out, so that orders of any size have a sum.
        order, top = Decimal(q), max(shares)
        total = sum(((order * (p / top).ln()).exp() for p in shares), Decimal(0))
        return float(((order * top.ln() + total.ln()) / (1 - order)).exp())


def score(features: Tensor, criterion: str, backend: str, **options: object) -> float:
    rows = torch.arange(len(features)).unsqueeze(0)
    return saln_kernels.score_batches(features, rows, criterion, backend=backend, **options).item()


def test_tables_agree() -> None:
    """C++ and Python have the same criteria, needs and parameters, in the same order."""
    lines = re.findall(r"^SALN_CRITERION\((\w+), (\w+), (\w+)\)$", TABLE.read_text(), re.MULTILINE)
    assert lines == [(name, row.needs, row.parameter) for name, row in CRITERIA.items()]


@pytest.mark.parametrize("q", ORDERS)
@pytest.mark.parametrize("similarity", ["linear", "cosine"])
@pytest.mark.parametrize("d", [5, 100])
def test_orders_of_vendi(backend: str, q: float, similarity: str, d: int) -> None:
    """Every order, on both sides of the Gram matrix; a factor of the rows changes nothing."""
    wanted = hill_number(COUNTS, q)
    for dtype, slack in ((torch.float32, 3e-6), (torch.float64, 1e-12)):
        features = repeated(COUNTS, d, dtype)
        for factor in (1.0, 3.0):
            found = score(factor * features, "vendi", backend, q=q, similarity=similarity)
            assert found == pytest.approx(wanted, rel=slack), (dtype, factor)


def test_vendi_falls_with_its_order(backend: str) -> None:
    """On a spectrum without ties or zeros, to the resolution of neighbouring orders in float32."""
    features = torch.randn(64, 512, generator=torch.Generator().manual_seed(0))
    found = [score(features, "vendi", backend, q=q, similarity="cosine") for q in ORDERS]
    assert all(later <= before * (1 + 1e-6) for before, later in pairwise(found))
    assert found[0] == 64
    assert found[5] == pytest.approx(score(features, "effective_rank", backend, similarity="cosine"), rel=1e-6)


@pytest.mark.parametrize(("b", "d"), [(16, 64), (64, 512), (100, 7), (256, 1024)])
def test_copies_of_one_row(backend: str, b: int, d: int) -> None:
    """Rounding of zero eigenvalues is no eigenvalue: a root of it would be 0.7 to 2.6 % of the whole."""
    row = torch.randn(1, d, generator=torch.Generator().manual_seed(b))
    features = row.expand(b, d).contiguous()
    norm = row.double().norm().item() * math.sqrt(b)
    assert score(features, "nuclear_norm", backend) == pytest.approx(norm, rel=2e-6)
    for q in (0.0, 0.1, 0.5, 0.9, 1.0):
        assert score(features, "vendi", backend, q=q, similarity="cosine") == pytest.approx(1, rel=1e-5), q
    assert score(features, "effective_rank", backend) == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("d", [5, 100])
def test_nuclear_norm_of_repeated_rows(backend: str, d: int) -> None:
    wanted = sum(map(math.sqrt, COUNTS))
    for dtype, slack in ((torch.float32, 2e-6), (torch.float64, 1e-12)):
        assert score(repeated(COUNTS, d, dtype), "nuclear_norm", backend) == pytest.approx(wanted, rel=slack)


def test_centered_rows_have_one_zero(backend: str) -> None:
    """The n vertices of a simplex: n − 1 equal eigenvalues, and the zero that centering makes."""
    n = 40
    found = score(torch.eye(n, 60), "nuclear_norm", backend, center=True)
    assert found == pytest.approx(n - 1, rel=1e-6)
    assert score(torch.eye(n, 60), "vendi", backend, center=True, q=0.2) == pytest.approx(n - 1, rel=1e-5)
