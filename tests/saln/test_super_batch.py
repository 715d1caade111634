"""Super-batches: what fits, what does not and what the message says, rows taken, rows found finite."""

import pytest
import torch

from saln import SuperBatch

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
