"""Nearest rows: against comparing all, whatever the order, the dtype, broken rows, heaps of equal rows."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch

from saln.inspection import cells, equal_rows, neighbours, standard_rows
from saln.inspection.equal_rows import find_equal_rows
from saln.inspection.neighbours import nearest_neighbours


def clusters(n: int, width: int, seed: int = 0) -> torch.Tensor:
    """Rows around 30 random centres in 5 dimensions, with some noise in all."""
    source = torch.Generator().manual_seed(seed)
    latent = torch.randn(30, 5, generator=source)[torch.randint(30, (n,), generator=source)]
    latent = latent + 0.7 * torch.randn(n, 5, generator=source)
    return latent @ torch.randn(5, width, generator=source) + 0.3 * torch.randn(n, width, generator=source) + 2.0


def by_hand(features: torch.Tensor) -> np.ndarray:
    """Similarities [N, N] in float64, as `Neighbours` says; -inf of a row with itself."""
    x = features.double().numpy()
    x = x - x.mean(axis=0)
    x = x / np.sqrt((x.std(axis=0) ** 2).mean())
    squares = (x**2).sum(axis=1)
    sums = squares[:, None] + squares[None]
    found = 1 - (sums - 2 * x @ x.T) / (sums + 2)
    np.fill_diagonal(found, -np.inf)
    return found


@pytest.fixture
def always_cells(monkeypatch):
    monkeypatch.setattr(neighbours, "EXACT", 0)


class TestAgainstAllPairs:
    @pytest.mark.parametrize(("n", "width", "k"), [(2, 3, 1), (5, 1, 10), (400, 7, 4), (700, 40, 10)])
    def test_rows_and_similarities(self, n, width, k):
        x = clusters(n, width)
        found, truth = nearest_neighbours(x, k), by_hand(x)
        order = np.argsort(-truth, axis=1)[:, : min(k, n - 1)]
        there = found.rows[:, : min(k, n - 1)]
        values = np.take_along_axis(truth, order, axis=1)
        np.testing.assert_allclose(found.similarities[:, : min(k, n - 1)].numpy(), values, atol=1e-5)
        # The same rows, but where two are as near up to rounding.
        np.testing.assert_allclose(np.take_along_axis(truth, there.numpy(), axis=1), values, atol=1e-5)
        assert (found.rows[:, n - 1 :] == -1).all()
        assert found.similarities[:, n - 1 :].isnan().all()

    def test_cells_find_most_and_nothing_wrong(self, always_cells):
        x = clusters(3000, 32)
        truth, found = by_hand(x), nearest_neighbours(x)
        np.testing.assert_allclose(
            found.similarities.numpy(), np.take_along_axis(truth, found.rows.numpy(), axis=1), atol=1e-5
        )
        best = torch.from_numpy(np.argsort(-truth, axis=1)[:, :10].copy())
        assert (found.rows[:, :, None] == best[:, None, :]).any(dim=2).double().mean() > 0.9
        assert all(len(set(row)) == 10 for row in found.rows.tolist())

    def test_regions_find_most_of_what_all_centres_find(self, always_cells, monkeypatch):
        x = clusters(6000, 16)
        all_centres = nearest_neighbours(x)
        monkeypatch.setattr(cells, "ONE_LEVEL", 1)
        monkeypatch.setattr(cells, "REGIONS", 5)
        regions = nearest_neighbours(x)
        assert (regions.rows[:, :, None] == all_centres.rows[:, None, :]).any(dim=2).double().mean() > 0.9

    def test_cells_larger_than_a_batch_are_split(self, always_cells, monkeypatch):
        monkeypatch.setattr(cells, "LARGEST", 16)
        monkeypatch.setattr(cells, "LAUNCH", 64)
        launches = list(cells.near_batches(standard_rows.StandardRows.of(clusters(500, 8), torch.arange(500))))
        assert max(launch.shape[1] for launch in launches) <= 16
        assert max(launch.numel() for launch in launches) <= 64
        assert set(torch.cat([launch.flatten() for launch in launches]).tolist()) - {-1} == set(range(500))


class TestWhatComes:
    def test_permuted_rows_have_the_same_neighbours(self, always_cells):
        x = clusters(3000, 8)
        x[100:140] = x[:40]
        order = torch.randperm(3000, generator=torch.Generator().manual_seed(1))
        one, other = nearest_neighbours(x), nearest_neighbours(x[order])
        assert torch.equal(one.similarities[order], other.similarities)
        assert torch.equal(one.different[1], other.different[1])

    def test_one_run_is_as_the_next(self, always_cells):
        x = clusters(2000, 8)
        one, other = nearest_neighbours(x), nearest_neighbours(x)
        assert torch.equal(one.rows, other.rows)
        assert torch.equal(one.similarities, other.similarities)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
    def test_other_dtypes_are_as_float32_of_the_same_numbers(self, dtype):
        x = clusters(300, 8).to(dtype)
        one, other = nearest_neighbours(x), nearest_neighbours(x.float())
        torch.testing.assert_close(one.similarities, other.similarities, rtol=0, atol=1e-5)

    def test_float64_keeps_what_a_large_mean_hides_from_float32(self):
        x = clusters(300, 8).double()
        one, other = nearest_neighbours(x), nearest_neighbours(x + 1e9)
        torch.testing.assert_close(one.similarities, other.similarities, rtol=0, atol=1e-5)

    def test_a_mapped_file(self, tmp_path):
        np.save(tmp_path / "x.npy", clusters(300, 8).half().numpy())
        mapped = torch.from_numpy(np.load(tmp_path / "x.npy", mmap_mode="c"))
        assert torch.equal(nearest_neighbours(mapped).rows, nearest_neighbours(mapped.clone()).rows)

    def test_columns_of_different_units_count_alike(self):
        x = clusters(500, 6)
        x = (x - x.mean(dim=0)) / x.std(dim=0, correction=0)
        units = torch.tensor([1e-3, 1.0, 1.0, 1.0, 1e5, 10.0])
        one, other = nearest_neighbours(x), nearest_neighbours(x * units)
        torch.testing.assert_close(one.similarities, other.similarities, rtol=0, atol=1e-4)

    def test_broken_rows_are_nobodys_neighbours(self):
        x = clusters(200, 8)
        x[3, 1], x[7, 0] = torch.nan, torch.inf
        found = nearest_neighbours(x)
        assert (found.rows[[3, 7]] == -1).all()
        assert not torch.isin(found.rows, torch.tensor([3, 7])).any()
        kept = torch.arange(200)[torch.isfinite(x).all(dim=1)]
        torch.testing.assert_close(found.similarities[kept], nearest_neighbours(x[kept]).similarities)

    @pytest.mark.parametrize("n", [0, 1])
    def test_few_rows(self, n):
        found = nearest_neighbours(torch.zeros(n, 4), 3)
        assert found.rows.tolist() == [[-1] * 3] * n
        assert found.similarities.isnan().all()

    def test_wrong_input_is_named(self):
        with pytest.raises(TypeError, match=r"features is torch\.int64, want a tensor of floating dtype"):
            nearest_neighbours(torch.zeros(3, 2, dtype=torch.int64))
        with pytest.raises(ValueError, match=r"features has shape \[3\], want \[N, d\]"):
            nearest_neighbours(torch.zeros(3))
        with pytest.raises(ValueError, match="k is 0, want at least 1"):
            nearest_neighbours(torch.zeros(3, 2), 0)


class TestEqualRows:
    def test_the_others_of_the_heap_come_first_then_heaps_by_nearness(self):
        x = torch.tensor([[0.0], [5.0], [0.0], [9.0], [0.0], [5.0]])
        found = nearest_neighbours(x, 4)
        assert found.rows[:2].tolist() == [[2, 4, 1, 5], [5, 3, 0, 2]]
        assert found.similarities[0, :2].tolist() == [1.0, 1.0]
        assert found.rows[4].tolist() == [0, 2, 1, 5]

    def test_a_heap_larger_than_k_fills_the_list_with_others(self):
        x = torch.cat([clusters(100, 4), torch.ones(5000, 4)])
        found = nearest_neighbours(x, 10)
        rows = torch.arange(len(x))
        assert (found.rows[100:] >= 100).all()
        assert (found.rows != rows[:, None]).all()
        assert (found.similarities[100:] == 1).all()
        assert len(found.equal.first) == 101

    def test_heaps_are_those_of_unique(self):
        x = torch.randint(3, (2000, 4), generator=torch.Generator().manual_seed(0)).float()
        heap = find_equal_rows(x).heap
        _, which = x.unique(dim=0, return_inverse=True)
        assert len(torch.stack([heap, which]).unique(dim=1)[0]) == len(which.unique()) == len(heap.unique())

    def test_equal_hashes_do_not_make_rows_equal(self, monkeypatch):
        x = torch.randint(3, (500, 4), generator=torch.Generator().manual_seed(0)).float()
        monkeypatch.setattr(
            equal_rows, "_hashes", lambda rows, source: (rows[:, 0].long(), torch.ones(len(rows), dtype=torch.bool))
        )
        heap = find_equal_rows(x).heap
        _, which = x.unique(dim=0, return_inverse=True)
        assert len(torch.stack([heap, which]).unique(dim=1)[0]) == len(which.unique()) == len(heap.unique())

    def test_zero_has_no_sign(self):
        assert find_equal_rows(torch.tensor([[0.0, 1.0], [-0.0, 1.0]])).heap.tolist() == [0, 0]


def test_memory_does_not_grow_with_the_columns(tmp_path, monkeypatch):
    """What torch holds beside the features: no copy of them, whatever their number."""
    monkeypatch.setattr(neighbours, "EXACT", 0)
    for module, name, value in (
        (standard_rows, "CHUNK", 1 << 14),
        (equal_rows, "CHUNK", 1 << 14),
        (cells, "LAUNCH", 512),
    ):
        monkeypatch.setattr(module, name, value)
    taken: list[int] = []
    take = standard_rows.StandardRows.take

    def watched(self, which, **given):
        rows = take(self, which, **given)
        taken.append(rows.numel())
        return rows

    monkeypatch.setattr(standard_rows.StandardRows, "take", watched)
    x = clusters(4000, 64)
    tracemalloc.start()
    nearest_neighbours(x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert max(taken) <= max(1 << 14, 512 * 64)  # of 256 000 numbers
    assert peak < x.nbytes
