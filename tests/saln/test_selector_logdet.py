"""Log-det greedy, its gradient form with every quality, and the exact k-DPP, against enumeration and DPPy."""

import dataclasses
import math
from itertools import combinations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from saln import SuperBatch
from saln.selectors import (
    KDPP,
    AgreeingGradientLogDet,
    GradientLogDet,
    LearnableGradientLogDet,
    LogDet,
    PatientGradientLogDet,
)
from saln.selectors.k_dpp import draw_eigenvectors, draw_projection
from saln.selectors.support.quality import QUALITIES, label_agreement, share_learned
from selector_cases import assert_drawn_with, cloud, every_set, generator


def greedy(matrix: torch.Tensor, size: int, noise: float) -> list[int]:
    """By the determinants of every extension."""
    chosen: list[int] = []
    for _ in range(size):
        values = [
            -math.inf
            if row in chosen
            else float(torch.logdet(noise * torch.eye(len(chosen) + 1) + matrix[[*chosen, row]][:, [*chosen, row]]))
            for row in range(len(matrix))
        ]
        chosen.append(int(np.argmax(values)))
    return chosen


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ridge", [0.0, 0.1, 2.0])
def test_logdet_is_the_greedy_of_brute_force(seed, ridge):
    x = cloud(12, 9, seed)
    matrix = x @ x.T
    wanted = greedy(matrix, 7, ridge * float(matrix.diagonal().mean()))
    assert LogDet(similarity="linear", ridge=ridge).select(SuperBatch(x), 7).tolist() == wanted


def test_logdet_does_not_depend_on_the_scale_of_the_features():
    x = cloud(40, 6, 0, torch.float32)
    rows = [LogDet(similarity="linear").select(SuperBatch(x * scale), 10).tolist() for scale in (1e-12, 1.0, 1e12)]
    assert rows[0] == rows[1] == rows[2]


def test_logdet_is_within_the_bound_of_the_best_of_all_sets():
    """1 - 1/e of log det(I + K / σ²), by Nemhauser, Wolsey & Fisher."""
    for seed in range(4):
        x = cloud(12, 6, seed)
        matrix = x @ x.T / float((x * x).sum(dim=1).mean()) / 0.1

        def value(rows: list[int], matrix: torch.Tensor = matrix) -> float:
            return float(torch.logdet(torch.eye(len(rows)) + matrix[rows][:, rows]))

        best = max(value(list(rows)) for rows in combinations(range(12), 5))
        ours = value(LogDet(similarity="linear", ridge=0.1).select(SuperBatch(x), 5).tolist())
        assert (1 - math.exp(-1)) * best <= ours <= best + 1e-9


def test_quality_enters_squared():
    x = cloud(12, 6, 1)
    quality = torch.rand(12, generator=generator(0), dtype=torch.float64) + 0.1
    matrix = x @ x.T
    noise = 0.1 * float(matrix.diagonal().mean())
    wanted = greedy(quality.unsqueeze(1) * matrix * quality, 6, noise)
    selector = LogDet(similarity="linear", use_quality=True)
    assert selector.select(SuperBatch(x, quality=quality), 6).tolist() == wanted


def test_temperature_is_gumbel_noise_on_the_gains():
    """Of orthogonal rows at ridge 0 the gains are log K_ii, so that the order drawn is ∝ K_ii."""
    lengths = torch.tensor([1.0, 2.0, 0.5, 1.5], dtype=torch.float64)
    weights = (lengths**2) ** (1 / 0.8)
    weights = weights / weights.sum()
    orders = {(a, b): float(weights[a] * weights[b] / (1 - weights[a])) for a in range(4) for b in range(4) if a != b}
    selector, source = LogDet(similarity="linear", ridge=0.0, temperature=0.8), generator(0)
    super_batch = SuperBatch(torch.diag(lengths))
    assert_drawn_with(orders, lambda: selector.select(super_batch, 2, generator=source), 3000, sets=False)


