"""What the tests of the selection methods share."""

import math
from collections.abc import Callable, Mapping
from itertools import combinations

import torch
from scipy.stats import chi2

from saln import SuperBatch


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def cloud(rows: int, width: int, seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(rows, width, generator=generator(seed), dtype=dtype)


def by_losses(losses: torch.Tensor, reference: torch.Tensor | None = None) -> SuperBatch:
    return SuperBatch(torch.zeros(len(losses), 1), losses=losses, reference_losses=reference)


def every_set(rows: int, size: int) -> list[tuple[int, ...]]:
    return list(combinations(range(rows), size))


def assert_drawn_with(
    probabilities: Mapping[tuple[int, ...], float], draw: Callable[[], torch.Tensor], draws: int, *, sets: bool = True
) -> None:
    """A chi-square test, at the 0.999 quantile, that `draw` gives each outcome with its probability.

    Outcomes that are expected fewer than 5 times are one outcome together, as the test needs.
    """
    assert math.isclose(sum(probabilities.values()), 1, rel_tol=1e-9)
    times = dict.fromkeys(probabilities, 0)
    for _ in range(draws):
        rows = draw().tolist()
        times[tuple(sorted(rows) if sets else rows)] += 1
    likely = [outcome for outcome, p in probabilities.items() if draws * p >= 5]
    pairs = [(times[outcome], draws * probabilities[outcome]) for outcome in likely]
    rest = draws - sum(expected for _, expected in pairs)
    if rest > 1e-9 * draws:
        pairs.append((draws - sum(seen for seen, _ in pairs), rest))
    statistic = sum((seen - expected) ** 2 / expected for seen, expected in pairs)
    assert statistic < chi2.ppf(0.999, len(pairs) - 1), f"chi-square {statistic:.1f} over {len(pairs)} outcomes"
