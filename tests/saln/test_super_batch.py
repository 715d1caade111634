"""Super-batches: what fits, what does not and what the message says, rows taken, rows found finite."""

import numpy as np
import pytest
import torch

from saln import SpectralBatchSampler, SuperBatch, select
from saln.superbatch import FLOATING, FLOATS, INTEGERS, PER_PAIR, SHAPES

FEATURES = torch.arange(12.0).reshape(4, 3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"features": [[1.0]]}, TypeError, r"features is a list, want a tensor \[M, d\]"),
        ({"features": torch.ones(4)}, ValueError, r"features has shape \[4\], want \[M, d\]"),
        ({"features": torch.ones(4, 2, dtype=torch.int64)}, TypeError, "features has dtype torch.int64"),
        ({"losses": torch.ones(3)}, ValueError, r"losses has shape \[3\], want \[M\] with M = 4"),
        ({"losses": torch.ones(4, 1)}, ValueError, r"losses has shape \[4, 1\], want \[M\]"),
        ({"labels": torch.ones(4)}, TypeError, "labels has dtype torch.float32, want integers"),
        ({"indices": torch.ones(4, dtype=torch.bool)}, TypeError, "indices has dtype torch.bool, want integers"),
        ({"residuals": torch.ones(4)}, ValueError, r"residuals has shape \[4\], want \[M, c\]"),
        ({"learner_scores": torch.ones(4, 3)}, ValueError, r"learner_scores has shape \[4, 3\], want \[M, M\]"),
        ({"quality": torch.ones(4, device="meta")}, ValueError, "quality is on meta, want cpu"),
        ({"features": FEATURES.to_sparse()}, TypeError, "features has layout torch.sparse_coo, want a dense tensor"),
        (
            {"labels": torch.from_numpy(np.array([0, 1, 2, 2**63], np.uint64))},
            ValueError,
            r"labels has values above 2\*\*63 - 1, want integers that fit int64",
        ),
    ],
)
def test_a_bad_argument_is_named_with_what_came_and_what_was_wanted(arguments, error, message):
    with pytest.raises(error, match=message):
        SuperBatch(**{"features": FEATURES, **arguments})


def test_require_names_the_method_what_is_missing_and_what_is_there():
    super_batch = SuperBatch(FEATURES, labels=torch.arange(4))
    assert super_batch.require("labels", by="x") is super_batch.labels
    with pytest.raises(ValueError, match=r"JEST needs losses \[M\] in the super-batch; it has features, labels"):
        super_batch.require("losses", by="JEST")
    with pytest.raises(ValueError, match="name is 'loss', want one of features"):
        super_batch.require("loss", by="JEST")


def test_take_keeps_rows_and_pairs_together():
    scores = torch.arange(16.0).reshape(4, 4)
    super_batch = SuperBatch(FEATURES, losses=torch.arange(4.0), learner_scores=scores, indices=torch.arange(10, 14))
    taken = super_batch.take(torch.tensor([3, 1]))
    assert len(taken) == 2
    assert taken.labels is None
    assert torch.equal(taken.features, FEATURES[[3, 1]])
    assert taken.losses.tolist() == [3, 1]
    assert taken.indices.tolist() == [13, 11]
    assert taken.learner_scores.tolist() == [[15, 13], [7, 5]]


def test_finite_rows_looks_only_at_what_is_named_and_at_the_diagonal_of_pairs():
    features = FEATURES.clone()
    features[0, 2] = torch.nan
    losses = torch.tensor([0.0, torch.inf, 0.0, 0.0])
    scores = torch.zeros(4, 4)
    scores[2, :] = torch.nan
    super_batch = SuperBatch(features, losses=losses, learner_scores=scores)
    assert super_batch.finite_rows(["features"]).tolist() == [False, True, True, True]
    assert super_batch.finite_rows(["losses", "quality"]).tolist() == [True, False, True, True]
    assert super_batch.finite_rows(["learner_scores"]).tolist() == [True, True, False, True]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_finite_rows_finds_every_kind_of_value_in_every_place_and_no_large_one(dtype):
    largest = torch.finfo(dtype).max
    for value, finite in (
        (torch.nan, False),
        (torch.inf, False),
        (-torch.inf, False),
        (largest, True),
        (-largest, True),
    ):
        features = torch.full((6, 5), largest, dtype=dtype)
        features[torch.arange(5), torch.arange(5)] = value
        assert SuperBatch(features).finite_rows(["features"]).tolist() == [finite] * 5 + [True]
    assert SuperBatch(torch.ones(3, 0, dtype=dtype)).finite_rows(["features"]).tolist() == [True] * 3


def _of_shape(name: str, dtype: torch.dtype) -> torch.Tensor:
    sizes = {"M": 4, "d": 3, "c": 2}
    return torch.ones([sizes[size] for size in SHAPES[name].strip("[]").split(", ")]).to(dtype)


def _makes(dtype: torch.dtype) -> bool:
    try:
        return torch.ones(2).to(dtype).numel() == 2
    except (RuntimeError, NotImplementedError):
        return False


MADE = sorted((each for each in vars(torch).values() if isinstance(each, torch.dtype) and _makes(each)), key=str)


@pytest.mark.parametrize("dtype", MADE, ids=str)
@pytest.mark.parametrize("name", SHAPES)
def test_every_dtype_is_taken_or_refused_at_once(name, dtype):
    value = _of_shape(name, dtype)
    arguments = {"features": FEATURES.to(dtype) if name == "features" else FEATURES, name: value}
    wanted = FLOATS if name in FLOATING else INTEGERS
    if dtype not in wanted:
        with pytest.raises(TypeError, match=f"{name} has dtype {dtype}, want "):
            SuperBatch(**arguments)
        return
    super_batch = SuperBatch(**arguments)
    found = getattr(super_batch, name)
    assert found.dtype == (dtype if name in FLOATING else torch.int64)
    assert torch.equal(found, value.to(found.dtype))
    taken = getattr(super_batch.take(torch.tensor([2, 0])), name)
    assert taken.shape[0] == 2
    assert taken.shape[1:] == ((2,) if name in PER_PAIR else found.shape[1:])
    assert super_batch.finite_rows(FLOATING).tolist() == [True] * 4


@pytest.mark.parametrize("kind", [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)])
def test_labels_and_indices_of_every_integer_kind_of_numpy_serve_the_same_batches(kind):
    features = torch.randn(100, 4, generator=torch.Generator().manual_seed(0))
    labels, indices = (torch.from_numpy(each.astype(kind)) for each in (np.arange(100) % 3, np.arange(100)))
    method = {"selector": "spectral_candidates", "n_candidates": 8, "candidates": "stratified"}
    want = list(SpectralBatchSampler(features, 4, labels=torch.arange(100) % 3, **method))
    samples = SuperBatch(features, labels=labels, indices=indices)
    assert list(SpectralBatchSampler(samples, 4, **method)) == want
    plain = SuperBatch(features, labels=labels.long(), indices=indices.long())
    picked = [select(each, 8, "one_pass", generator=torch.Generator().manual_seed(1)) for each in (samples, plain)]
    assert torch.equal(*picked)
