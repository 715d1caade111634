"""Methods that give rows a number: what they draw, what they keep of each class, what they leave out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import saln
from saln.pruning.quotas import quotas


def recorded(residuals: list[list[float]], labels: Tensor, **options: int) -> saln.History:
    """A history of rows with these shares of class 1, epoch by epoch."""
    history = saln.History(len(labels), **options)
    for shares in residuals:
        one = torch.tensor(shares)
        history.record(
            torch.arange(len(labels)), torch.stack([1 - one, one], dim=1) - torch.nn.functional.one_hot(labels, 2)
        )
    return history


LABELS = torch.tensor([0, 0, 1, 1, 1, 1])
SHARES = [  # of class 1, one line an epoch
    [0.1, 0.9, 0.9, 0.2, 0.9, 0.4],
    [0.1, 0.8, 0.9, 0.9, 0.3, 0.3],
    [0.1, 0.2, 0.9, 0.9, 0.9, 0.2],
    [0.1, 0.9, 0.9, 0.3, 0.4, 0.1],
]


def test_el2n_keeps_the_largest_errors_of_the_first_epochs() -> None:
    history = recorded(SHARES, LABELS, early=2)
    root = 2**0.5
    wanted = torch.tensor([0.1, 0.85, 0.1, 0.45, 0.4, 0.65]) * root
    torch.testing.assert_close(history.el2n(), wanted)
    features = torch.zeros(6, 1)
    assert saln.prune(features, keep=4, method="el2n", history=history).tolist() == [1, 5, 3, 4]
    assert saln.prune(features, LABELS, keep=3, method="el2n", history=history).tolist() == [1, 5, 3]  # one of two
    assert saln.prune(features, LABELS, keep=4, method="el2n", history=history, balanced=True).tolist() == [1, 5, 3, 0]


def test_forgetting_counts_right_then_wrong_and_puts_never_learned_first() -> None:
    history = recorded(SHARES, LABELS)
    assert history.forgetting().tolist() == [0, 1, 0, 1, 2, float("inf")]
    kept = saln.prune(torch.zeros(6, 1), keep=6, method="forgetting", history=history).tolist()
    assert kept[:2] == [5, 4]
    assert set(kept[2:4]) == {1, 3}
    ties = {tuple(saln.prune(torch.zeros(6, 1), keep=6, method="forgetting", history=history, seed=k)[2:4].tolist())
            for k in range(20)}  # fmt: skip
    assert ties == {(1, 3), (3, 1)}


def test_several_runs_are_averaged_and_rows_never_recorded_are_not_kept() -> None:
    first, second = recorded(SHARES[:1], LABELS), saln.History(6)
    rows = torch.tensor([0, 2])
    second.record(rows, torch.tensor([[0.9, -0.9], [-0.3, 0.3]]))
    kept = saln.prune(torch.zeros(6, 1), keep=6, method="el2n", history=[first, second])
    assert kept.tolist() == [1, 3, 5, 0, 2, 4]  # 0.9, 0.8, 0.6, (0.1 + 0.9) / 2, (0.1 + 0.3) / 2, 0.1
    assert saln.prune(torch.zeros(6, 1), keep=1.0, method="el2n", history=second).tolist() == [0, 2]


def blobs(n: int, wrong: float, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Features of three far classes, labels, and which of these are wrong."""
    source = torch.Generator().manual_seed(seed)
    truth = torch.randint(3, (n,), generator=source)
    spoiled = torch.rand(n, generator=source) < wrong
    labels = torch.where(spoiled, (truth + 1 + torch.randint(2, (n,), generator=source)) % 3, truth)
    return torch.randn(n, 8, generator=source) + 5 * torch.eye(8)[truth], labels, spoiled


def test_credibility_leaves_wrong_labels_out_and_keeps_shares_of_classes() -> None:
    x, labels, spoiled = blobs(3000, 0.2)
    kept = saln.prune(x, labels, keep=0.5)
    assert len(kept) == 1500
    assert spoiled[kept].double().mean() < 0.03
    shares, of = (torch.bincount(each, minlength=3) for each in (labels[kept], labels))
    assert (shares - of / 2).abs().max() <= 1
    assert not torch.equal(kept, saln.prune(x, labels, keep=0.5, seed=1))
    assert torch.equal(kept, saln.prune(x, labels, keep=0.5))


