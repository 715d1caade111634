"""Spectral candidates: the best of those proposed, or one by softmax of the scores; one call of the kernels a step."""

from itertools import combinations

import pytest
import torch

import saln_kernels
from saln import SuperBatch
from saln.selectors import SpectralCandidates, make_selector
from saln.selectors.kinds import scoring
from saln_kernels.criteria import CRITERIA


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def scored(monkeypatch):
    """Every call of score_batches: its candidates and scores."""
    calls = []
    real = saln_kernels.score_batches

    def spy(features, candidates, *args, **kwargs):
        scores = real(features, candidates, *args, **kwargs)
        calls.append((candidates, scores))
        return scores

    monkeypatch.setattr(saln_kernels, "score_batches", spy)
    return calls


@pytest.mark.parametrize("criterion", CRITERIA)
def test_takes_the_highest_score_of_one_call(criterion, scored):
    features = torch.randn(40, 6, generator=generator(0))
    rows = SpectralCandidates(200, criterion=criterion).select(SuperBatch(features), 5, generator=generator(1))
    assert len(scored) == 1
    candidates, scores = scored[0]
    assert candidates.shape == (200, 5)
    ours = saln_kernels.score_batches(features, rows.unsqueeze(0), criterion, similarity="cosine")
    # Variances are differences of sums, of which rounding leaves less than their value.
    assert ours.item() == pytest.approx(scores.max().item(), rel=1e-4, abs=1e-6)
    assert scores.max() > scores.median()


def test_with_enough_candidates_it_is_the_best_of_all_sets():
    features = torch.randn(8, 4, generator=generator(2))
    every = torch.tensor(list(combinations(range(8), 3)))
    scores = saln_kernels.score_batches(features, every, "effective_rank", similarity="cosine")
    rows = SpectralCandidates(2000).select(SuperBatch(features), 3, generator=generator(0))
    assert rows.sort().values.tolist() == every[scores.argmax()].tolist()


@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_softmax_draws_in_proportion_to_exp_of_the_score(temperature):
    """Two of four rows, many candidates a draw: a set's share is that of its exp(score / T) among all sets."""
    features = torch.tensor([[1.0, 0.0], [1.0, 0.3], [0.7, 1.0], [0.0, 1.0]])
    pairs = list(combinations(range(4), 2))
    scores = saln_kernels.score_batches(features, torch.tensor(pairs), similarity="cosine").double()
    weights = ((scores - scores.max()) / temperature).exp()
    probabilities = weights / weights.sum()
    selector = SpectralCandidates(600, choice="softmax", temperature=temperature)
    times, source, draws = torch.zeros(6), generator(0), 1500
    for _ in range(draws):
        pair = tuple(selector.select(SuperBatch(features), 2, generator=source).sort().values.tolist())
        times[pairs.index(pair)] += 1
    # 600 candidates stand for the six sets up to some 10 % each, which is averaged over the draws.
    deviation = (times / draws - probabilities).abs()
    assert (deviation < 4 * (probabilities * (1 - probabilities) / draws).sqrt() + 0.005).all()


def test_stratified_candidates_keep_the_labels_in_proportion(scored):
    labels = torch.tensor([0] * 30 + [1] * 10)
    super_batch = SuperBatch(torch.randn(40, 4, generator=generator(0)), labels=labels)
    selector = SpectralCandidates(50, candidates="stratified")
    rows = selector.select(super_batch, 8, generator=generator(0))
    assert (labels[rows] == 1).sum() == 2
    assert ((labels[scored[0][0]] == 1).sum(dim=1) == 2).all()
    with pytest.raises(ValueError, match="spectral_candidates needs labels"):
        selector.select(SuperBatch(super_batch.features), 8)


def test_options_reach_the_kernels():
    features = torch.randn(30, 4, generator=generator(0)) + 3
    plain, centred = (
        SpectralCandidates(300, similarity="linear", **options).select(SuperBatch(features), 4, generator=generator(0))
        for options in ({}, {"center": True})
    )
    assert set(plain.tolist()) != set(centred.tolist())
    with pytest.raises(ValueError, match="criterion"):
        SpectralCandidates(10, criterion="rank").select(SuperBatch(features), 4)
    with pytest.raises(TypeError, match="centre"):
        SpectralCandidates(10, centre=True).select(SuperBatch(features), 4)


