"""What is done once with a whole dataset, of any rows, labels and layout: a right verdict on every row."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import saln
from properties.examples import examples
from properties.problems import KINDS, laid_out, numbers
from saln.pruning import METHODS
from saln.superbatch import FLOATS

BROKEN = (float("nan"), float("inf"), -float("inf"))
COMPARING = ("k_center", "facility_location", "logdet", "herding")


@st.composite
def datasets(draw: st.DrawFn, largest: int) -> Tensor:
    """[N, d] of any kind, a row of it broken."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    dtype, rows = draw(st.sampled_from(FLOATS)), draw(st.integers(1, largest))
    made = numbers(draw(st.sampled_from(KINDS)), rows, draw(st.integers(1, 24)), generator)
    features = (made * 10.0 ** draw(st.integers(-1, 1) if dtype == torch.float16 else st.integers(-9, 9))).to(dtype)
    if draw(st.booleans()):
        features[draw(st.integers(0, rows - 1)), 0] = draw(st.sampled_from(BROKEN))
    return laid_out(features, draw(st.sampled_from(["rows", "columns", "every other"])))


@st.composite
def labels_of(draw: st.DrawFn, rows: int) -> Any:
    """None, numbers or texts, of one class or of as many as rows."""
    source = np.random.default_rng(draw(st.integers(0, 2**31)))
    codes = source.integers(0, draw(st.integers(1, max(1, rows))), rows)
    kind = draw(st.sampled_from(["none", "numbers", "texts", "targets"]))
    if kind == "none":
        return {}
    if kind == "targets":
        return {"targets": source.normal(size=rows)}
    return {"labels": codes - 3 if kind == "numbers" else np.array(["a", "<b>", " c", "Ω"])[codes % 4]}


@pytest.mark.filterwarnings("ignore")
@examples(8)
@given(features=datasets(60), data=st.data())
def test_look(features: Tensor, data: st.DataObject) -> None:
    """A value a row, in its range; equal rows are copies, and what is broken is not judged."""
    n, given_labels = len(features), data.draw(labels_of(len(features)))
    if len(np.unique(given_labels.get("labels", [0, 1]))) == 1:
        with pytest.raises(saln.datasets.DataError, match="labels hold 1 class"):
            saln.look(features, **given_labels)
        return
    found = saln.look(features, **given_labels)
    finite = features.double().isfinite().all(dim=1).numpy()
    assert len(found) == n
    for value, least, most in ((found.label_quality, 0, 1), (found.outlier_score, 0, 1), (found.weight, 0, 1)):
        assert value.shape == (n,)
        judged = value[~np.isnan(value)]
        assert ((judged >= least) & (judged <= most)).all()
    assert not np.isnan(found.weight).any()
    assert (np.bincount(found.copy_group, minlength=n)[found.copy_group] == found.copies).all()
    _, same, counts = np.unique(features.double().numpy() + 0.0, axis=0, return_inverse=True, return_counts=True)
    same = same.reshape(n)
    assert (found.exact[finite] == (counts[same] > 1)[finite]).all()
    for group in np.unique(same[finite]):
        assert len(set(found.copy_group[finite & (same == group)].tolist())) == 1
    kept = found.keep()
    assert (np.diff(kept) > 0).all()
    assert set(kept.tolist()) <= set(range(n))
    again = saln.look(features, **given_labels)
    for name in ("label_quality", "copy_group", "outlier_score", "weight", "little"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))


@pytest.mark.filterwarnings("ignore")
@examples(30)
@given(
    features=datasets(50),
    method=st.sampled_from([each for each in METHODS if each not in ("el2n", "forgetting")]),
    share=st.floats(0, 1),
    balanced=st.booleans(),
    data=st.data(),
)
def test_prune(features: Tensor, method: str, share: float, balanced: bool, data: st.DataObject) -> None:
    """Different rows, as many as were asked for, of those that may be kept and are not chosen yet."""
    n = len(features)
    rows = st.lists(st.integers(0, n - 1), unique=True, max_size=n).map(lambda found: torch.tensor(found).long())
    chosen = data.draw(st.none() | rows)
    among = data.draw(st.none() | rows)
    labels = torch.arange(n) % data.draw(st.integers(1, 3)) if balanced or data.draw(st.booleans()) else None
    offered = torch.zeros(n, dtype=torch.bool).index_fill(0, torch.arange(n) if among is None else among, True)
    if chosen is not None:
        offered[chosen] = False
    if method != "random":
        offered &= features.isfinite().all(dim=1)
    size = round(share * int(offered.sum()))
    found = saln.prune(
        features, labels, keep=size, method=method, chosen=chosen, among=among, balanced=balanced, seed=3
    )
    assert found.dtype == torch.int64
    assert len(found) == len(set(found.tolist()))
    assert offered[found].all()
    assert len(found) == size
    if method in COMPARING and not balanced:
        fewer = saln.prune(
            features, labels, keep=size // 2, method=method, chosen=chosen, among=among, balanced=balanced, seed=3
        )
        assert torch.equal(fewer, found[: size // 2]), "what is kept of less is where keeping more begins"


@examples(60)
@given(data=st.data(), rows=st.integers(1, 12))
def test_super_batches(data: st.DataObject, rows: int) -> None:
    """What is taken of a super-batch is what its tensors hold there."""
    taken = torch.tensor(data.draw(st.lists(st.integers(0, rows - 1), max_size=20))).long()
    dtype = data.draw(st.sampled_from([torch.uint8, torch.int32, torch.int64]))
    whole = saln.SuperBatch(
        torch.randn(rows, 3), labels=torch.arange(rows).to(dtype), learner_scores=torch.randn(rows, rows)
    )
    part = whole.take(taken)
    assert len(part) == len(taken)
    assert torch.equal(part.features, whole.features[taken])
    assert torch.equal(part.labels, taken)
    assert torch.equal(part.learner_scores, whole.learner_scores[taken][:, taken])