def gradient_problem(rows: int, seed: int) -> tuple[SuperBatch, torch.Tensor]:
    source = generator(seed + 50)
    x, residuals = cloud(rows, 6, seed), cloud(rows, 4, seed + 100)
    super_batch = SuperBatch(
        x,
        residuals=residuals,
        losses=torch.rand(rows, generator=source, dtype=torch.float64) * 3,
        reference_losses=torch.rand(rows, generator=source, dtype=torch.float64),
        labels=torch.randint(3, (rows,), generator=source),
        quality=torch.rand(rows, generator=source, dtype=torch.float64),
    )
    gradients = (residuals.unsqueeze(2) * x.unsqueeze(1)).flatten(1)
    return super_batch, gradients @ gradients.T


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rule", QUALITIES)
def test_gradient_logdet_is_the_greedy_on_the_gradients_with_every_quality(seed, rule):
    super_batch, matrix = gradient_problem(12, seed)
    learnability = super_batch.losses - super_batch.reference_losses
    in_class = torch.empty(12, dtype=torch.float64)
    for row, label in enumerate(super_batch.labels):
        mean = learnability[super_batch.labels == label].mean()
        in_class[row] = 1 / (1 + (-(learnability[row] - mean) / 0.5).exp())
    agreement = agreement_by_loops(super_batch.features, super_batch.labels, 0.3)
    if rule == "class_learnability_agreement":  # half the way from guessing, log 3, to the reference
        assert len(super_batch.labels.unique()) == 3
        mean = (math.log(3) + float(super_batch.reference_losses.mean())) / 2
        super_batch = dataclasses.replace(super_batch, losses=super_batch.losses - super_batch.losses.mean() + mean)
    quality = {
        "none": torch.ones(12, dtype=torch.float64),
        "learnability": 1 / (1 + (-learnability / 0.5).exp()),
        "gate": (learnability > 0.2).double(),
        "class_learnability": in_class,
        "label_agreement": agreement,
        "class_learnability_agreement": in_class * agreement**0.5,
        "given": super_batch.quality,
    }[rule]
    size = 6 if rule != "gate" else min(6, int(quality.sum()))
    wanted = greedy(quality.unsqueeze(1) * matrix * quality, size, 0.1 * float(matrix.diagonal().mean()))
    selector = GradientLogDet(rule, quality_temperature=0.5, threshold=0.2, width=0.3)
    assert selector.select(super_batch, size).tolist() == wanted


def test_the_named_forms_are_the_rules():
    super_batch, _ = gradient_problem(30, 0)
    for named, rule in (
        (LearnableGradientLogDet(), "learnability"),
        (AgreeingGradientLogDet(), "label_agreement"),
        (PatientGradientLogDet(temperature=0.0), "class_learnability_agreement"),
    ):
        assert torch.equal(named.select(super_batch, 9), GradientLogDet(rule).select(super_batch, 9))
    assert not torch.equal(GradientLogDet().select(super_batch, 9), LearnableGradientLogDet().select(super_batch, 9))


def test_the_default_takes_less_noise_and_more_of_a_rare_class():
    """Four classes around a direction each, a third of labels wrong; the reference hardly knows the rare class."""
    source = generator(0)
    true = torch.tensor([0] * 36 + [1] * 36 + [2] * 36 + [3] * 12)
    x = torch.eye(4, dtype=torch.float64)[true] + 0.3 * cloud(120, 4, 1)
    wrong = torch.rand(120, generator=source) < 0.33
    labels = torch.where(wrong, (true + 1) % 4, true)
    rare = (true == 3) & ~wrong
    super_batch = SuperBatch(
        x,
        labels=labels,
        losses=0.5 + 0.1 * torch.rand(120, generator=source),
        reference_losses=0.1 + 0.8 * wrong + 0.6 * (labels == 3),
        residuals=0.25 - F.one_hot(labels, 4).double(),
    )

    def shares(quality: str) -> tuple[float, float]:
        selector = GradientLogDet(quality, temperature=1.0)
        rows = torch.cat([selector.select(super_batch, 30, generator=generator(seed)) for seed in range(20)])
        return float(wrong[rows].double().mean()), float(rare[rows].double().mean())

    blind, whole, default = shares("none"), shares("learnability"), shares("class_learnability_agreement")
    assert default[0] < whole[0] < blind[0]  # of 600 rows each, standard deviations of about 0.02
    assert default[1] > max(whole[1], float(rare.double().mean()))


