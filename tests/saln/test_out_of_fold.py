"""Reference losses of a linear model that has not seen the sample: folds, calibration, wrong labels."""

import math

import pytest
import torch
from torch.nn import functional as F

from saln.selectors.support import out_of_fold
from saln.selectors.support.credibility import fit_mixture
from saln.selectors.support.out_of_fold import out_of_fold_losses


def blobs(n: int, d: int = 8, c: int = 4, spread: float = 4.0, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(seed)
    labels = torch.randint(c, (n,), generator=source)
    return torch.randn(n, d, generator=source) + spread * F.one_hot(labels, d), labels


def test_against_a_plain_ridge_regression_of_each_fold():
    x, y = blobs(203, spread=2.0)
    x = x * torch.tensor([1e3, 1, 1, 1, 1, 1, 1e-3, 1]) + 5  # columns of any scale
    found = out_of_fold_losses(x, y)
    order = torch.randperm(203, generator=torch.Generator().manual_seed(0))
    z = ((x - x.mean(0)) / x.std(0, correction=0)).double()[order]
    z = torch.cat([z, torch.ones(203, 1)], dim=1)
    members = F.one_hot(y[order], 4).double()
    candidates = []
    for ridge in (0.01, 0.1, 1.0):
        scores = torch.zeros(203, 4, dtype=torch.float64)
        for fold in torch.arange(203).tensor_split(5):
            others = torch.ones(203, dtype=torch.bool).index_fill(0, fold, False)
            a, b = z[others], members[others]
            scores[fold] = z[fold] @ torch.linalg.solve(a.T @ a / len(a) + ridge * torch.eye(9), a.T @ b / len(a))
        mixture, likelihood = fit_mixture(scores.float(), y[order])
        share = mixture.shares(scores.float()).gather(1, y[order][:, None]).squeeze(1)
        given = (1 - mixture.noise) * share + mixture.noise / 3 * (1 - share)
        candidates.append((likelihood, -given.log()))
    expected = max(candidates, key=lambda each: each[0])[1]
    torch.testing.assert_close(found[order], expected, rtol=1e-3, atol=1e-4)


def test_wrong_labels_have_the_largest_losses_and_right_ones_small_ones():
    x, truth = blobs(1500)
    wrong = torch.rand(1500, generator=torch.Generator().manual_seed(1)) < 0.3
    labels = torch.where(wrong, (truth + 1) % 4, truth)
    losses = out_of_fold_losses(x, labels)
    assert losses[wrong].median() > 4 * losses[~wrong].median()
    order = losses.argsort(descending=True)[: int(wrong.sum())]
    assert wrong[order].float().mean() > 0.9
    clean = out_of_fold_losses(x, truth)
    assert clean.mean() < 0.2 < math.log(4)


def test_features_that_say_nothing_give_a_guess():
    source = torch.Generator().manual_seed(0)
    losses = out_of_fold_losses(torch.randn(2000, 5, generator=source), torch.arange(2000) % 4)
    assert losses.mean().item() == pytest.approx(math.log(4), abs=0.02)


def test_a_row_does_not_judge_itself():
    """With more columns than rows every label could be learned by heart."""
    source = torch.Generator().manual_seed(0)
    losses = out_of_fold_losses(torch.randn(60, 200, generator=source), torch.randint(2, (60,), generator=source))
    assert losses.mean() > 0.6


def test_rows_beyond_those_fitted_on_and_columns_beyond_the_widest(monkeypatch):
    x, y = blobs(900)
    whole = out_of_fold_losses(x, y)
    monkeypatch.setattr(out_of_fold, "FITTED", 8 * 300)
    monkeypatch.setattr(out_of_fold, "CHUNK", 7)
    part = out_of_fold_losses(x, y)
    assert part.isfinite().all()
    assert (part - whole).abs().mean() < 0.05
    monkeypatch.setattr(out_of_fold, "WIDEST", 6)
    wide = torch.cat([x, x.roll(1, 1)], dim=1)
    assert out_of_fold_losses(wide, y).mean() < 0.7 * math.log(4)


def test_rows_that_are_not_finite_and_labels_of_one_class():
    x, y = blobs(50)
    x[3, 2], x[7, 0] = torch.nan, torch.inf
    losses = out_of_fold_losses(x, y)
    assert losses.isnan().nonzero().squeeze(1).tolist() == [3, 7]
    assert out_of_fold_losses(x, torch.zeros(50, dtype=torch.int64)).nan_to_num(1.0).sum() == 2
    assert out_of_fold_losses(x[:0], y[:0]).shape == (0,)
    assert out_of_fold_losses(x[:1], y[:1]).tolist() == [0.0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_dtype_and_labels_of_any_number(dtype):
    x, y = blobs(300)
    losses = out_of_fold_losses(x.to(dtype), y * 1000 - 7)
    torch.testing.assert_close(losses, out_of_fold_losses(x.to(dtype).float(), y))


def test_classes_of_few_rows():
    x, y = blobs(100)
    y[0], y[1], y[2] = 10, 11, 11
    assert out_of_fold_losses(x, y).isfinite().all()
    assert out_of_fold_losses(x[:4], torch.arange(4)).isfinite().all()
