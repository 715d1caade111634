"""The default: what it chooses by, what it remembers, and when it steps back."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

import saln.pilot
from saln import SpectralBatchSampler, SuperBatch, make_selector, select
from saln.integrations import plain
from saln.selectors import Auto
from saln.selectors.support.directions import MOST, leading_directions
from saln.selectors.support.first_sight import HELD_BACK, FirstSight
from saln.selectors.support.known import look_at
from saln.selectors.support.places import Places

CLASSES = 4


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def dataset(n: int, *, wrong: float = 0.0, seed: int = 0, apart: float = 3.0) -> tuple[Tensor, Tensor, Tensor]:
    """Clouds of four classes, labels of which a share is wrong, and which are."""
    source = generator(seed)
    truth = torch.arange(n) % CLASSES
    features = torch.randn(n, 8, generator=source) + apart * F.one_hot(truth, 8)
    spoiled = torch.rand(n, generator=source) < wrong
    labels = torch.where(spoiled, (truth + torch.randint(1, CLASSES, (n,), generator=source)) % CLASSES, truth)
    return features, labels, spoiled


def train(
    sampler: SpectralBatchSampler,
    x: Tensor,
    y: Tensor,
    n_steps: int,
    model: nn.Module | None = None,
    batches: Any = None,
) -> nn.Module:
    """Plain training with one line for the recorder, on the next batches of all epochs."""
    torch.manual_seed(0)
    model = model or nn.Linear(x.shape[1], CLASSES)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for rows in itertools.islice(batches or endless(sampler), n_steps):
        with sampler.recorder(model):
            loss = F.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def endless(sampler: SpectralBatchSampler) -> Iterator[list[int]]:
    return (batch for _ in itertools.count() for batch in sampler)


class Scaled(nn.Module):
    """A classifier with no linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(8, CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


def greedy(directions: Tensor, residuals: Tensor, quality: Tensor, size: int) -> list[int]:
    """The same in float64, by determinants."""
    gram = (directions.double() @ directions.double().T) * (residuals.double() @ residuals.double().T)
    gram = gram / gram.diagonal().mean() * quality.double()[:, None] * quality.double()
    chosen: list[int] = []
    for _ in range(size):
        gains = {}
        for row in set(range(len(gram))) - set(chosen):
            part = [*chosen, row]
            gains[row] = torch.linalg.slogdet(torch.eye(len(part)) + gram[part][:, part] / 0.1)[1].item()
        chosen.append(max(gains, key=lambda row: gains[row]))
    return chosen


class TestChoice:
    def test_gradients_are_chosen_greedily_by_what_is_left_to_learn(self):
        x, y, _ = dataset(60, wrong=0.2)
        samples = SuperBatch(
            x,
            labels=y,
            losses=torch.rand(60, generator=generator(1)),
            residuals=torch.randn(60, 4, generator=generator(2)),
        )
        selector = Auto()
        chosen = selector.select(samples, 12)
        known = look_at(samples)
        quality = known.quality * (samples.losses - known.losses).sigmoid()
        assert chosen.tolist() == greedy(known.directions, samples.residuals, quality, 12)
        assert selector.last_report.stage == "gradients"

    def test_without_the_determinant_the_longest_gradients_are_taken(self):
        x, y, _ = dataset(60)
        samples = SuperBatch(x, labels=y, losses=torch.zeros(60), residuals=torch.randn(60, 4, generator=generator(2)))
        chosen = Auto(spectrum=False, learnability=False, credibility=False, copies=False).select(samples, 9)
        lengths = leading_directions(x).norm(dim=1) * samples.residuals.norm(dim=1)
        assert chosen.tolist() == lengths.argsort(descending=True)[:9].tolist()

    def test_wrong_labels_are_left_out_with_a_recorder_and_without(self):
        x, y, spoiled = dataset(3000, wrong=0.4)
        for records in (True, False):
            sampler = SpectralBatchSampler(x, 64, labels=y)
            if records:
                train(sampler, x, y, 60)
            else:
                list(itertools.islice(sampler, 47))
            stage = "gradients" if records else "features"
            served = [batch for batch in sampler.served if batch.report.stage == stage]
            chosen = torch.tensor([index for batch in served for index in batch.indices])
            assert len(served) > 40
            assert spoiled[chosen].float().mean() < 0.1, stage

    def test_copies_share_what_a_sample_is_worth(self):
        x = torch.randn(40, 6, generator=generator(0))
        heap = torch.cat([x, x[:1].expand(9, 6)])
        quality = look_at(SuperBatch(heap)).quality
        torch.testing.assert_close(quality[40:], torch.full((9,), 10**-0.5))
        assert (quality[1:40] == 1).all()
        assert (look_at(SuperBatch(heap), copies=False).quality == 1).all()

    def test_copies_do_not_vouch_for_each_other(self):
        x, y, spoiled = dataset(800, wrong=0.3)
        quality = look_at(SuperBatch(x.repeat(3, 1), labels=y.repeat(3))).quality
        right, wrong = quality[~spoiled.repeat(3)], quality[spoiled.repeat(3)]
        assert wrong.median() < 0.1 * right.median()

    def test_the_metric_sets_the_balance(self):
        x, y, _ = dataset(1000)
        rare = torch.cat([torch.arange(1000)[y > 0], torch.arange(1000)[y == 0][:25]])
        x, y = x[rare], y[rare]
        for metric, power in (("accuracy", 0.0), ("roc_auc", 0.0), ("balanced_accuracy", 0.5), ("f1_macro", 0.5)):
            selector = Auto(metric=metric, credibility=False)
            selector.prepare(SuperBatch(x, labels=y))
            ratio = selector.known.quality[y == 0].mean() / selector.known.quality[y == 1].mean()
            assert ratio == pytest.approx(10**power, rel=0.1)
        with pytest.raises(ValueError, match="metric is 'balanced', want one of 'accuracy'"):
            make_selector("auto:metric=balanced")

    def test_options_go_through_the_sampler_and_select(self):
        x, y, _ = dataset(200)
        sampler = SpectralBatchSampler(x, 16, labels=y, metric="balanced_accuracy")
        assert sampler.selector.metric == "balanced_accuracy"
        assert select(SuperBatch(x, labels=y), 5, metric="f1_macro").shape == (5,)


class TestStages:
    def test_nothing_to_choose_by_is_a_shuffled_epoch(self):
        x = torch.randn(103, 5, generator=generator(0))
        sampler = SpectralBatchSampler(x, 10)
        assert sampler.selector.abstains
        assert sorted(index for batch in sampler for index in batch) == list(range(103))

    def test_clean_labels_nobody_records_are_a_shuffled_epoch(self):
        x, y, _ = dataset(2000, apart=8.0)
        sampler = SpectralBatchSampler(x, 50, labels=y)
        assert sorted(index for batch in sampler for index in batch) == list(range(2000))
        assert {batch.report.stage for batch in sampler.served} == {"shuffled"}
        assert sampler.selector.figures["batches_shuffled"] == 40

    def test_features_that_say_nothing_of_labels_choose_nothing(self):
        _, y, _ = dataset(1000, wrong=0.2)
        x = torch.randn(1000, 8, generator=generator(5))
        sampler = SpectralBatchSampler(x, 50, labels=y)
        assert sampler.selector.abstains
        assert not sampler.recorder.keeps
        assert sampler.selector.figures["skill"] < 0.3
        assert sampler.selector.figures["abstains"] == 1.0
        assert "wrong_labels" not in sampler.selector.figures  # nobody knows
        assert sorted(index for batch in sampler for index in batch) == list(range(1000))

    def test_what_features_say_nothing_of_is_drawn(self):
        _, y, _ = dataset(1000)
        x = torch.randn(1000, 8, generator=generator(5))
        rare = torch.cat([torch.arange(1000)[y > 0], torch.arange(1000)[y == 0][:25]])
        x, y = x[rare], y[rare]
        sampler = SpectralBatchSampler(x, 50, labels=y, metric="balanced_accuracy")
        served = y[[index for batch in sampler for index in batch]].bincount() / y.bincount()
        assert served[0] > 1.5 * served[1:].max()  # a tenth as many, so that one is worth three
        assert {batch.report.stage for batch in sampler.served} == {"drawn"}
        copied = torch.cat([x, x[25:50].repeat(20, 1)])
        sampler = SpectralBatchSampler(copied, 50, labels=torch.cat([y, y[25:50].repeat(20)]))
        chosen = torch.tensor([index for batch in sampler for index in batch])
        assert (chosen >= len(x)).float().mean() < 0.3  # of what is offered two fifths are copies
        assert {batch.report.stage for batch in sampler.served} == {"drawn"}

    def test_too_few_rows_of_a_class_are_no_sign_that_features_say_nothing(self):
        x, y, _ = dataset(28)
        selector = Auto()
        selector.prepare(SuperBatch(x, labels=y))
        assert "skill" not in selector.figures
        assert selector.uses == ("losses", "residuals")

    def test_with_one_class_it_chooses_as_without_labels(self):
        x, _, _ = dataset(200)
        selector = Auto()
        selector.prepare(SuperBatch(x, labels=torch.full((200,), 3)))
        assert selector.abstains

    def test_batches_chosen_ahead_know_nothing_recorded(self):
        x, y, _ = dataset(2000, wrong=0.4)
        sampler = SpectralBatchSampler(x, 50, labels=y, ahead=2)
        train(sampler, x, y, 5)
        assert {batch.report.stage for batch in sampler.served} == {"features"}
        assert sampler.recorder.n_records == 0

    def test_jobs_of_plain_pytorch_record_by_themselves(self):
        x, y, _ = dataset(600, wrong=0.3)
        job = plain.job(
            lambda: nn.Linear(8, CLASSES),
            TensorDataset(x, y),
            loss=nn.CrossEntropyLoss(reduction="none"),
            make_optimizer=lambda model: torch.optim.SGD(model.parameters(), lr=0.1),
            evaluate=lambda model: {"accuracy": (model(x).argmax(1) == y).double().mean().item()},
            epochs=1,
        )
        samplers = []

        def watched(sampler: Any, seed: int) -> None:
            samplers.append(sampler)
            job(sampler, seed)

        result = saln.pilot.compare(watched, features=x, labels=y, seeds=1, progress=False)
        said = [note for note in result.notes if note.startswith("What auto found and did")]
        assert "9 batches chosen by gradients that training remembers" in said[0]
        assert "% of the labels look wrong" in said[0]
        chosen = [each for each in samplers if isinstance(each.selector, Auto)]
        assert {each.selector.figures["batches_gradients"] for each in chosen} == {9.0}

    def test_a_model_that_cannot_be_recorded_is_trained_all_the_same(self):
        x, y, _ = dataset(400)
        sampler = SpectralBatchSampler(x, 50, labels=y)
        with pytest.warns(UserWarning, match="goes on without what training knows.*has no linear layer"):
            train(sampler, x, y, 3, Scaled())
        assert {batch.report.stage for batch in sampler.served} == {"shuffled"}

    def test_losses_without_residuals_are_said_to_be_not_enough(self):
        """They were taken in silence, and every batch was a shuffled one."""
        x, y, _ = dataset(600, wrong=0.3)
        sampler = SpectralBatchSampler(x, 50, labels=y)
        batches = iter(sampler)
        first = next(batches)
        with pytest.warns(UserWarning, match="residuals are left out, want them recorded beside losses"):
            sampler.recorder.record(torch.rand(len(first)))
        for rows in batches:
            sampler.recorder.record(torch.rand(len(rows)))
        assert {batch.report.stage for batch in sampler.served} == {"features"}

    def test_a_selector_that_needs_what_cannot_be_recorded_raises(self):
        x, y, _ = dataset(400)
        sampler = SpectralBatchSampler(x, 50, labels=y, selector="gradient_logdet_learnable")
        with pytest.raises(ValueError, match="has no linear layer"):
            train(sampler, x, y, 3, Scaled())


class TestWhoJudges:
    def test_the_learner_becomes_the_judge_once_it_names_as_many_labels(self):
        labels = torch.arange(2048) % 4
        right = torch.rand(2048, generator=generator(1)) < 0.8
        for share, overtaken in ((0.5, False), (0.95, True)):
            sight = FirstSight(labels, right)
            named = torch.where(torch.rand(2048, generator=generator(2)) < share, labels, (labels + 1) % 4)
            for rows in torch.randperm(2048, generator=generator(3)).split(64):
                shares = F.one_hot(named[rows], 4) * 0.9 + 0.025
                sight.hear(
                    rows, {"residuals": shares - F.one_hot(labels[rows], 4)}, first=torch.ones(64, dtype=torch.bool)
                )
            assert sight.overtaken is overtaken
            assert sight.shares[0] == pytest.approx(share, abs=0.15)
            assert not sight.held.any()

    def test_only_samples_held_back_decide(self):
        labels = torch.zeros(1000, dtype=torch.int64)
        sight = FirstSight(labels, right=torch.zeros(1000, dtype=torch.bool))
        others = (~sight.held).nonzero().squeeze(1)
        sight.hear(others, {"residuals": torch.zeros(len(others), 2)}, torch.ones(len(others), dtype=torch.bool))
        assert sight.shares[0] != sight.shares[0]
        assert abs(float(sight.held.float().mean()) - HELD_BACK) < 0.03

    def test_what_it_is_sure_is_wrong_comes_no_more(self):
        x, y, spoiled = dataset(2000, wrong=0.3)
        sampler = SpectralBatchSampler(x, 50, labels=y)
        sight = sampler.selector._sight
        sight.overtaken = True
        sight.trust[spoiled] = 0.1
        batches = list(sampler)
        served = torch.tensor([index for batch in batches for index in batch])
        assert {batch.report.stage for batch in sampler.served} == {"learner"}
        assert not spoiled[served].any()
        sight.trust.fill_(1.0)
        assert sorted(index for batch in sampler for index in batch) == list(range(2000))  # nothing doubted: an epoch

    def test_samples_are_held_back_until_they_were_met_at_random(self):
        x, y, _ = dataset(1600, wrong=0.3)
        sampler = SpectralBatchSampler(x, 64, labels=y)
        held = sampler.selector._sight.held.clone()
        train(sampler, x, y, 30)
        first, *others = sampler.served
        met = set(first.indices)
        for batch in others:
            assert batch.report.stage == "gradients"
            assert not any(held[index] and index not in met for index in batch.indices[:-4])
            assert len(set(batch.indices)) == 64
            met |= set(batch.indices)
        assert sampler.selector._sight.held.float().mean() < 0.01

    def test_nothing_is_left_out_for_good(self):
        x, y, spoiled = dataset(320, wrong=0.4)
        sampler = SpectralBatchSampler(x, 64, labels=y, step_back=False)
        train(sampler, x, y, 300)
        served = {index for batch in sampler.served for index in batch.indices}
        assert len(served & set(spoiled.nonzero().flatten().tolist())) > 0.9 * spoiled.sum()

    def test_a_learner_that_knows_more_ends_the_choice_by_the_look(self):
        x, y, _ = dataset(4000)
        hidden = x + 2 * torch.randn(4000, 8, generator=generator(5))  # features that say less
        sampler = SpectralBatchSampler(hidden, 64, labels=y)
        train(sampler, x, y, 60)
        assert sampler.served[-1].report.stage == "learner"
        assert sampler.selector.figures["learner_right"] >= sampler.selector.figures["look_right"]


class TestState:
    def test_a_run_goes_on_exactly(self):
        x, y, _ = dataset(1200, wrong=0.3)
        make = lambda: SpectralBatchSampler(x, 64, labels=y, seed=3)  # noqa: E731
        whole = make()
        batches = endless(whole)
        model = train(whole, x, y, 12, batches=batches)
        state = pickle.loads(pickle.dumps(whole.state_dict()))
        resumed, again = make(), nn.Linear(8, CLASSES)
        resumed.load_state_dict(state)
        again.load_state_dict(model.state_dict())
        train(whole, x, y, 10, model, batches)
        train(resumed, x, y, 10, again)
        assert [batch.indices for batch in whole.served][-10:] == [batch.indices for batch in resumed.served]
        assert whole.selector._sight.shares == resumed.selector._sight.shares

    def test_a_reset_forgets(self):
        x, y, _ = dataset(1200, wrong=0.3)
        sampler = SpectralBatchSampler(x, 64, labels=y)
        first = next(iter(sampler))
        sampler.reset()
        train(sampler, x, y, 12)
        sampler.reset()
        assert next(iter(sampler)) == first
        assert sampler.selector._sight.held.any()
        assert sampler.selector.figures["batches_features"] == 1

    def test_it_works_inside_a_guard(self):
        x, y, _ = dataset(1200, wrong=0.3)
        sampler = SpectralBatchSampler(x, 64, labels=y, selector=make_selector("guard:floor=0.5:auto"))
        train(sampler, x, y, 12)
        assert sampler.selector.figures["batches_gradients"] == 11


class TestParts:
    def test_places_are_found_by_index(self):
        assert Places(torch.tensor([30, 10, 20])).of(torch.tensor([10, 30])).tolist() == [1, 0]
        assert Places(torch.arange(4)).of(torch.tensor([3, 0])).tolist() == [3, 0]
        for places, strange in ((Places(torch.tensor([30, 10, 20])), 15), (Places(torch.arange(4)), 4)):
            with pytest.raises(ValueError, match=f"indices has {strange}, which is not in the dataset"):
                places.of(torch.tensor([strange]))
        with pytest.raises(ValueError, match="holds one twice"):
            Places(torch.tensor([1, 1]))

    def test_directions_keep_inner_products(self):
        low = torch.randn(500, 10, generator=generator(0)) @ torch.randn(10, 300, generator=generator(1))
        found = leading_directions(low * 5 + 7)
        columns = (low - low.mean(0)) / low.std(0, correction=0) / 300**0.5
        torch.testing.assert_close(found @ found.T, columns @ columns.T, atol=1e-3, rtol=1e-3)
        assert found.shape == (500, MOST)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
    def test_directions_of_any_features(self, dtype):
        x = torch.randn(50, 6, generator=generator(0)).to(dtype)
        x[3, 2] = torch.nan
        found = leading_directions(x)
        assert found.dtype == torch.float32
        assert found.isfinite().all()
        assert leading_directions(x[:0]).shape[0] == 0
        assert not leading_directions(torch.full((5, 3), torch.nan)).any()