@pytest.mark.parametrize(("loss", "power"), [(2.0, 0.0), (1.5, 0.0), (1.0, 0.5), (0.5, 1.0), (0.1, 1.0)])
def test_agreement_waits_for_the_learner(loss, power):
    assert share_learned(torch.tensor(loss), torch.tensor(0.5), guessing=1.5).item() == pytest.approx(power)


def test_a_reference_no_better_than_guessing_is_caught_up_with_at_once():
    assert share_learned(torch.tensor(1.4), torch.tensor(1.6), guessing=1.5).item() == 1
    assert share_learned(torch.tensor(1.7), torch.tensor(1.6), guessing=1.5).item() == 0


def agreement_by_loops(x: torch.Tensor, labels: torch.Tensor, width: float) -> torch.Tensor:
    m, quality = len(x), []
    unit = x / x.norm(dim=1, keepdim=True)
    prior = {int(label): float((labels == label).double().mean()) for label in labels.unique()}
    for i in range(m):
        share = dict.fromkeys(prior, 0.0)
        for j in range(m):
            if i != j:
                share[int(labels[j])] += math.exp((float(unit[i] @ unit[j]) - 1) / width) / prior[int(labels[j])]
        quality.append(share[int(labels[i])] / sum(share.values()))
    return torch.tensor(quality, dtype=torch.float64)


def test_label_agreement_is_its_formula_and_finds_wrong_labels():
    x, labels = cloud(20, 4, 0), torch.arange(20) % 3
    ours = label_agreement(x, labels, width=0.2)
    torch.testing.assert_close(ours, agreement_by_loops(x, labels, 0.2), rtol=1e-9, atol=0)
    centres = torch.eye(3, 6, dtype=torch.float64)
    grouped = centres[torch.arange(60) % 3] + 0.05 * cloud(60, 6, 1)
    labels = torch.arange(60) % 3
    wrong = torch.tensor([4, 11, 30])
    labels[wrong] = (labels[wrong] + 1) % 3
    quality = label_agreement(grouped, labels)
    assert set(quality.argsort()[:3].tolist()) == set(wrong.tolist())
    assert quality.sort().values[3] > 0.5 > quality.sort().values[2]
    alone = label_agreement(x[:3], torch.tensor([0, 0, 1]))
    assert alone[2] == 0


@pytest.mark.parametrize(("rows", "size", "width"), [(5, 2, 5), (6, 3, 4), (8, 5, 8)])
def test_k_dpp_draws_every_set_in_proportion_to_its_determinant(rows, size, width):
    x = cloud(rows, width, rows)
    matrix = x @ x.T
    weights = {each: float(torch.linalg.det(matrix[list(each)][:, list(each)])) for each in every_set(rows, size)}
    total = sum(weights.values())
    selector, source = KDPP(similarity="linear"), generator(0)
    assert_drawn_with(
        {each: weight / total for each, weight in weights.items()},
        lambda: selector.select(SuperBatch(x), size, generator=source),
        4000,
    )


