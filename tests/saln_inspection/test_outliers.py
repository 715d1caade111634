"""Outliers: rows from elsewhere rank first, alone and in groups; ordinary data have few."""

from __future__ import annotations

import pytest
import torch
from sklearn.metrics import roc_auc_score

from saln.inspection.neighbours import nearest_neighbours
from saln.inspection.outliers import outlier_scores


def rows(n: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


def classes(n: int, width: int, seed: int = 0) -> torch.Tensor:
    """Rows around four centres that point in a common direction, as features of networks do."""
    which = torch.randint(4, (n,), generator=torch.Generator().manual_seed(seed + 10))
    return 0.5 * rows(n, width, seed) + rows(4, width, 77)[which] + 1.0


@pytest.mark.parametrize("alike", [1.0, 0.2])
@pytest.mark.parametrize("n", [1, 5, 40])
def test_rows_from_elsewhere_rank_first(n, alike):
    """Far from each other, too, or in a group of 40 that is denser than the rest."""
    strange = 1.5 * rows(1, 24, seed=3) + alike * rows(n, 24, seed=4) - 1.0
    x = torch.cat([classes(3000, 24), strange])
    truth = torch.arange(len(x)) >= 3000
    assert roc_auc_score(truth, outlier_scores(x)) > 0.99


@pytest.mark.parametrize("width", [1, 2, 8, 100])
@pytest.mark.parametrize("kind", ["normal", "even", "classes"])
def test_ordinary_rows_are_rarely_near_1(width, kind):
    x = {
        "normal": rows(3000, width),
        "even": torch.rand(3000, width, generator=torch.Generator().manual_seed(0)),
        "classes": classes(3000, width),
    }[kind]
    scores = outlier_scores(x)
    assert scores.min() >= 0
    assert scores.max() <= 1
    assert (scores > 0.9).double().mean() < 0.01
    assert scores.median() < 0.05


def test_copies_of_an_outlier_do_not_hide_it():
    x = torch.cat([classes(500, 16), (rows(1, 16, seed=5) * 4 - 3).expand(30, 16)])
    scores = outlier_scores(x)
    assert (scores[500:] > 0.9).all()
    assert (scores[500:] == scores[500]).all()


def test_broken_rows_are_not_judged():
    x = classes(200, 8)
    x[5, 2] = torch.nan
    scores = outlier_scores(x)
    assert scores[5].isnan()
    assert scores[torch.arange(200) != 5].isfinite().all()


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_few_rows(n):
    assert outlier_scores(torch.ones(n, 3)).tolist() == [0.0] * n
    assert outlier_scores(rows(n, 3)).isfinite().all()


def test_neighbours_that_are_known_are_taken():
    x = classes(400, 8)
    assert torch.equal(outlier_scores(x), outlier_scores(x, neighbours=nearest_neighbours(x)))


def test_order_does_not_matter():
    x = classes(500, 8)
    order = torch.randperm(500, generator=torch.Generator().manual_seed(0))
    assert torch.equal(outlier_scores(x)[order], outlier_scores(x[order]))


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match="neighbours are of 4 rows, features of 5"):
        outlier_scores(rows(5, 2), neighbours=nearest_neighbours(rows(4, 2)))
