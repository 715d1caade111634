"""JEST: its identity, its draws against exact probabilities, its contrastive forms against loops."""

import math
from itertools import permutations

import pytest
import torch

from saln import SuperBatch
from saln.selectors import JEST, Offer
from saln.selectors.jest import chunk_sizes
from saln.selectors.support.contrastive import sigmoid_losses, softmax_gain, softmax_losses


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def classification(learnability: torch.Tensor) -> SuperBatch:
    return SuperBatch(
        torch.zeros(len(learnability), 1),
        losses=learnability + 0.5,
        reference_losses=torch.full_like(learnability, 0.5),
    )


def draw_many(jest: JEST, super_batch: SuperBatch, size: int, draws: int) -> dict[tuple[int, ...], int]:
    source = generator(0)
    times: dict[tuple[int, ...], int] = {}
    for _ in range(draws):
        rows = tuple(jest.select(super_batch, size, generator=source).tolist())
        times[rows] = times.get(rows, 0) + 1
    return times


def without_replacement(logits: list[float], order: tuple[int, ...]) -> float:
    """Probability of drawing this order, one after another, by exp(logits)."""
    weights = [math.exp(value) for value in logits]
    probability, left = 1.0, sum(weights)
    for row in order:
        probability *= weights[row] / left
        left -= weights[row]
    return probability


def chi_square(times: dict[tuple[int, ...], int], probabilities: dict[tuple[int, ...], float]) -> float:
    draws = sum(times.values())
    assert set(times) <= set(probabilities)
    assert math.isclose(sum(probabilities.values()), 1)
    return sum((times.get(key, 0) - draws * p) ** 2 / (draws * p) for key, p in probabilities.items())


@pytest.mark.parametrize(("first_chunk", "temperature"), [("uniform", 1.0), ("learnability", 1.0), ("uniform", 2.5)])
def test_draws_of_the_classification_form_have_the_stated_probabilities(first_chunk, temperature):
    learnability = torch.tensor([0.3, -0.2, 0.8, 0.1])
    jest = JEST(n_chunks=3, first_chunk=first_chunk, temperature=temperature)
    times = draw_many(jest, classification(learnability), 3, 4000)
    probabilities = {}
    for order in permutations(range(4), 3):
        probability = 1.0
        for n, row in enumerate(order):
            scale = 0 if n == 0 and first_chunk == "uniform" else (n + 1) / temperature
            left = [j for j in range(4) if j not in order[:n]]
            weights = {j: math.exp(scale * learnability[j].item()) for j in left}
            probability *= weights[row] / sum(weights.values())
        probabilities[order] = probability
    assert chi_square(times, probabilities) < 49.7  # 0.999 quantile, 23 degrees of freedom


def test_a_chunk_is_drawn_without_replacement():
    learnability = torch.tensor([1.5, 0.0, -0.5, 0.7])
    jest = JEST(n_chunks=1, first_chunk="learnability")
    times = draw_many(jest, classification(learnability), 2, 4000)
    probabilities = {order: without_replacement(learnability.tolist(), order) for order in permutations(range(4), 2)}
    assert chi_square(times, probabilities) < 31.3  # 0.999 quantile, 11 degrees of freedom


@pytest.mark.parametrize("seed", range(5))
def test_the_classification_form_is_the_pairwise_form_of_a_separable_loss(seed):
    source = generator(seed)
    losses, reference = torch.rand(20, generator=source), torch.rand(20, generator=source)
    pairs = [(values.unsqueeze(0) + values.unsqueeze(1)) / 2 for values in (losses, reference)]
    super_batch = SuperBatch(
        torch.zeros(20, 1),
        losses=losses,
        reference_losses=reference,
        learner_scores=pairs[0].double(),
        reference_scores=pairs[1].double(),
    )
    for n_chunks in (1, 4, 9):
        chosen = [
            JEST(form, n_chunks=n_chunks).select(super_batch, 9, generator=generator(seed))
            for form in ("classification", "pairwise")
        ]
        assert torch.equal(*chosen)


def test_temperature_sharpens():
    learnability = torch.linspace(-1, 1, 40)
    super_batch = classification(learnability)
    best = set(range(32, 40))

    def mean_of(temperature: float) -> float:
        source = generator(1)
        jest = JEST(temperature=temperature, first_chunk="learnability")
        rows = [jest.select(super_batch, 8, generator=source) for _ in range(50)]
        return float(torch.stack([learnability[chosen].mean() for chosen in rows]).mean())

    cold = JEST(temperature=1e-6, first_chunk="learnability").select(super_batch, 8, generator=generator(0))
    assert set(cold.tolist()) == best
    assert mean_of(0.3) > mean_of(3) + 0.05 > mean_of(1e6) + 0.1
    assert abs(mean_of(1e6)) < 0.1


