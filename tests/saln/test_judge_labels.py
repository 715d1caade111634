"""Which labels are wrong: right values, rows and classes that are not judged, sizes, dtypes."""

from __future__ import annotations

import math

import pytest
import torch

from label_cases import alike, area, blobs, seen_through
from saln.inspection import labels as judging
from saln.inspection import out_of_fold
from saln.inspection.labels import judge_labels

ONE_WAY = torch.eye(4)
ONE_WAY[0], ONE_WAY[2] = torch.tensor([0.6, 0.4, 0, 0]), torch.tensor([0, 0, 0.6, 0.4])


@pytest.mark.parametrize("matrix", [alike(0.05, 4), alike(0.2, 4), alike(0.45, 4), ONE_WAY])
def test_wrong_labels_are_found_and_the_noise(matrix):
    x, truth = blobs(4000, d=20, apart=5.0)
    labels = seen_through(truth, matrix)
    wrong = labels != truth
    found = judge_labels(x, labels)
    assert area(found.quality, wrong) > 0.98
    assert found.noise == pytest.approx(float(wrong.float().mean()), abs=0.02)
    torch.testing.assert_close(found.noise_matrix.float(), matrix, atol=0.04, rtol=0)
    assert (found.suggested == truth).float().mean() > 0.97
    assert found.losses[wrong].mean() > 3 * found.losses[~wrong].mean()
    assert found.skill > 0.9
    # Of labels that are right with probability 0.9 nine tenths are.
    for low, high in ((0.0, 0.5), (0.5, 1.01)):
        some = (found.quality >= low) & (found.quality < high)
        assert float(found.quality[some].mean()) == pytest.approx(float((~wrong[some]).float().mean()), abs=0.05)


def test_a_rare_class_is_judged_by_what_its_rows_look_like():
    source = torch.Generator().manual_seed(0)
    truth = (torch.rand(3000, generator=source) < 0.06).long()
    x = torch.randn(3000, 6, generator=source)
    weak = judge_labels(x, truth)  # features say nothing
    assert (weak.quality < 0.5).sum() == 0
    strong = judge_labels(x + 6.0 * truth[:, None], truth)
    assert (strong.quality < 0.5).sum() == 0
    spoiled = truth.clone()
    spoiled[truth == 0] = (torch.rand(int((truth == 0).sum()), generator=source) < 0.05).long()
    found = judge_labels(x + 6.0 * truth[:, None], spoiled)
    assert found.quality[(spoiled == 1) & (truth == 1)].mean() > 0.9
    assert found.quality[(spoiled == 1) & (truth == 0)].mean() < 0.1


@pytest.mark.parametrize("apart", [1.5, 2.5, 5.0])
@pytest.mark.parametrize("seed", range(3))
def test_weak_features_are_not_taken_for_wrong_labels(apart, seed):
    x, labels = blobs(3000, apart=apart, seed=seed)
    found = judge_labels(x, labels)
    assert found.noise < 0.03
    assert (found.quality < 0.5).sum() <= 3


@pytest.mark.parametrize(("n", "d", "c"), [(300, 600, 5), (1000, 20, 2), (1000, 20, 5)])
def test_features_that_say_nothing_accuse_nobody(n, d, c):
    source = torch.Generator().manual_seed(0)
    found = judge_labels(torch.randn(n, d, generator=source), torch.randint(c, (n,), generator=source))
    assert found.noise < 0.01
    assert found.skill < 0.1
    assert found.quality.min() > 0.9
    assert found.losses.mean() == pytest.approx(math.log(c), abs=0.03)


def test_doubts_count_for_little_where_features_say_little_but_rank_rows():
    """Classes in many pieces: no line tells them apart, and what looks like noise is the judge's own error."""
    source = torch.Generator().manual_seed(0)
    x = torch.randn(4000, 2, generator=source)
    truth = ((3 * x[:, 0]).sin() + 0.7 * x[:, 1] > 0).long()
    found = judge_labels(x, truth)
    assert found.skill < judging.LITTLE_SKILL
    assert found.noise < 0.05
    assert (found.quality < 0.5).sum() == 0
    weak, truth = blobs(4000, apart=1.4, c=2)
    wrong = torch.rand(4000, generator=source) < 0.3
    labels = torch.where(wrong, 1 - truth, truth)
    found = judge_labels(weak, labels)
    assert found.quality.min() >= 1 - judging.LITTLE_TRUST
    assert area(found.quality, wrong) == pytest.approx(area(-found.losses, wrong), abs=0.02)
    assert area(found.quality, wrong) > 0.7


def test_the_order_of_rows_does_not_matter_much_nor_what_classes_are_called():
    x, truth = blobs(2000, apart=3.0)
    labels = seen_through(truth, alike(0.2, 4))
    found = judge_labels(x, labels)
    order = torch.randperm(2000, generator=torch.Generator().manual_seed(3))
    other = judge_labels(x[order], labels[order])
    assert (found.quality[order] - other.quality).abs().mean() < 0.02
    names = torch.tensor([-7, 0, 12, 10**12])
    named = judge_labels(x, names[labels])
    assert torch.equal(named.classes, names)
    assert torch.equal(named.quality, found.quality)
    assert torch.equal(named.suggested, names[found.suggested])


