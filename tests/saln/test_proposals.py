"""Candidates: no duplicates, every set equally likely, strata in proportion, the same for the same generator."""

from collections import Counter
from itertools import combinations
from math import comb, prod

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from saln.selectors.support import candidates as proposals
from saln.selectors.support.candidates import stratified_candidates, uniform_candidates


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def no_duplicates(candidates: torch.Tensor) -> bool:
    ordered = candidates.sort(dim=1).values
    return not bool((ordered[:, 1:] == ordered[:, :-1]).any())


@given(st.integers(1, 400), st.integers(0, 40), st.data())
@settings(deadline=None, max_examples=80)
def test_uniform_rows_are_sets_of_the_pool(entries, count, data):
    size = data.draw(st.integers(0, entries))
    seed = data.draw(st.integers(0, 2**32))
    candidates = uniform_candidates(entries, count, size, generator=generator(seed))
    assert candidates.shape == (count, size)
    assert candidates.dtype == torch.int64
    assert no_duplicates(candidates)
    if candidates.numel():
        assert 0 <= candidates.min() <= candidates.max() < entries
    pool = torch.randperm(entries) * 3 + 5
    assert torch.equal(uniform_candidates(pool, count, size, generator=generator(seed)), pool[candidates])


# Dense pools are drawn by keys of 32 bits, sparse ones by redrawing; both with few sets, so that each can be counted.
@pytest.mark.parametrize(("entries", "size", "sparse"), [(6, 3, 6), (7, 5, 6), (8, 2, 1), (12, 2, 6), (6, 3, 1)])
def test_every_set_is_equally_likely(entries, size, sparse, monkeypatch):
    monkeypatch.setattr(proposals, "SPARSE", sparse)
    draws = 20000
    rows = uniform_candidates(entries, draws, size, generator=generator(1)).sort(dim=1).values
    times = Counter(map(tuple, rows.tolist()))
    expected = draws / comb(entries, size)
    statistic = sum((times[each] - expected) ** 2 / expected for each in combinations(range(entries), size))
    assert statistic < chi2.ppf(0.999, comb(entries, size) - 1)


@pytest.mark.parametrize(("entries", "size"), [(5000, 2000), (200_000, 300)])
def test_large_pools(entries, size):
    """Keys of 64 bits, and duplicates that must be redrawn again and again."""
    candidates = uniform_candidates(entries, 40, size, generator=generator(0))
    assert no_duplicates(candidates)
    assert candidates.max() < entries
    tenths = torch.bincount(candidates.flatten() * 10 // entries, minlength=10).double()
    expected = candidates.numel() / 10
    assert float(((tenths - expected) ** 2 / expected).sum()) < chi2.ppf(0.999, 9)


@given(st.lists(st.integers(-2, 4), min_size=1, max_size=60), st.data())
@settings(deadline=None, max_examples=100)
def test_strata_get_their_share_and_the_largest_remainders_the_rest(labels, data):
    size = data.draw(st.integers(0, len(labels)))
    of = torch.tensor(labels)
    candidates = stratified_candidates(of, 15, size, generator=generator(data.draw(st.integers(0, 2**32))))
    assert candidates.shape == (15, size)
    assert no_duplicates(candidates)
    counts = Counter(labels)
    remainder = {label: size * n % len(labels) for label, n in counts.items()}
    whole = {label: size * n // len(labels) for label, n in counts.items()}
    for row in candidates:
        got = Counter(of[row].tolist())
        extra = {label: got[label] - whole[label] for label in counts}
        assert set(extra.values()) <= {0, 1}
        served = [remainder[label] for label in counts if extra[label]]
        passed_over = [remainder[label] for label in counts if not extra[label]]
        assert not served or not passed_over or min(served) >= max(passed_over)


def test_within_a_stratum_every_set_is_equally_likely_and_ties_are_drawn_anew():
    labels = torch.tensor([7, 7, 7, 7, 2, 2, 2, 2, 5, 5, 5, 5])  # size 4: one each, and one of three more
    draws = 30000
    rows = stratified_candidates(labels, draws, 4, generator=generator(0)).sort(dim=1).values
    times = Counter(map(tuple, rows.tolist()))
    possible = [
        each
        for each in combinations(range(12), 4)
        if prod(Counter(labels[list(each)].tolist()).values()) == 2  # 2, 1, 1
    ]
    assert set(times) <= set(possible)
    # Each label is the lucky one a third of the time; then 6 pairs of it, and 4 of either other.
    expected = draws / 3 / (6 * 4 * 4)
    statistic = sum((times[each] - expected) ** 2 / expected for each in possible)
    assert statistic < chi2.ppf(0.999, len(possible) - 1)


def test_the_last_place_of_a_served_stratum_is_not_a_favourite_row():
    labels = torch.tensor([0, 0, 0, 1, 1, 1, 1])
    times = torch.bincount(stratified_candidates(labels, 20000, 3, generator=generator(3)).flatten(), minlength=7)
    for label, share in ((0, 1 / 3), (1, 2 / 4)):
        expected = 20000 * share
        of_label = times[labels == label].double()
        variance = expected * (1 - share)
        assert float(((of_label - expected) ** 2 / variance).sum()) < chi2.ppf(0.999, len(of_label))


def test_a_pool_of_rows_keeps_their_labels():
    labels = torch.tensor([0] * 10 + [1] * 20)
    pool = torch.arange(100, 130)
    candidates = stratified_candidates(labels, 50, 6, pool=pool, generator=generator(0))
    assert ((candidates >= 110).sum(dim=1) == 4).all()
    with pytest.raises(ValueError, match="pool has 29 entries, want 30"):
        stratified_candidates(labels, 50, 6, pool=pool[1:])


@pytest.mark.parametrize(
    "draw",
    [
        lambda g, c: uniform_candidates(50, c, 9, generator=g),
        lambda g, c: stratified_candidates(torch.arange(50) % 3, c, 9, generator=g),
    ],
)
def test_the_generator_decides(draw):
    assert torch.equal(draw(generator(1), 30), draw(generator(1), 30))
    assert not torch.equal(draw(generator(1), 30), draw(generator(2), 30))
    source = generator(1)
    assert not torch.equal(draw(source, 30), draw(source, 30))


def test_sizes_that_do_not_fit():
    for size in (-1, 11):
        with pytest.raises(ValueError, match=f"size is {size}, want 0 to 10"):
            uniform_candidates(10, 3, size)
        with pytest.raises(ValueError, match=f"size is {size}, want 0 to 10"):
            stratified_candidates(torch.zeros(10, dtype=torch.int64), 3, size)
    with pytest.raises(ValueError, match="count is -1"):
        uniform_candidates(10, -1, 3)