@pytest.mark.parametrize("scale", [1e-30, 1e4, 1e30])
def test_learnability_of_any_scale_is_drawn_without_overflow(scale):
    super_batch = classification(torch.linspace(0, 1, 30))
    scaled = SuperBatch(
        super_batch.features, losses=super_batch.losses * scale, reference_losses=super_batch.reference_losses * scale
    )
    rows = JEST(first_chunk="learnability").select(scaled, 12, generator=generator(0))
    assert len(set(rows.tolist())) == 12
    if scale > 1:
        assert set(rows.tolist()) == set(range(18, 30))


def sigmoid_batch_loss(logits: torch.Tensor, rows: list[int]) -> float:
    total = 0.0
    for i in rows:
        for j in rows:
            x = logits[i, j].item()
            total += math.log1p(math.exp(-x if i == j else x))
    return total


def softmax_batch_loss(logits: torch.Tensor, rows: list[int]) -> float:
    total = 0.0
    for i in rows:
        along = math.log(sum(math.exp(logits[i, j].item()) for j in rows)) - logits[i, i].item()
        down = math.log(sum(math.exp(logits[j, i].item()) for j in rows)) - logits[i, i].item()
        total += (along + down) / 2
    return total


@pytest.mark.parametrize("form", ["sigmoid", "softmax"])
def test_contrastive_logits_are_the_growth_of_the_batch_s_loss(form):
    source = generator(2)
    learner, reference = (torch.randn(7, 7, generator=source) * 2 for _ in range(2))
    super_batch = SuperBatch(torch.zeros(7, 1), learner_scores=learner, reference_scores=reference)
    loss = {"sigmoid": sigmoid_batch_loss, "softmax": softmax_batch_loss}[form]
    _, gain = JEST(form)._rule(Offer(super_batch, "jest"))
    for chosen in ([4], [0, 5], [6, 1, 2]):
        ours = gain(torch.tensor(chosen))
        for j in set(range(7)) - set(chosen):
            wanted = sum(
                sign * (loss(logits, [*chosen, j]) - loss(logits, chosen))
                for sign, logits in ((1, learner), (-1, reference))
            )
            assert ours[j].item() == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("form", ["pairwise", "sigmoid", "softmax"])
def test_the_best_batch_of_two_is_found_when_cold(form):
    """Given the first sample, the coldest draw is the brute-force best of the rest."""
    source = generator(4)
    learner, reference = (torch.randn(9, 9, generator=source) for _ in range(2))
    super_batch = SuperBatch(torch.zeros(9, 1), learner_scores=learner, reference_scores=reference)

    def batch_loss(logits: torch.Tensor, rows: list[int]) -> float:
        if form == "pairwise":
            return float(logits[rows][:, rows].double().sum())
        return {"sigmoid": sigmoid_batch_loss, "softmax": softmax_batch_loss}[form](logits, rows)

    for seed in range(8):
        first, second = JEST(form, temperature=1e-9).select(super_batch, 2, generator=generator(seed)).tolist()
        gains = {j: batch_loss(learner, [first, j]) - batch_loss(reference, [first, j]) for j in range(9) if j != first}
        assert second == max(gains, key=gains.__getitem__)


def test_pairs_of_extreme_logits_stay_finite():
    logits = torch.tensor([[800.0, -800.0], [900.0, -900.0]], dtype=torch.float64)
    assert sigmoid_losses(logits).tolist() == [[0, 0], [900, 900]]
    assert softmax_losses(logits).isfinite().all()
    assert softmax_gain(logits, torch.tensor([0])).isfinite().all()


def test_a_pair_that_is_not_finite_between_finite_samples_is_an_error():
    scores = torch.zeros(3, 3)
    scores[0, 2] = torch.nan
    super_batch = SuperBatch(torch.zeros(3, 1), learner_scores=scores, reference_scores=torch.zeros(3, 3))
    with pytest.raises(ValueError, match="learner_scores has values that are not finite between samples"):
        JEST("pairwise").select(super_batch, 2)


@pytest.mark.parametrize(("size", "n_chunks"), [(1, 16), (16, 16), (17, 16), (64, 16), (100, 7)])
def test_chunks_cover_the_size_and_differ_by_at_most_one(size, n_chunks):
    sizes = chunk_sizes(size, n_chunks)
    assert sum(sizes) == size
    assert len(sizes) == min(size, n_chunks)
    assert max(sizes) - min(sizes) <= 1