def test_k_dpp_with_quality_and_a_ridge():
    x = cloud(6, 3, 0)
    quality = torch.tensor([1.0, 0.5, 2.0, 1.0, 0.1, 1.0], dtype=torch.float64)
    matrix = quality.unsqueeze(1) * (x @ x.T) * quality
    matrix = matrix + 0.5 * matrix.diagonal().mean() * torch.eye(6)
    weights = {each: float(torch.linalg.det(matrix[list(each)][:, list(each)])) for each in every_set(6, 4)}
    total = sum(weights.values())
    selector, source = KDPP(similarity="linear", quality="given", ridge=0.5), generator(0)
    super_batch = SuperBatch(x, quality=quality)
    assert_drawn_with(
        {each: weight / total for each, weight in weights.items()},
        lambda: selector.select(super_batch, 4, generator=source),
        4000,
    )


def test_k_dpp_s_inclusion_probabilities_are_dppy_s():
    """P(i in S) = Σ_n V_in² λ_n e_{k-1}(λ without λ_n) / e_k(λ), the polynomials by DPPy."""
    from dppy import exact_sampling  # here, since it takes seconds

    x = cloud(30, 12, 0) * torch.linspace(0.2, 2, 30, dtype=torch.float64).unsqueeze(1)
    size, draws = 6, 3000
    values, vectors = np.linalg.eigh((x @ x.T).numpy())
    values = values.clip(0)
    everything = exact_sampling.elementary_symmetric_polynomials(values, size)[size, -1]
    of_direction = [
        values[n] * exact_sampling.elementary_symmetric_polynomials(np.delete(values, n), size - 1)[size - 1, -1]
        for n in range(30)
    ]
    expected = vectors**2 @ (np.array(of_direction) / everything)
    assert expected.sum() == pytest.approx(size)
    selector, source = KDPP(similarity="linear"), generator(1)
    times = np.zeros(30)
    for _ in range(draws):
        times[selector.select(SuperBatch(x), size, generator=source).numpy()] += 1
    deviation = (times / draws - expected) / np.sqrt(expected * (1 - expected) / draws)
    # 30 standard normals: beyond 4.2 with probability 0.001, if they are not too dependent.
    assert np.abs(deviation).max() < 4.2


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_eigenvectors_are_drawn_in_proportion_to_their_product_at_any_scale(scale):
    log_values = np.log([0.5, 1.0, 2.0, 0.1, 3.0]) + np.log(scale)
    products = {each: math.exp(sum(np.log([0.5, 1.0, 2.0, 0.1, 3.0])[list(each)])) for each in every_set(5, 3)}
    total = sum(products.values())
    rng = np.random.default_rng(0)
    assert_drawn_with(
        {each: product / total for each, product in products.items()},
        lambda: draw_eigenvectors(log_values, 3, rng.random(5)),
        4000,
    )


def test_a_projection_s_sets_have_their_squared_volumes():
    basis = torch.linalg.qr(cloud(6, 3, 0)).Q
    weights = {each: float(torch.linalg.det(basis[list(each)])) ** 2 for each in every_set(6, 3)}
    source = generator(0)
    assert_drawn_with(
        weights,
        lambda: draw_projection(basis, torch.rand(3, generator=source, dtype=torch.float64)),
        4000,
    )


def test_k_dpp_beyond_the_rank_takes_every_direction_first():
    x = torch.eye(3, dtype=torch.float64).repeat(4, 1)
    source = generator(0)
    for _ in range(20):
        rows = KDPP().select(SuperBatch(x), 5, generator=source)
        assert set((rows % 3).tolist()) == {0, 1, 2}


def test_a_hot_k_dpp_is_nearer_to_uniform():
    """The larger the temperature, the less the three long rows are preferred."""
    x = torch.diag(torch.tensor([9.0, 9.0, 9.0] + [1.0] * 9, dtype=torch.float64))
    shares = []
    for temperature in (1.0, 4.0, 1e6):
        selector, source = KDPP(similarity="linear", temperature=temperature), generator(0)
        rows = torch.stack([selector.select(SuperBatch(x), 3, generator=source) for _ in range(300)])
        shares.append(float((rows < 3).double().mean()))
    assert shares[0] > 0.85 > shares[1] > 0.35 > shares[2]
    assert abs(shares[2] - 0.25) < 0.06
