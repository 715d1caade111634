"""Scores of a ridge regression that has not seen the row: folds, shrinkage, rows and columns left out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from label_cases import blobs
from saln.inspection import out_of_fold
from saln.inspection.out_of_fold import out_of_fold_scores


def told(x: Tensor, targets: Tensor, rows: Tensor | None = None) -> out_of_fold.OutOfFold:
    def closeness(some: Tensor, scores: Tensor) -> float:
        return -float((scores - targets[some]).square().mean())

    return out_of_fold_scores(x, lambda some: targets[some], torch.arange(len(x)) if rows is None else rows, closeness)


def plain(x: Tensor, targets: Tensor, n_folds: int, shrinkage: float) -> Tensor:
    z = ((x - x.mean(0)) / x.std(0, correction=0)).double()
    z = torch.cat([z, torch.ones(len(z), 1)], dim=1)
    scores = torch.zeros(targets.shape, dtype=torch.float64)
    for fold in torch.arange(len(x)).tensor_split(n_folds):
        others = torch.ones(len(x), dtype=torch.bool).index_fill(0, fold, False)
        a, b = z[others], targets[others].double()
        gram = a.T @ a / len(a) + shrinkage * torch.eye(z.shape[1])
        scores[fold] = z[fold] @ torch.linalg.solve(gram, a.T @ b / len(a))
    return scores.float()


@pytest.mark.parametrize("narrow", [512, 4])
def test_against_a_plain_ridge_regression_of_each_fold(monkeypatch, narrow):
    monkeypatch.setattr(out_of_fold, "NARROW", narrow)
    monkeypatch.setattr(out_of_fold, "STRIP", 5)  # of nine columns
    x, y = blobs(203, apart=2.0)
    x = x * torch.tensor([1e3, 1, 1, 1, 1, 1, 1e-3, 1]) + 5  # columns of any scale
    targets = F.one_hot(y, 4).float()
    found = told(x, targets)
    assert sorted(found.rows.tolist()) == list(range(203))
    x, targets = x[found.rows], targets[found.rows]
    candidates = [plain(x, targets, 10 if narrow == 512 else 5, each) for each in out_of_fold.SHRINKAGES]
    expected = min(candidates, key=lambda scores: float((scores - targets).square().mean()))
    torch.testing.assert_close(found.scores, expected, rtol=1e-3, atol=1e-4)


def test_other_targets_are_as_if_fitted_anew():
    x, y = blobs(203, apart=2.0)
    found = told(x, F.one_hot(y, 4).float())
    other = F.one_hot(3 - y, 4).float()
    again = found.refitted(other[found.rows])
    torch.testing.assert_close(again.scores, found.scores.flip(1))
    torch.testing.assert_close(again.others(torch.arange(5)), found.others(torch.arange(5)).flip(1))


def test_a_row_does_not_judge_itself():
    """With more columns than rows every target could be learned by heart."""
    source = torch.Generator().manual_seed(0)
    targets = torch.randn(60, 1, generator=source)
    found = told(torch.randn(60, 200, generator=source), targets)
    assert (found.scores * targets[found.rows]).mean() < 0.1
    torch.testing.assert_close(found.others(found.rows).shape, found.scores.shape)


def test_rows_beyond_those_fitted_on_and_columns_beyond_the_widest(monkeypatch):
    x, y = blobs(900)
    targets = F.one_hot(y, 4).float()
    whole = told(x, targets)
    monkeypatch.setattr(out_of_fold, "FITTED", 8 * 300)
    part = told(x, targets)
    assert len(part.rows) == 300
    left = torch.ones(900, dtype=torch.bool).index_fill(0, part.rows, False).nonzero().squeeze(1)
    assert (part.others(left).argmax(1) == y[left]).float().mean() > 0.97
    assert (whole.scores.argmax(1) == y[whole.rows]).float().mean() > 0.97
    monkeypatch.setattr(out_of_fold, "WIDEST", 12)
    wide = told(x.repeat(1, 4) + torch.randn(900, 32, generator=torch.Generator().manual_seed(1)), targets)
    assert wide.others(left).shape == (600, 4)
    assert (wide.scores.argmax(1) == y[wide.rows]).float().mean() > 0.8


def test_parts_are_as_the_whole_and_only_the_given_rows_are_read(monkeypatch):
    x, y = blobs(300)
    rows = torch.arange(0, 300, 2)
    whole = told(x, F.one_hot(y, 4).float(), rows)
    monkeypatch.setattr("saln.inspection.rows.READ_AT_ONCE", 8 * 7)
    x[1::2] = torch.nan
    parts = told(x, F.one_hot(y, 4).float(), rows)
    torch.testing.assert_close(parts.scores, whole.scores, rtol=1e-4, atol=1e-5)


def test_columns_far_from_zero_keep_their_digits():
    x, y = blobs(300)
    targets = F.one_hot(y, 4).float()
    torch.testing.assert_close(told(x + 3000, targets).scores, told(x, targets).scores, rtol=1e-2, atol=1e-3)