def test_credibility_of_some_rows_is_judged_by_these_alone() -> None:
    x, labels, _ = blobs(1400, 0.2)
    among = torch.arange(1400) % 7 > 0
    rows = among.nonzero().squeeze(1)
    apart = rows[saln.prune(x[rows], labels[rows], keep=300)]
    labels[~among] = 2  # which would spoil the judgement
    assert torch.equal(saln.prune(x, labels, keep=300, among=among), apart)


def test_credibility_takes_losses_in_place_of_its_own_judgement() -> None:
    x, labels, spoiled = blobs(300, 0.3)
    losses = torch.where(spoiled, 9.0, 0.01)
    assert spoiled[saln.prune(x, labels, keep=0.5, losses=losses)].double().mean() < 0.1
    losses[:100] = torch.nan
    assert saln.prune(x, labels, keep=1.0, losses=losses).min() >= 100


def test_copies_share_their_chance_by_the_root_of_their_number() -> None:
    source = torch.Generator().manual_seed(0)
    x = torch.randn(1000, 4, generator=source)
    x[400:500] = x[400]  # a hundred copies
    kept = torch.cat([saln.prune(x, keep=20, seed=seed) for seed in range(40)])
    copies = ((kept >= 400) & (kept < 500)).double().mean().item()
    assert abs(copies - 10 / 910) < 0.012  # a hundred chances of a tenth among 900 whole ones; evenly drawn 0.1


@pytest.mark.parametrize("method", ["random", "credibility"])
def test_what_is_drawn_goes_on_after_its_own_choice(method: str) -> None:
    x, labels, _ = blobs(1500, 0.2)
    whole = saln.prune(x, labels, keep=300, method=method, seed=3)
    later = saln.prune(x, labels, keep=180, method=method, chosen=whole[:120], seed=3)
    assert set(later.tolist()) == set(whole[120:].tolist())


def test_random_draws_evenly_and_balanced_equally() -> None:
    x, labels = torch.zeros(100, 1), torch.arange(100) // 90
    kept = torch.cat([saln.prune(x, keep=0.1, method="random", seed=seed) for seed in range(300)])
    counts = torch.bincount(kept, minlength=100)
    assert counts.sum() == 3000
    assert counts.min() > 10
    assert counts.max() < 55  # 30 each, standard deviation 5.2
    balanced = saln.prune(x, labels, keep=16, method="random", balanced=True)
    assert torch.bincount(labels[balanced]).tolist() == [8, 8]
    more = saln.prune(x, labels, keep=16, method="random", balanced=True, chosen=torch.arange(6))
    assert torch.bincount(labels[more]).tolist() == [6, 10]  # with the six chosen 12 and 10: the ten are all there are


@pytest.mark.parametrize("method", ["k_center", "logdet", "facility_location", "herding"])
def test_balanced_methods_choose_in_each_class_by_itself(method: str) -> None:
    x, labels, _ = blobs(200, 0.0)
    kept = saln.prune(x, labels, keep=30, method=method, balanced=True)
    assert torch.bincount(labels[kept]).tolist() == [10, 10, 10]
    rows = (labels == 1).nonzero().squeeze(1)
    assert torch.equal(kept[labels[kept] == 1], rows[saln.prune(x[rows], keep=10, method=method)])


def test_quotas_fill_up_to_one_level() -> None:
    source = torch.Generator().manual_seed(0)
    for _ in range(200):
        available, taken = (torch.randint(0, 40, (5,), generator=source) for _ in range(2))
        weights = torch.randint(1, 9, (5,), generator=source)
        size = int(torch.randint(0, int(available.sum()) + 1, (1,), generator=source))
        given = quotas(available, taken, size, weights)
        assert given.sum() == size
        assert ((given >= 0) & (given <= available)).all()
        level = (given + taken) / weights
        step = 1 / weights
        for i in range(5):
            for j in range(5):
                if given[i] > 0 and given[j] < available[j]:  # a row more of j in place of one of i would not be nearer
                    assert level[i] - step[i] <= level[j] + step[j] + 1e-9
