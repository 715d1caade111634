"""The default: copies are found, labels are doubted where features say so, and every sample has its turn."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from saln import SpectralBatchSampler, SuperBatch, make_selector
from saln.inspection.copies import find_copies
from saln.offline import select_file
from saln.selectors import OnePass, one_pass
from saln.selectors.one_pass import count_copies
from selector_cases import assert_drawn_with, cloud, every_set, generator


def classes(n: int, n_classes: int, seed: int, apart: float = 3.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Gaussian clouds around random means: features `[n, 20]`, labels `[n]`."""
    labels = torch.randint(n_classes, (n,), generator=generator(seed))
    means = apart / 20**0.5 * torch.randn(n_classes, 20, generator=generator(1000 + seed))
    return means[labels] + torch.randn(n, 20, generator=generator(2000 + seed)), labels


def spoiled(labels: torch.Tensor, share: float, n_classes: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels of which a share is another class, and which."""
    wrong = torch.rand(len(labels), generator=generator(seed)) < share
    shift = torch.randint(1, n_classes, (len(labels),), generator=generator(seed + 1))
    return torch.where(wrong, (labels + shift) % n_classes, labels), wrong


class TestCopies:
    @pytest.mark.parametrize("n", [1, 2, 30, 5000])
    @pytest.mark.parametrize("width", [1, 7, 100])
    def test_counts_are_those_of_comparing_all(self, n, width):
        x = cloud(n, width, seed=n, dtype=torch.float32)[torch.randint(max(1, n // 3), (n,), generator=generator(n))]
        found, different = count_copies(x)
        _, which, counts = x.unique(dim=0, return_inverse=True, return_counts=True)
        assert torch.equal(found, counts[which].double())
        if n > 2:
            assert different is not None
            assert len(different) == len(counts)
            assert len(x[different].unique(dim=0)) == len(counts)

    def test_rows_that_differ_in_few_columns_are_different(self):
        x = torch.zeros(3000, 400)
        x[torch.arange(3000), torch.randint(400, (3000,), generator=generator(0))] = torch.rand(
            3000, generator=generator(1)
        )
        assert count_copies(x)[1] is None

    def test_few_copies_do_not_count(self):
        x = cloud(3000, 5, seed=0)
        x[:100] = x[100:200]
        assert count_copies(x)[1] is None
        x[:200] = x[200:400]
        assert count_copies(x)[0].sum() == 2800 - 200 + 4 * 200

    def test_near_copies_count_where_they_are_many(self):
        x = cloud(3000, 12, seed=0)
        x[2000:] = x[:500].repeat(2, 1) + 0.02 * cloud(1000, 12, seed=1)
        counts, different = count_copies(x)
        assert counts.tolist() == [3] * 500 + [1] * 1500 + [3] * 1000
        assert different is not None
        assert different.tolist() == list(range(2000))

    def test_without_copies_among_the_first_looked_at_nobody_looks_at_all(self, monkeypatch):
        looked_at = []

        def watched(features, **given):
            looked_at.append(len(features))
            return find_copies(features, **given)

        monkeypatch.setattr(one_pass, "find_copies", watched)
        assert count_copies(cloud(5000, 12, seed=0))[1] is None
        assert looked_at == [one_pass.LOOKED_AT]

    def test_rows_that_are_not_finite_are_different(self):
        x = cloud(60, 5, seed=0)[torch.arange(60) % 30]
        x[0, 1] = torch.nan
        x[31, 2] = torch.inf
        counts, _ = count_copies(x)
        assert counts[[0, 1, 30, 31]].tolist() == [1, 1, 1, 1]
        assert counts[2] == 2


class TestDoubts:
    def test_labels_are_doubted_where_many_are_wrong_and_features_tell(self):
        x, truth = classes(4000, 10, seed=1, apart=5.0)
        labels, wrong = spoiled(truth, 0.3, 10, seed=2)
        selector = prepared(dataset(x, labels))
        assert selector.noise == pytest.approx(0.3, abs=0.04)
        assert selector.worth is not None
        assert selector.worth[wrong].mean() < 0.2 * selector.worth[~wrong].mean()

    def test_all_are_believed_where_few_are_wrong_or_rows_are_few_or_features_say_little(self):
        x, truth = classes(4000, 4, seed=1, apart=5.0)
        assert prepared(dataset(x, spoiled(truth, 0.05, 4, seed=2)[0])).abstains
        assert prepared(dataset(x[:900], spoiled(truth, 0.4, 4, seed=2)[0][:900])).abstains
        weak, truth = classes(4000, 4, seed=1, apart=0.7)
        assert prepared(dataset(weak, spoiled(truth, 0.3, 4, seed=2)[0])).abstains

    def test_rare_classes_are_believed_and_broken_rows_are_not(self):
        x, truth = classes(3000, 4, seed=6, apart=5.0)
        labels, _ = spoiled(truth, 0.3, 4, seed=7)
        labels[:5] = 17
        x[5, 0] = torch.nan
        worth, noise = OnePass().look(dataset(x, labels))
        assert noise == pytest.approx(0.3, abs=0.04)
        assert (worth[:5] == worth[0]).all()
        assert worth[5] <= 0.1


def dataset(x: torch.Tensor, labels: torch.Tensor | None = None) -> SuperBatch:
    return SuperBatch(x, labels=labels, indices=torch.arange(len(x)))


def prepared(pool: SuperBatch, **options: object) -> OnePass:
    selector = OnePass(**options)
    selector.prepare(pool)
    return selector


class TestTurns:
    def test_every_sample_comes_as_often_as_it_is_worth(self):
        pool = dataset(cloud(60, 4, seed=0)[torch.randint(20, (60,), generator=generator(1))])
        selector = prepared(pool)
        assert selector.worth is not None
        times = torch.zeros(60)
        for step in range(200):
            rows = torch.randperm(60, generator=generator(step))
            times[rows[selector.select(pool.take(rows), 10)]] += 1
        # 2000 samples in turns of `worth` each; a turn more or less at the ends.
        expected = 2000 * selector.worth / selector.worth.sum()
        assert ((times - expected).abs() <= 1 + 0.02 * expected).all()

    def test_nothing_is_repeated_before_all_that_are_worth_as_much_had_their_turn(self):
        x, truth = classes(2000, 4, seed=3, apart=5.0)
        labels, _ = spoiled(truth, 0.3, 4, seed=4)
        pool = dataset(x, labels)
        selector = prepared(pool)
        assert selector.noise == pytest.approx(0.3, abs=0.04)
        assert selector.worth is not None
        best = selector.worth > 0.95
        times = torch.zeros(2000)
        while times[best].min() == 0:
            rows = torch.randperm(2000, generator=generator(int(times.sum())))
            times[rows[selector.select(pool.take(rows), 50)]] += 1
        assert times.max() <= 2

    def test_doubts_and_copies_leave_classes_their_shares(self):
        x, truth = classes(4000, 3, seed=5, apart=5.0)
        labels, wrong = spoiled(truth, 0.3, 3, seed=6)
        x[wrong], labels[wrong] = x[wrong][0], labels[wrong][0]  # one heap of copies
        for balance, shares in ((0.0, [1, 1, 1]), (1.0, None)):
            selector = prepared(dataset(x, labels), balance=balance)
            assert selector.worth is not None
            found = torch.stack([selector.worth[labels == c].sum() for c in range(3)])
            distinct = torch.stack([(~wrong[labels == c]).sum() for c in range(3)]).double()
            distinct[labels[wrong][0]] += 1
            expected = torch.tensor(shares).double() * distinct if shares else torch.ones(3)
            assert torch.allclose(found / found.sum(), (expected / expected.sum()).double(), atol=1e-6)

    def test_it_abstains_where_all_are_alike_and_takes_the_first_rows(self):
        x, labels = classes(3000, 4, seed=0)
        selector = prepared(dataset(x, labels))
        assert selector.abstains
        assert not prepared(dataset(x, labels), balance=0.5).abstains
        rows = torch.randperm(3000, generator=generator(0))[:40]
        assert selector.select(dataset(x, labels).take(rows), 8).tolist() == list(range(8))

    def test_without_a_dataset_it_draws_by_copies_whatever_the_order(self):
        x = torch.tensor([[0.0, 1.0], [2.0, 3.0], [0.0, 1.0], [4.0, 5.0]])
        worth = {0: 0.5, 1: 1.0, 2: 0.5, 3: 1.0}
        chances = dict.fromkeys(every_set(4, 2), 0.0)
        for first in range(4):
            for second in set(range(4)) - {first}:
                at_first = worth[first] / 3
                chances[tuple(sorted((first, second)))] += at_first * worth[second] / (3 - worth[first])
        source = generator(0)
        assert_drawn_with(chances, lambda: OnePass().select(SuperBatch(x), 2, generator=source), 4000)

    def test_indices_need_not_be_in_order_nor_consecutive_but_known(self):
        x = cloud(30, 3, seed=0)[torch.arange(30) ** 2 // 40]
        indices = 7 * torch.randperm(30, generator=generator(1))
        pool = SuperBatch(x, indices=indices)
        one, other = prepared(pool), prepared(dataset(x))
        assert torch.equal(one.worth[indices.argsort().argsort()], other.worth)
        rows = torch.arange(5, 25)
        chosen = one.select(pool.take(rows), 6)
        assert set(pool.take(rows).indices[chosen].tolist()) <= set(indices.tolist())
        with pytest.raises(ValueError, match="indices has 3, which is not in the dataset given to `prepare`"):
            one.select(SuperBatch(x[:4], indices=torch.tensor([0, 7, 3, 14])), 2)
        with pytest.raises(ValueError, match="indices has -1, which is not in"):
            other.select(SuperBatch(x[:2], indices=torch.tensor([0, -1])), 1)
        with pytest.raises(ValueError, match="one_pass needs indices"):
            one.select(SuperBatch(x), 2)
        with pytest.raises(ValueError, match="indices of the dataset holds one twice"):
            prepared(SuperBatch(x, indices=indices // 14))

    def test_a_state_goes_on_and_is_of_its_dataset(self):
        pool = dataset(cloud(40, 3, seed=0)[torch.arange(40) // 2])
        whole, other = prepared(pool), prepared(pool)
        for _ in range(5):
            whole.select(pool, 7)
        other.load_state_dict(copy.deepcopy(whole.state_dict()))
        for _ in range(5):
            assert torch.equal(whole.select(pool, 7), other.select(pool, 7))
        with pytest.raises(ValueError, match="state_dict is of 40 samples, want 0: `prepare` comes first"):
            OnePass().load_state_dict(whole.state_dict())

    def test_options_are_checked(self):
        with pytest.raises(ValueError, match=r"balance is 1\.5, want 0 to 1"):
            OnePass(balance=1.5)


class TestAtWork:
    def test_a_sampler_shows_it_the_dataset_and_copies_share_turns(self):
        x = cloud(400, 6, seed=0)
        x[100:] = x[:10].repeat(30, 1)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            x[7, 2] = torch.nan
            sampler = SpectralBatchSampler(x, batch_size=8, selector=OnePass(), filter_ratio=0.75)
        assert any("not finite" in str(each.message) for each in caught)
        chosen = [index for _ in range(3) for batch in sampler for index in batch]
        assert 7 not in chosen
        among_copies = np.mean([index >= 100 for index in chosen])
        assert among_copies < 0.25  # of 75 %

    def test_wrapped_it_is_shown_the_dataset_too(self):
        pool = dataset(cloud(30, 3, seed=0)[torch.arange(30) // 2], torch.arange(30) % 3)
        guard = make_selector("guard:one_pass")
        guard.prepare(pool)
        assert guard.method.worth is not None

    def test_files_give_what_a_sampler_gives(self, tmp_path: Path):
        x = cloud(300, 4, seed=0, dtype=torch.float32)
        x[100:] = x[:50].repeat(4, 1)
        np.save(tmp_path / "x.npy", x.numpy())
        select_file(tmp_path / "x.npy", tmp_path / "s.npy", method="one_pass", batch_size=8, epochs=3)
        sampler = SpectralBatchSampler(x, batch_size=8, selector=OnePass(), n_epochs=3)
        served = [batch for _ in range(3) for batch in sampler]
        found = np.load(tmp_path / "s.npy")
        assert [[index for index in row if index >= 0] for row in found.tolist()] == served