def test_residuals_and_quality_are_used_where_asked_for():
    source = generator(1)
    features, residuals = torch.randn(30, 4, generator=source), torch.randn(30, 3, generator=source)
    quality = torch.where(torch.arange(30) < 6, 1.0, 1e-4)
    super_batch = SuperBatch(features, residuals=residuals, quality=quality)
    weighted = SpectralCandidates(3000, similarity="gradient", criterion="logdet", use_quality=True)
    rows = weighted.select(super_batch, 3, generator=generator(0))
    assert (rows < 6).all()
    gradients = (residuals.unsqueeze(2) * features.unsqueeze(1)).flatten(1)  # [30, 12], what the similarity stands for
    direct = SpectralCandidates(500, similarity="linear").select(SuperBatch(gradients), 5, generator=generator(0))
    implied = SpectralCandidates(500, similarity="gradient").select(super_batch, 5, generator=generator(0))
    assert torch.equal(direct, implied)
    with pytest.raises(ValueError, match="needs residuals"):
        SpectralCandidates(similarity="gradient").select(SuperBatch(features), 3)


def test_softmax_of_a_cold_temperature_is_the_argmax():
    features = torch.randn(30, 4, generator=generator(0))
    cold = SpectralCandidates(100, choice="softmax", temperature=1e-12)
    best = SpectralCandidates(100)
    for seed in range(5):
        chosen = cold.select(SuperBatch(features), 4, generator=generator(seed))
        assert torch.equal(chosen, best.select(SuperBatch(features), 4, generator=generator(seed)))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"similarity": "rbf", "gamma": 0.3},
        {"similarity": "linear", "center": True},
        {"similarity": "gradient", "use_quality": True},
        {"criterion": "algebraic_connectivity", "candidates": "stratified"},
        {"similarity": "linear", "candidates": "grown", "use_quality": True},
        {"similarity": "gradient", "candidates": "grown"},
    ],
)
def test_comparing_the_super_batch_as_a_whole_first_changes_no_choice(options, monkeypatch, scored):
    source = generator(0)
    super_batch = SuperBatch(
        torch.randn(40, 9, generator=source),
        residuals=torch.randn(40, 3, generator=source),
        quality=torch.rand(40, generator=source) + 0.2,
        labels=torch.arange(40) % 3,
    )
    super_batch.features[5] = torch.nan
    rows = []
    for limit in (2048, 0):
        monkeypatch.setattr(scoring, "MAX_GRAM_ROWS", limit)
        rows.append(SpectralCandidates(60, **options).select(super_batch, 6, generator=generator(1)))
    assert torch.equal(*rows)
    (_, shared), (_, alone) = scored
    # A graph in two parts has connectivity 0, up to the rounding of degrees that are at most 6.
    assert torch.allclose(shared, alone, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("name", ["spectral_candidates", "joint_growth", "consecutive_candidates"])
def test_a_batch_without_a_score_is_not_the_best(name: str):
    """Logdet has no value where I + K/σ² is not positive definite."""
    matrix = torch.randn(40, 40, generator=generator(0)) * 3
    matrix = (matrix + matrix.mT) / 2
    selector = make_selector(name, n_candidates=512, criterion="logdet", similarity="precomputed", sigma=2.0)
    rows = selector.select(SuperBatch(matrix), 4, generator=generator(1))
    score = saln_kernels.score_batches(matrix, rows.unsqueeze(0), "logdet", similarity="precomputed", sigma=2.0)
    assert score.isfinite()


def test_a_given_similarity_matrix():
    features = torch.randn(40, 9, generator=generator(0))
    given = SpectralCandidates(60, similarity="precomputed").select(
        SuperBatch(features @ features.T), 6, generator=generator(1)
    )
    direct = SpectralCandidates(60, similarity="linear").select(SuperBatch(features), 6, generator=generator(1))
    assert torch.equal(given, direct)
