"""The permutation test is exact, and right where a test that counts draws is not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from saln.audit.permutation import adjust, permutation_test


def _test(counts: object, codes: object, n_groups: int, permutations: int = 4999):  # type: ignore[no-untyped-def]
    generator = np.random.default_rng(0)
    return permutation_test(
        np.asarray(counts), np.asarray(codes), n_groups, permutations=permutations, generator=generator
    )


@pytest.mark.parametrize(("chosen", "sizes"), [((7, 1), (10, 12)), ((4, 5), (9, 9)), ((0, 6), (5, 20))])
def test_two_groups_chosen_or_not_is_the_hypergeometric_test(chosen: tuple[int, int], sizes: tuple[int, int]) -> None:
    counts = np.concatenate([np.arange(size) < k for k, size in zip(chosen, sizes, strict=True)]).astype(int)
    codes = np.repeat([0, 1], sizes)
    n, k, first = sum(sizes), sum(chosen), np.arange(sum(sizes) + 1)
    probability = stats.hypergeom(n, k, sizes[0]).pmf(first)
    away = np.abs(first - k * sizes[0] / n)
    exact = probability[away >= abs(chosen[0] - k * sizes[0] / n) - 1e-9].sum()
    found = _test(counts, codes, 2)
    spread = 4 * np.sqrt(exact * (1 - exact) / 4999) + 1 / 5000
    assert abs(found.p_value - exact) <= spread
    assert found.group_p_values == pytest.approx([found.p_value, found.p_value])


def test_many_rows_agree_with_the_variance_of_a_sample_without_replacement() -> None:
    """Σ n_g (mean_g - mean)² over the variance of the counts is chi-square on G - 1 degrees of freedom."""
    source = np.random.default_rng(3)
    counts, codes = source.poisson(2.0, 3000), source.integers(0, 4, 3000)
    counts[codes == 1] += source.random((codes == 1).sum()) < 0.07
    sizes = np.bincount(codes)
    means = np.bincount(codes, weights=counts) / sizes
    statistic = (sizes * (means - counts.mean()) ** 2).sum() / counts.var(ddof=1)
    expected = stats.chi2(3).sf(statistic)
    assert 0.005 < expected < 0.5
    assert abs(_test(counts, codes, 4).p_value - expected) <= 4 * np.sqrt(expected / 4999) + 0.01


def test_chance_leaves_all_groups_within_its_bounds_at_once() -> None:
    """In 95 of 100 selections that do not care about groups, none is outside."""
    source = np.random.default_rng(7)
    codes, outside = np.repeat(np.arange(6), [200, 100, 100, 80, 60, 60]), 0
    for _ in range(300):
        counts = source.poisson(1.5, 600)
        found = permutation_test(counts, codes, 6, permutations=999, generator=source)
        totals = np.bincount(codes, weights=counts)
        outside += bool(((totals < found.low) | (totals > found.high)).any())
    low, high = stats.binom(300, 0.05).ppf([0.0005, 0.9995])
    assert low <= outside <= high


def test_empty_groups_and_equal_counts_say_nothing() -> None:
    found = _test([2, 2, 2, 2], [0, 0, 2, 2], 4, 99)
    assert found.p_value == 1.0
    assert found.group_p_values.tolist() == [1.0, 1.0, 1.0, 1.0]
    assert _test([3, 0, 1], [0, 0, 0], 1, 99).p_value == 1.0


def test_p_values_are_uniform_for_a_selector_that_returns_to_its_favourites() -> None:
    """60 of 600 rows drawn 50 times each: 3000 draws are no 3000 trials, as the plain chi-square test takes them."""
    source = np.random.default_rng(5)
    codes = np.repeat([0, 1, 2], [300, 200, 100])
    ours, plain = [], []
    for _ in range(300):
        counts = np.zeros(600, dtype=int)
        counts[source.choice(600, 60, replace=False)] = 50
        ours.append(permutation_test(counts, codes, 3, permutations=199, generator=source).p_value)
        plain.append(stats.chisquare(np.bincount(codes, weights=counts), counts.sum() * np.array([3, 2, 1]) / 6).pvalue)
    low, high = stats.binom(300, 0.05).ppf([0.001, 0.999])
    assert low <= np.sum(np.array(ours) <= 0.05) <= high
    assert np.mean(np.array(plain) <= 0.05) > 0.7


def test_holm_and_benjamini_hochberg_by_their_definitions() -> None:
    p_values = [0.04, 0.001, 0.03, 0.9, 0.012]
    # Holm: ascending times 5, 4, 3, 2, 1, never falling. Benjamini-Hochberg: times 5/rank, never rising from the top.
    assert adjust(p_values, "holm") == pytest.approx([0.09, 0.005, 0.09, 0.9, 0.048])
    assert adjust(p_values, "bh") == pytest.approx([0.05, 0.005, 0.05, 0.9, 0.03])
    assert adjust([]).tolist() == []
    with pytest.raises(ValueError, match="correction must be one of holm, bh, not 'none'"):
        adjust([0.1], "none")  # type: ignore[arg-type]
