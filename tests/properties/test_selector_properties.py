"""Every selector on super-batches that nobody thought of: so many different rows, none that is broken."""

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from properties.examples import examples
from properties.problems import KINDS, laid_out, numbers
from saln import SuperBatch, make_selector, select
from saln.selectors import SELECTORS
from saln.superbatch import FLOATS, SHAPES
from saln.testing import example, expect_rows, generator

# They go by rows alone: neither by chance, nor by an order that is remembered or breaks ties, as between the last two
# rows of facility location, which serve each other alike.
BY_ROWS = (
    "divbs", "gradient_logdet", "gradient_logdet_agreement", "gradient_logdet_learnable", "graft",
    "herding", "k_center", "lowest_degree", "rho_loss", "saln",
)  # fmt: skip
BY_COLUMNS = ("auto",)  # that are standardised
BROKEN = (float("nan"), float("inf"), -float("inf"))


@st.composite
def super_batches(draw: st.DrawFn) -> SuperBatch:
    """Rows of any kind, dtype and layout, a few of them broken."""
    seed, rows = draw(st.integers(0, 2**31)), draw(st.integers(1, 40))
    source, dtype = generator(seed), draw(st.sampled_from(FLOATS))
    made = numbers(draw(st.sampled_from(KINDS)), rows, draw(st.integers(1, 30)), source)
    features = (made * 10.0 ** draw(st.integers(-1, 1) if dtype == torch.float16 else st.integers(-9, 9))).to(dtype)
    samples = example(
        rows, seed, features=laid_out(features, draw(st.sampled_from(["rows", "columns", "every other"])))
    )
    for name in draw(st.sets(st.sampled_from(["features", "losses", "residuals", "reference_losses"]))):
        value = getattr(samples, name).clone()
        value[draw(st.integers(0, rows - 1))] = draw(st.sampled_from(BROKEN))
        samples = dataclasses.replace(samples, **{name: value})
    return samples


@pytest.mark.filterwarnings("ignore")
@examples(100)
@given(name=st.sampled_from(sorted(SELECTORS)), samples=super_batches(), share=st.floats(0, 1), seed=st.integers(0, 9))
def test_rows(name: str, samples: SuperBatch, share: float, seed: int) -> None:
    """As many as asked for, again and again; nothing that came is changed."""
    before = {each: getattr(samples, each).clone() for each in SHAPES}
    eligible = make_selector(name).eligible(samples)
    size = round(share * int(eligible.sum()))
    rows = make_selector(name).select(samples, size, generator=generator(seed))
    expect_rows(rows, size, eligible)
    assert torch.equal(rows, select(samples, size, name, generator=generator(seed)))
    assert all(torch.equal(getattr(samples, each).nan_to_num(7), before[each].nan_to_num(7)) for each in SHAPES)


def rotation(width: int, source: torch.Generator) -> Tensor:
    """A rotation [width, width]."""
    return torch.linalg.qr(torch.randn(width, width, dtype=torch.float64, generator=source)).Q


@pytest.mark.filterwarnings("ignore")
@examples(20)
@given(
    name=st.sampled_from(sorted(SELECTORS)),
    rows=st.integers(6, 40),
    width=st.integers(20, 40),
    exponent=st.integers(-30, 30),
    seed=st.integers(0, 2**31),
)
def test_axes_and_units_are_nothing(name: str, rows: int, width: int, exponent: int, seed: int) -> None:
    """Features turned, or in other units, of rows in general position, none opposite: the same choice."""
    source = generator(seed)
    features = torch.randn(rows, width, dtype=torch.float64, generator=source).abs()
    one, turned, scaled = (
        sorted(select(example(rows, seed, features=each), rows // 2, name, generator=generator(0)).tolist())
        for each in (features, features @ rotation(width, source), features * 2.0**exponent)
    )
    assert scaled == one
    assert turned == one or name in BY_COLUMNS


@pytest.mark.filterwarnings("ignore")
@examples(60)
@given(name=st.sampled_from(BY_ROWS), rows=st.integers(6, 40), seed=st.integers(0, 2**31))
def test_order_of_rows_is_nothing(name: str, rows: int, seed: int) -> None:
    """Rows in general position, in another order: the same rows are chosen."""
    source = generator(seed)
    samples = example(rows, seed, features=torch.randn(rows, rows, dtype=torch.float64, generator=source).abs())
    order = torch.randperm(rows, generator=source)
    chosen = select(samples, rows // 2, name, generator=generator(0))
    again = order[select(samples.take(order), rows // 2, name, generator=generator(0))]
    assert sorted(chosen.tolist()) == sorted(again.tolist())
