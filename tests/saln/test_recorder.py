"""What training knows of its samples, kept from its own forward passes, and what selectors make of it."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from recorder_cases import (
    BATCH_SIZE,
    N_CLASSES,
    N_ROWS,
    WIDTH,
    Classifier,
    Training,
    Watching,
    check_recorded,
    problem,
    sampler_of,
)
from saln import SpectralBatchSampler, SuperBatch
from saln.sampling.recorded import RecordedValues
from saln.sampling.refresh import Refresh
from saln.selectors import InfoBatch


@pytest.mark.parametrize("n_workers", [0, 2])
def test_the_recorder_knows_what_a_plain_bookkeeping_knows(n_workers):
    training = Training(sampler_of(Watching("losses", "residuals")), n_workers)
    for _ in range(2):
        training.walk()
        check_recorded(training)
    assert training.sampler.recorder.n_records == 30


def test_selectors_see_what_was_recorded_and_a_guesser_elsewhere():
    watching = Watching("losses", "residuals")
    training = Training(sampler_of(watching))
    walk = iter(training.loader)
    for _ in range(15):
        before = copy.deepcopy((training.losses, training.residuals))
        training.step(*next(walk))
        offered = watching.offered[-1]
        for place, row in enumerate(offered.indices.tolist()):
            guessed = 1 / N_CLASSES - F.one_hot(training.y[row], N_CLASSES)
            assert offered.losses[place].item() == pytest.approx(before[0].get(row, math.log(N_CLASSES)), abs=1e-6)
            torch.testing.assert_close(offered.residuals[place], before[1].get(row, guessed))
        assert torch.equal(offered.features, training.x[offered.indices])


@pytest.mark.parametrize("n_workers", [0, 1])
def test_ages_are_counted_from_the_step_of_the_record_to_that_of_the_batch(n_workers):
    training = Training(sampler_of("infobatch"), n_workers)
    for epoch in range(2):
        at_start = dict(training.step_of)
        training.walk()
        for step in range(15):
            served = training.sampler.served_at(epoch, step)
            offered = training.sampler.offered_at(epoch, step).tolist()
            number = epoch * 15 + step
            # What a loader had asked for before that much was recorded.
            seen = number - (2 if n_workers and step > 1 else step if n_workers else 0)
            step_of = {**at_start}
            for before in range(epoch * 15, seen):
                step_of |= dict.fromkeys(training.batches[before], before)
            ages = [number - step_of[row] for row in offered if row in step_of]
            assert served.unseen == pytest.approx(1 - len(ages) / len(offered))
            assert served.age == (pytest.approx(sum(ages) / len(ages)) if ages else None)


def test_without_labels_the_mean_of_what_is_recorded_stands_in():
    watching = Watching("losses", "residuals")
    sampler = SpectralBatchSampler(problem()[0], BATCH_SIZE, selector=watching)
    walk = iter(sampler)
    first = next(walk)
    assert watching.offered[0].losses.tolist() == [1.0] * 40
    assert watching.offered[0].residuals.tolist() == [[1.0]] * 40
    losses = torch.arange(float(BATCH_SIZE))
    sampler.recorder.record(losses, residuals=losses[:, None] * torch.ones(2))
    next(walk)
    offered = watching.offered[1]
    recorded = [first.index(row) for row in offered.indices.tolist() if row in first]
    mean = sum(recorded) / len(recorded) if recorded else losses.mean().item()
    for place, row in enumerate(offered.indices.tolist()):
        expected = float(first.index(row)) if row in first else mean
        assert offered.losses[place].item() == pytest.approx(expected)
        assert offered.residuals[place].tolist() == pytest.approx([expected] * 2)


def test_given_losses_stand_until_they_are_recorded():
    watching = Watching("losses")
    given = torch.arange(float(N_ROWS))
    sampler = SpectralBatchSampler(SuperBatch(problem()[0], losses=given), BATCH_SIZE, selector=watching)
    walk = iter(sampler)
    batch = next(walk)
    assert torch.equal(watching.offered[0].losses, given[watching.offered[0].indices])
    sampler.recorder.record(torch.full((BATCH_SIZE,), -1.0))
    sampler.recorder.record(torch.tensor([-2.0, torch.nan]), indices=[batch[0], batch[1]])
    next(walk)
    offered = watching.offered[1]
    expected = [-2.0 if row == batch[0] else -1.0 if row in batch else float(row) for row in offered.indices.tolist()]
    assert offered.losses.tolist() == expected
    assert sampler.samples.losses is given


def test_activations_stand_for_features_where_they_are_asked_for():
    watching = Watching("losses")
    training = Training(sampler_of(watching, activations=True))
    training.walk(3)
    assert training.sampler.recorder.keeps == ("losses", "activations")
    features = training.sampler.recorder.values("activations")
    assert torch.equal(watching.offered[0].features, training.x[watching.offered[0].indices])
    assert features.shape == (N_ROWS, 5)
    known = ~features.isnan().any(dim=1)
    assert set(known.nonzero().squeeze(1).tolist()) == set(training.losses)
    next(iter(training.sampler))
    offered = watching.offered[3]
    recorded = known[offered.indices]
    assert 0 < recorded.sum() < 40
    assert torch.equal(offered.features[recorded], features[offered.indices[recorded]])
    mean = offered.features[recorded].mean(dim=0)
    torch.testing.assert_close(offered.features[~recorded], mean.expand(int((~recorded).sum()), 5))


def test_activations_alone_need_no_labels():
    x, _ = problem()
    sampler = SpectralBatchSampler(x, BATCH_SIZE, selector="spectral_candidates", n_candidates=4, activations=True)
    model = Classifier()
    for batch in sampler:
        with sampler.recorder(model):
            model(x[batch])
    assert sampler.recorder.keeps == ("activations",)
    assert sampler.recorder.values("losses") is None
    rows = torch.tensor(batch)
    torch.testing.assert_close(sampler.recorder.values("activations")[rows], model.body(x[rows]))


def test_a_refresh_wins_over_the_recorder_for_what_it_gives():
    watching = Watching("losses", "residuals")
    training = Training(sampler_of(watching))

    def compute(model, indices):
        return SuperBatch(training.x[indices], losses=indices.float())

    training.sampler.refresh_with(Refresh(compute, training.model, every=4))
    training.walk()
    for offered in watching.offered:
        assert offered.losses.tolist() == offered.indices.tolist()
    torch.testing.assert_close(
        watching.offered[-1].residuals,
        torch.stack(
            [
                training.residuals.get(row, 1 / N_CLASSES - F.one_hot(training.y[row], N_CLASSES))
                if row not in training.batches[-1]
                else watching.offered[-1].residuals[place]
                for place, row in enumerate(watching.offered[-1].indices.tolist())
            ]
        ),
    )


class Sampled(nn.Sequential):
    """A model of dropout and as many linear layers as wanted."""

    def __init__(self, widths: list[int]) -> None:
        layers: list[nn.Module] = []
        for inside, outside in zip([WIDTH, *widths], [*widths, N_CLASSES], strict=True):
            layers += [nn.Dropout(0.3), nn.Linear(inside, outside)]
        super().__init__(*layers)


@given(st.lists(st.integers(1, 9), max_size=3), st.integers(0, 1000), st.booleans(), st.booleans())
@settings(deadline=None, max_examples=25)
def test_recording_changes_neither_gradients_nor_random_numbers(widths, seed, by_hand, activations):
    results = []
    for recording in (True, False):
        torch.manual_seed(seed)
        model, sampler = Sampled(widths), sampler_of("gradient_logdet", activations=activations and not by_hand)
        batch = next(iter(sampler))
        x, y = problem()
        if recording and not by_hand:
            with sampler.recorder(model):
                logits = model(x[batch])
        else:
            logits = model(x[batch])
        losses = F.cross_entropy(logits, y[batch], reduction="none")
        if recording and by_hand:
            sampler.recorder.record(losses, residuals=logits.softmax(dim=1) - F.one_hot(y[batch], N_CLASSES))
        losses.mean().backward()
        assert sampler.recorder.n_records == recording
        assert not any(layer._forward_hooks for layer in model.modules())
        results.append([logits, *(each.grad for each in model.parameters()), torch.get_rng_state()])
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


METHODS = [
    "jest",
    "rho_loss",
    "infobatch",
    "selective_backprop",
    "gradient_logdet",
    "gradient_logdet_learnable",
    "gradient_logdet_agreement",
    "gradient_logdet_patient",
    "divbs",
    "curriculum",
    "portfolio",
    "guard:jest",
]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_by_name_without_a_forward_pass_more(method):
    training = Training(sampler_of(method, n_epochs=3))
    for _ in range(3):
        training.walk()
    assert training.model.calls == 45
    assert (training.model(training.x).argmax(dim=1) == training.y).float().mean() > 0.8
    check_recorded(training)
    assert training.sampler.served[-1].age > 1


def test_a_selector_that_reads_nothing_records_nothing():
    training = Training(sampler_of("uniform"))
    training.walk()
    assert training.sampler.recorder.keeps == ()
    assert training.sampler.recorder.values("losses") is None
    assert training.sampler.served[-1].age is None
    assert training.sampler.served[-1].unseen is None
    assert training.sampler.state_dict()["recorder"] is None


def test_by_indices_in_any_order_and_of_a_part_of_the_dataset():
    x, y = problem()
    part = torch.arange(N_ROWS - 1, 0, -2)  # rows in another order than the dataset's
    samples = SuperBatch(x[part], labels=y[part], indices=part)
    sampler = SpectralBatchSampler(samples, BATCH_SIZE, selector=Watching("losses"))
    walk = iter(sampler)
    first, second = next(walk), next(walk)
    sampler.recorder.record(torch.arange(8.0), torch.tensor(second))
    sampler.recorder.record(torch.arange(8.0) + 10, first)
    sampler.recorder.record(torch.tensor([7.0]), [1])
    kept = sampler.recorder.values("losses")
    known = {row: kept[place].item() for place, row in enumerate(part.tolist()) if not kept[place].isnan()}
    expected = {row: float(place) for place, row in enumerate(second)}
    assert known == expected | {row: place + 10.0 for place, row in enumerate(first)} | {1: 7.0}


@pytest.mark.parametrize("samples_there", [True, False])
def test_values_and_samples_on_one_device_or_two(device, samples_there):
    """With --device cuda they come from a GPU, to samples on the host or there."""
    x, y = problem()
    there = device if samples_there else torch.device("cpu")
    sampler = SpectralBatchSampler(x.to(there), BATCH_SIZE, labels=y.to(there), selector="gradient_logdet")
    model = Classifier().to(device)
    walk, expected = iter(sampler), {}
    for _ in range(4):
        batch = next(walk)
        with sampler.recorder(model):
            logits = model(x[batch].to(device))
        losses = F.cross_entropy(logits, y[batch].to(device), reduction="none")
        expected |= dict(zip(batch, losses.tolist(), strict=True))
    kept = sampler.recorder.values("losses")
    assert kept.device.type == there.type
    assert {row: kept[row].item() for row in expected} == pytest.approx(expected, abs=1e-5)


def test_what_is_on_its_way_is_waited_for_in_order():
    class Arrival:
        def __init__(self, value, number):
            self.value, self.number = value, number

        def synchronize(self):
            self.value.fill_(self.number)

    values = RecordedValues(4, torch.device("cpu"))
    for number in (1.0, 2.0):  # as copies from a GPU that have not arrived
        coming = torch.full((2,), torch.nan)
        values._waiting.append((torch.tensor([0, int(number)]), {"losses": coming}, Arrival(coming, number)))
    values.put(torch.tensor([1]), {"losses": torch.tensor([5.0])})
    assert values.get("losses").tolist()[:3] == [2.0, 5.0, 2.0]
    assert values.get("losses")[3].isnan()


def test_infobatch_goes_by_the_losses_of_its_own_training():
    training = Training(sampler_of(InfoBatch(delta=1.0), n_epochs=2))
    training.walk()
    losses = training.sampler.recorder.values("losses").clone()
    walk = iter(training.sampler)
    batch = next(walk)
    offered = training.sampler.offered_at(1, 0)
    losses[losses.isnan()] = math.log(N_CLASSES)
    hard = losses[offered] >= losses[offered].double().mean()
    rates = [sum(row in batch for row in offered[of].tolist()) / int(of.sum()) for of in (hard, ~hard)]
    assert rates[0] > 1.5 * rates[1]