def test_broken_rows_and_small_classes_are_not_judged():
    x, truth = blobs(500, apart=5.0)
    x[3, 2], x[7, 0] = torch.nan, torch.inf
    truth[:3] = torch.tensor([40, 41, 41])
    found = judge_labels(x, truth)
    assert found.quality.isnan().nonzero().squeeze(1).tolist() == [0, 1, 2, 3, 7]
    assert found.losses.isnan().nonzero().squeeze(1).tolist() == [3, 7]
    assert found.losses[1].item() == pytest.approx(-math.log(2 / 500))
    assert torch.equal(found.suggested[[0, 1, 2, 3, 7]], truth[[0, 1, 2, 3, 7]])
    assert found.classes.tolist() == [0, 1, 2, 3, 40, 41]
    assert torch.equal(found.noise_matrix[4:, 4:], torch.eye(2, dtype=torch.float64))


def test_one_class_no_rows_and_more_classes_than_rows():
    x, _ = blobs(50)
    x[3, 2] = torch.nan
    found = judge_labels(x, torch.full((50,), 5))
    assert found.quality.nan_to_num(0.0).sum() == 49
    assert found.losses.nan_to_num(1.0).sum() == 1
    assert (found.noise, found.skill) == (0.0, 0.0)
    assert judge_labels(x[:0], torch.zeros(0, dtype=torch.int64)).quality.shape == (0,)
    alone = judge_labels(x[4:8], torch.arange(4))
    assert alone.quality.isnan().all()
    assert torch.allclose(alone.losses, torch.full((4,), math.log(4)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_dtype_of_features(dtype):
    x, truth = blobs(300)
    labels = seen_through(truth, alike(0.1, 4)).to(torch.uint8)
    found = judge_labels(x.to(dtype), labels)
    assert found.quality.dtype == found.losses.dtype == torch.float32
    torch.testing.assert_close(found.losses, judge_labels(x.to(dtype).float(), labels).losses)


def test_rows_that_were_not_fitted_are_judged_too(monkeypatch):
    x, truth = blobs(3000, apart=5.0)
    labels = seen_through(truth, alike(0.2, 4))
    monkeypatch.setattr(out_of_fold, "FITTED", 8 * 1000)
    monkeypatch.setattr(judging, "CHUNK", 70)
    found = judge_labels(x, labels)
    assert found.quality.isfinite().all()
    assert area(found.quality, labels != truth) > 0.98


def test_rows_to_fit_on_can_be_named():
    """Rows that are there a hundred times would judge themselves."""
    x, truth = blobs(1000, d=50, apart=3.0)
    labels = seen_through(truth, alike(0.1, 4))
    wrong = (labels != truth).nonzero().squeeze(1)
    x, labels = torch.cat([x, x[wrong].repeat(20, 1)]), torch.cat([labels, labels[wrong].repeat(20)])
    believed = judge_labels(x, labels).quality[wrong].mean()
    doubted = judge_labels(x, labels, among=torch.arange(1000)).quality
    assert doubted.isfinite().all()
    assert doubted[wrong].mean() < 0.5 < believed


def test_probabilities_of_the_users_own():
    x, truth = blobs(2000, apart=3.0)
    labels = seen_through(truth, ONE_WAY)
    shares = (3.0 * x[:, :4]).softmax(dim=1)  # Bayes' rule
    found = judge_labels(x * torch.nan, labels, probabilities=shares)
    assert area(found.quality, labels != truth) > 0.95
    torch.testing.assert_close(found.noise_matrix.float(), ONE_WAY, atol=0.06, rtol=0)
    sure = judge_labels(x, labels, probabilities=torch.eye(4)[x[:, :4].argmax(dim=1)])  # ones and zeros
    assert sure.quality.isfinite().all()
    assert area(sure.quality, labels != truth) > 0.85


def test_wrong_input_is_named():
    x, y = blobs(20)
    with pytest.raises(ValueError, match=r"features is \[20\] of torch.float32, want \[N, d\]"):
        judge_labels(x[:, 0], y)
    with pytest.raises(ValueError, match=r"features is \[20, 8\] of torch.int64"):
        judge_labels(x.long(), y)
    with pytest.raises(ValueError, match=r"labels is \[19\], want \[20\]"):
        judge_labels(x, y[1:])
    with pytest.raises(ValueError, match=r"labels is torch.float32, want integers; judge_targets takes numbers"):
        judge_labels(x, y.float())
    with pytest.raises(ValueError, match=r"probabilities has 3 columns, labels has 4 distinct values"):
        judge_labels(x, y, probabilities=torch.ones(20, 3))
    with pytest.raises(ValueError, match=r"probabilities is \[19, 4\], want \[20, 4\]"):
        judge_labels(x, y, probabilities=torch.ones(19, 4))
    with pytest.raises(ValueError, match=r"probabilities has values outside 0 to 1"):
        judge_labels(x, y, probabilities=x[:, :4])
