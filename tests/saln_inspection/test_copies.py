"""Groups of copies: exact and near, of any size, without chains, in any order; beside comparing all."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from saln.inspection import neighbours
from saln.inspection.copies import Copies, find_copies
from saln.inspection.neighbours import nearest_neighbours


def rows(n: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


def sets(groups: torch.Tensor) -> set[frozenset[int]]:
    """Groups of two or more, as sets of rows."""
    found: dict[int, set[int]] = {}
    for row, group in enumerate(groups.tolist()):
        found.setdefault(group, set()).add(row)
    return {frozenset(group) for group in found.values() if len(group) > 1}


def assert_consistent(found: Copies) -> None:
    """Numbered by first row, counts of the groups."""
    groups = found.groups.tolist()
    assert list(dict.fromkeys(groups)) == list(range(len(set(groups))))
    assert found.counts.tolist() == [groups.count(group) for group in groups]


class TestExactCopies:
    @pytest.mark.parametrize("size", [1, 2, 3000])
    def test_heaps_of_any_size(self, size):
        x = torch.cat([rows(300, 20), rows(1, 20, seed=1).expand(size, 20)])
        x = x[torch.randperm(len(x), generator=torch.Generator().manual_seed(2))]
        found = find_copies(x)
        _, which, counts = x.unique(dim=0, return_inverse=True, return_counts=True)
        assert torch.equal(found.counts, counts[which])
        assert torch.equal(found.exact, counts[which] > 1)
        assert_consistent(find_copies(x[:400]))

    def test_heaps_beside_a_heap(self, monkeypatch):
        monkeypatch.setattr(neighbours, "EXACT", 0)
        x = rows(3000, 10)
        x[1000:2000], x[2000:2003] = x[0], x[1]
        found = find_copies(x)
        assert found.counts[[0, 1, 2, 1500, 2001]].tolist() == [1001, 4, 1, 1001, 4]

    def test_all_rows_equal(self):
        found = find_copies(torch.full((5000, 3), 0.1))
        assert (found.groups == 0).all()
        assert (found.counts == 5000).all()
        assert found.exact.all()

    def test_rows_of_zeros_are_equal(self):
        x = rows(50, 4)
        x[[3, 7, 40]] = 0.0
        assert sets(find_copies(x).groups) == {frozenset({3, 7, 40})}

    @pytest.mark.parametrize("n", [0, 1, 2])
    def test_few_rows(self, n):
        found = find_copies(rows(n, 4))
        assert found.groups.tolist() == list(range(n))
        assert found.counts.tolist() == [1] * n
        assert find_copies(torch.ones(n, 4)).counts.tolist() == [n] * n

    def test_rows_that_are_not_finite_are_alone(self):
        x = torch.ones(6, 3)
        x[1] = x[4] = torch.nan
        found = find_copies(x)
        assert found.groups.tolist() == [0, 1, 0, 0, 2, 0]
        assert found.exact.tolist() == [True, False, True, True, False, True]
        assert find_copies(torch.full((3, 2), torch.nan)).groups.tolist() == [0, 1, 2]


class TestNearCopies:
    @pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
    def test_at_a_threshold_they_are_those_of_comparing_all(self, dtype):
        x = rows(2500, 24).to(dtype)
        x[2000:] = x[:500] + torch.linspace(0.01, 1.5, 500, dtype=dtype)[:, None] * rows(500, 24, seed=1).to(dtype)
        z = x.double().numpy()
        z = (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0).mean())
        squares = (z**2).sum(axis=1)
        sums = squares[:, None] + squares[None]
        similar = 1 - (sums - 2 * z @ z.T) / (sums + 2)
        np.fill_diagonal(similar, 0)
        assert np.abs(similar - 0.8).min() > 1e-6  # none so near to the threshold that rounding decides
        one, other = np.nonzero(similar >= 0.8)
        truth = {frozenset(pair) for pair in zip(one.tolist(), other.tolist(), strict=True)}
        assert len(set().union(*truth)) == 2 * len(truth) > 400  # pairs alone
        assert sets(find_copies(x, threshold=0.8).groups) == truth

    def test_a_heap_that_is_near_a_heap(self):
        x = torch.cat([rows(500, 16), rows(1, 16, seed=1).expand(40, 16), rows(1, 16, seed=1).expand(40, 16) + 1e-3])
        found = find_copies(x)
        assert (found.counts[500:] == 80).all()
        assert found.exact[500:].all()
        assert (found.counts[:500] == 1).all()
        again = find_copies(x, neighbours=nearest_neighbours(x))
        assert torch.equal(found.groups, again.groups)

    @pytest.mark.parametrize("size", [2, 5, 60])
    @pytest.mark.parametrize("cells", [False, True])
    def test_they_are_found_without_a_threshold(self, size, cells, monkeypatch):
        if cells:
            monkeypatch.setattr(neighbours, "EXACT", 0)
        x = rows(2000, 16)
        x[2000 - size * 10 :] = x[:10].repeat_interleave(size, dim=0) + 0.03 * rows(size * 10, 16, seed=1)
        counts = find_copies(x).counts
        assert (counts[:10] == size + 1).all()
        assert (counts[2000 - size * 10 :] == size + 1).all()
        assert (counts[10 : 2000 - size * 10] == 1).all()

    def test_they_are_told_where_rows_lie_far_apart_and_where_they_do_not(self):
        """Half of the rows lie ten times as near as the others: what is a copy there is not one threshold."""
        dense, sparse = 0.1 * rows(1000, 12), rows(1000, 12, seed=1) + 6.0
        dense[500:520] = dense[:20] + 0.002 * rows(20, 12, seed=2)
        sparse[500:520] = sparse[:20] + 0.1 * rows(20, 12, seed=3)
        counts = find_copies(torch.cat([dense, sparse])).counts.view(2, 1000)
        copied = torch.zeros(1000, dtype=torch.bool)
        copied[:20], copied[500:520] = True, True
        assert torch.equal(counts > 1, copied.expand(2, -1))

    @pytest.mark.parametrize("width", [1, 2, 5, 30])
    def test_rows_without_copies_are_alone(self, width):
        found = find_copies(rows(3000, width))
        assert (found.counts > 1).double().mean() < 0.002

    def test_a_chain_is_not_one_group(self):
        """Ten rows in a row, each a copy of the next; three next to each other are near the one in the middle."""
        x = torch.cat([rows(400, 8), torch.zeros(10, 8)])
        x[400:, 0] = 6 + torch.arange(10) * 0.5
        near = nearest_neighbours(x)
        own = near.rows[404].tolist()
        least = float(near.similarities[404][min(own.index(403), own.index(405))]) - 1e-3
        found = find_copies(x, threshold=least, neighbours=near)
        groups = [group for group in sets(found.groups) if min(group) >= 400]
        assert groups
        assert all(max(group) - min(group) <= 2 for group in groups)

    def test_a_threshold_of_1_leaves_exact_copies_alone(self):
        x = rows(300, 300).repeat(2, 1)
        x[300:450, 0] += 1e-6
        found = find_copies(x, threshold=1.0)
        assert found.counts.tolist() == [1] * 150 + [2] * 150 + [1] * 150 + [2] * 150
        assert found.threshold == 1.0
        assert (find_copies(x).counts == 2).all()


class TestWhatComes:
    def test_permuted_rows_have_the_same_groups(self, monkeypatch):
        monkeypatch.setattr(neighbours, "EXACT", 0)
        x = rows(3000, 12)
        x[2500:2800] = x[:300] + 0.05 * rows(300, 12, seed=1)
        x[2800:2900] = x[7]
        order = torch.randperm(3000, generator=torch.Generator().manual_seed(3))
        one, other = find_copies(x), find_copies(x[order])
        assert sets(one.groups) == {frozenset(order[list(group)].tolist()) for group in sets(other.groups)}
        assert torch.equal(one.exact[order], other.exact)
        assert one.threshold == other.threshold
        assert len(sets(one.groups)) >= 250

    def test_one_run_is_as_the_next(self):
        x = rows(2000, 12)
        x[1500:] = x[:500] + 0.1 * rows(500, 12, seed=1)
        assert torch.equal(find_copies(x).groups, find_copies(x).groups)

    def test_features_stay_as_they_are(self):
        x = rows(500, 8).double()
        before = x.clone()
        find_copies(x)
        assert torch.equal(x, before)

    def test_wrong_input_is_named(self):
        with pytest.raises(ValueError, match=r"threshold is 1\.5, want a similarity from -1 to 1"):
            find_copies(rows(5, 2), threshold=1.5)
        with pytest.raises(ValueError, match="neighbours are of 4 rows, features of 5"):
            find_copies(rows(5, 2), neighbours=nearest_neighbours(rows(4, 2)))
        with pytest.raises(TypeError, match="features is list, want a tensor of floating dtype"):
            find_copies([[1.0]])  # type: ignore[arg-type]
