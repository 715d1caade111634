"""The noise matrix, told from weak features: right values on Gaussians."""

from __future__ import annotations

import pytest
import torch

from label_cases import alike, blobs, seen_through
from saln.inspection.label_noise import climb, fit_label_noise, given, right

ONE_WAY = torch.eye(4)
ONE_WAY[0], ONE_WAY[2] = torch.tensor([0.6, 0.4, 0, 0]), torch.tensor([0, 0, 0.7, 0.3])
ROUND = 0.65 * torch.eye(4) + 0.35 * torch.eye(4).roll(1, 1)


@pytest.mark.parametrize(
    "matrix", [torch.eye(4), alike(0.1, 4), alike(0.4, 4), ONE_WAY, ROUND], ids=["none", "10", "40", "one way", "round"]
)
@pytest.mark.parametrize("apart", [3.0, 6.0])
def test_a_known_matrix_is_recovered(matrix, apart):
    x, truth = blobs(6000, d=4, apart=apart)
    labels = seen_through(truth, matrix)
    found = fit_label_noise(x, labels)
    torch.testing.assert_close(found.matrix, matrix, atol=0.04, rtol=0)
    assert found.noise == pytest.approx(float(1 - matrix.diagonal().mean()), abs=0.025)
    assert torch.allclose(found.matrix.sum(dim=1), torch.ones(4), atol=1e-5)


def test_frequent_and_rare_classes_keep_their_priors():
    source = torch.Generator().manual_seed(0)
    truth = torch.multinomial(torch.tensor([0.7, 0.2, 0.1]), 8000, replacement=True, generator=source)
    x = torch.randn(8000, 3, generator=source) + 5 * torch.eye(3)[truth]
    found = fit_label_noise(x, seen_through(truth, alike(0.2, 3)))
    torch.testing.assert_close(found.priors, torch.tensor([0.7, 0.2, 0.1]), atol=0.02, rtol=0)
    torch.testing.assert_close(found.matrix, alike(0.2, 3), atol=0.03, rtol=0)


def test_probabilities_are_those_of_bayes_rule():
    """One column of two known Gaussians: what is right can be worked out."""
    source = torch.Generator().manual_seed(0)
    truth = torch.arange(20000) % 2
    column = torch.randn(20000, generator=source) + 3.0 * truth
    matrix = torch.tensor([[0.7, 0.3], [0.05, 0.95]])
    labels = seen_through(truth, matrix)
    scores = torch.stack([-column, column], dim=1)
    found = fit_label_noise(scores, labels)
    share = torch.sigmoid(3.0 * (column - 1.5))
    expected = torch.stack([1 - share, share])
    shares = found.shares(scores)
    torch.testing.assert_close(shares, expected, atol=0.05, rtol=0)
    both = (matrix.T @ expected).gather(0, labels[None]).squeeze(0)
    torch.testing.assert_close(given(shares, found.matrix, labels), both, atol=0.05, rtol=0)
    own = expected.gather(0, labels[None]).squeeze(0) * matrix.diagonal()[labels] / both
    torch.testing.assert_close(right(shares, found.matrix, labels), own, atol=0.08, rtol=0)


@pytest.mark.parametrize("c", [2, 5])
def test_scores_that_say_nothing_find_no_noise(c):
    for seed in range(3):
        source = torch.Generator().manual_seed(seed)
        scores, labels = torch.randn(1000, c, generator=source), torch.randint(c, (1000,), generator=source)
        found = fit_label_noise(scores, labels)
        assert found.noise < 0.01
        assert found.shares(scores).amax() < 1.6 / c


def test_climbing_ends_at_the_top_and_at_the_ends():
    assert climb(lambda step: -((step - 3.2) ** 2), 0, 9, 7) == 3
    assert climb(lambda step: -((step - 3.2) ** 2), 0, 9, 0) == 3
    assert climb(float, 0, 9, 4) == 9
    assert climb(lambda step: -float(step), 0, 9, 4) == 0
