"""SALN against networkx, a cut known beforehand, and its keep rules one by one."""

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saln import SuperBatch
from saln.selectors.saln import KEEP, SALN, keep_by_vector

SIGN_FREE = ("abs", "both_ends", "near_zero")


def two_groups(first: int, second: int) -> torch.Tensor:
    """Two tight bundles of directions that hardly see each other."""
    source = torch.Generator().manual_seed(first)
    centres = torch.eye(8)[:2] + 0.05
    return torch.cat([centres[0].expand(first, 8), centres[1].expand(second, 8)]) + 0.02 * torch.randn(
        first + second, 8, generator=source
    )


def networkx_vector(features: torch.Tensor) -> np.ndarray:
    rows = features.double().numpy()
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    weights = np.clip(rows @ rows.T, 0, None)
    np.fill_diagonal(weights, 0)
    return nx.fiedler_vector(nx.from_numpy_array(weights), method="lanczos", tol=1e-12, seed=0)


@pytest.mark.parametrize("seed", range(3))
def test_keeps_what_networkx_s_fiedler_vector_says(seed):
    features = torch.randn(30, 6, generator=torch.Generator().manual_seed(seed)) + 1
    vector = networkx_vector(features)
    wanted = set(np.argsort(-np.abs(vector))[:8].tolist())
    assert set(SALN("abs").select(SuperBatch(features), 8).tolist()) == wanted
    ends = {
        frozenset(np.argsort(vector)[:8].tolist()),
        frozenset(np.argsort(-vector)[:8].tolist()),
    }
    ours = {frozenset(SALN(keep).select(SuperBatch(features), 8).tolist()) for keep in ("positive", "negative")}
    assert ours == ends


@pytest.mark.parametrize(("first", "second"), [(6, 6), (4, 9)])
def test_the_two_ends_are_the_two_groups(first, second):
    features = two_groups(first, second)
    groups = {frozenset(range(first)), frozenset(range(first, first + second))}
    small = min(first, second)
    for keep in ("positive", "negative"):
        rows = frozenset(SALN(keep).select(SuperBatch(features), small).tolist())
        assert sum(rows <= group for group in groups) == 1
    both = SALN("both_ends").select(SuperBatch(features), 2 * (small // 2))
    assert (both < first).sum() == small // 2


def test_the_larger_magnitudes_belong_to_the_smaller_group():
    features = two_groups(3, 12)
    assert set(SALN("abs").select(SuperBatch(features), 3).tolist()) == {0, 1, 2}
    assert not set(SALN("near_zero").select(SuperBatch(features), 12).tolist()) & {0, 1, 2}


def test_the_treatment_of_negative_similarities_matters():
    features = torch.randn(24, 3, generator=torch.Generator().manual_seed(1))
    chosen = {
        negative: frozenset(SALN(negative=negative).select(SuperBatch(features), 6).tolist())
        for negative in ("clamp", "shift", "keep")
    }
    assert len(set(chosen.values())) > 1


def test_each_keep_rule_on_a_lopsided_vector():
    vector = torch.tensor([-0.1, 0.9, -0.2, 0.05, 0.6, -0.3, 0.7])
    taken = {keep: sorted(keep_by_vector(vector, 3, keep).tolist()) for keep in KEEP}
    assert taken == {
        "abs": [1, 4, 6],
        "positive": [1, 4, 6],
        "negative": [0, 2, 5],
        "both_ends": [1, 5, 6],
        "near_zero": [0, 2, 3],
    }


entries = st.lists(st.integers(-20, 20), min_size=1, max_size=12)


@given(entries, st.data())
@settings(deadline=None, max_examples=150)
def test_rules_are_sets_of_the_right_entries_and_the_sign_free_ones_ignore_the_sign(values, data):
    vector = torch.tensor(values, dtype=torch.float32)
    size = data.draw(st.integers(0, len(values)))
    taken = {keep: keep_by_vector(vector, size, keep).tolist() for keep in KEEP}
    assert all(len(set(rows)) == size for rows in taken.values())
    magnitudes = sorted(map(abs, values))
    assert sorted(abs(values[row]) for row in taken["near_zero"]) == magnitudes[:size]
    assert sorted(abs(values[row]) for row in taken["abs"]) == magnitudes[len(values) - size :]
    assert sorted(values[row] for row in taken["positive"]) == sorted(values)[len(values) - size :]
    assert sorted(values[row] for row in taken["negative"]) == sorted(values)[:size]
    ordered, half = sorted(values), size // 2
    left = ordered[half : len(values) - half]
    wanted = ordered[:half] + ordered[len(values) - half :]
    odd = [max(left, key=abs)] if size % 2 else []
    assert sorted(map(abs, wanted + odd)) == sorted(abs(values[row]) for row in taken["both_ends"])
    if len(set(values)) == len(values):
        for keep in SIGN_FREE:
            assert set(keep_by_vector(-vector, size, keep).tolist()) == set(taken[keep])
