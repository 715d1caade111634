"""Selectors that remember, or change over training, inside the batch sampler: progress, memory, weights."""

import copy
import pickle

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset
from torchdata.stateful_dataloader import StatefulDataLoader

from saln import SELECTORS, SpectralBatchSampler, SuperBatch, make_selector
from saln.selectors import Uniform
from saln.selectors.support.schedule import Schedule

N_ROWS, BATCH_SIZE = 47, 3  # with one pass per epoch 9 batches of super-batches of 5 or 6
N_EPOCHS = 3

STATEFUL = {
    "selective_backprop": {"interrupt": 3},
    "consecutive_candidates": {"n_candidates": 6, "n_directions": 2},
    "consecutive_candidates reuse": {"n_candidates": 6, "overlap": "reuse"},
    "portfolio": {"arms": ["uniform", "herding", "selective_backprop"], "explore": 0.5},
    "guard": {"method": "selective_backprop", "epsilon": 0.3, "max_reuse": 1},
    "guard around guard": {"method": "guard:portfolio", "floor": 1.0},
    "curriculum": {"method": "consecutive_candidates"},
    "one_pass": {"balance": 1.0},
}
every_stateful = pytest.mark.parametrize("name", STATEFUL)


def samples(seed: int = 0) -> SuperBatch:
    source = torch.Generator().manual_seed(seed)
    return SuperBatch(
        torch.randn(N_ROWS, 4, generator=source),
        losses=torch.rand(N_ROWS, generator=source),
        reference_losses=torch.rand(N_ROWS, generator=source),
        labels=torch.randint(3, (N_ROWS,), generator=source),
        residuals=torch.randn(N_ROWS, 3, generator=source),
    )


def make(name: str, seed: int = 0, **options) -> SpectralBatchSampler:
    selector = make_selector(name.split()[0], **STATEFUL[name])
    options = {"filter_ratio": 0.4, "passes": 1, "n_epochs": N_EPOCHS, **options}
    return SpectralBatchSampler(samples(), BATCH_SIZE, selector=selector, seed=seed, **options)


def run(sampler: SpectralBatchSampler, count: int) -> list[list[int]]:
    """So many batches over as many epochs as it takes, the last epoch broken off."""
    batches: list[list[int]] = []
    while len(batches) < count:
        for batch in sampler:
            batches.append(batch)
            if len(batches) == count:
                break
    return batches


def test_every_method_with_a_memory_is_among_the_cases():
    with_memory = {name for name in SELECTORS if make_selector(name).has_memory}
    assert with_memory == {name.split()[0] for name in STATEFUL} - {"curriculum"}  # which has what is inside


@pytest.mark.parametrize("ahead", [0, 3])
@every_stateful
def test_a_fresh_sampler_goes_on_where_the_state_was_saved(name, ahead):
    for seed in range(12):
        whole = run(make(name, seed), 28)
        stop = 1 + int(torch.randint(26, (), generator=torch.Generator().manual_seed(seed)))
        sampler = make(name, seed, ahead=ahead)
        assert run(sampler, stop) == whole[:stop]
        state = pickle.loads(pickle.dumps(sampler.state_dict()))
        resumed = make(name, ahead=ahead)
        next(iter(resumed))  # what it remembers of a run of its own is gone
        resumed.load_state_dict(state)
        assert run(resumed, 28 - stop) == whole[stop:]


@every_stateful
def test_memory_matters_here(name):
    """Without the memory the rest of a run is another one, in most of the cases that the test above is about."""
    differs = 0
    for seed in range(12):
        whole = run(make(name, seed), 20)
        forgetful = make(name, seed)
        forgetful._cursor.restore(0, 7)
        forgetful._chooser.memory.still_to_choose = lambda epoch, first, stop: range(first, stop)
        differs += run(forgetful, 13) != whole[7:]
    assert differs > 0


@pytest.mark.parametrize("ahead", [0, 2])
@every_stateful
def test_state_is_a_copy(name, ahead):
    sampler = make(name, ahead=ahead)
    walk = iter(sampler)
    next(walk)
    state = sampler.state_dict()
    kept = copy.deepcopy(state)
    rest = [next(walk) for _ in range(5)]
    for _ in range(2):
        resumed = make(name)
        resumed.load_state_dict(state)
        resumed_walk = iter(resumed)
        assert [next(resumed_walk) for _ in range(5)] == rest
    assert repr(state) == repr(kept)


@pytest.mark.parametrize("ahead", [0, 2])
@every_stateful
def test_skipped_batches_are_chosen_all_the_same(name, ahead):
    whole = run(make(name), 20)
    skipping = make(name, ahead=ahead)
    skipping.skip(4)
    assert run(skipping, 3) == whole[4:7]
    skipping.skip(2)  # in the next epoch, after one broken off: what was not served is not remembered
    assert len(run(skipping, 8)) == 8
    within = make(name, ahead=ahead)
    run(within, 9)
    within.skip(4)
    assert run(within, 5) == whole[13:18]


@every_stateful
def test_an_epoch_broken_off_or_walked_again_goes_into_the_memory(name):
    """However batches are asked for, ahead or not, the same calls give the same batches."""
    runs = []
    for ahead in (0, 1, 4):
        sampler = make(name, ahead=ahead)
        batches = run(sampler, 3)
        batches += run(sampler, 13)
        sampler.set_epoch(0)
        batches += run(sampler, 4)
        sampler.set_epoch(2)
        runs.append(batches + run(sampler, 12))
    assert runs[0] == runs[1] == runs[2]


@pytest.mark.parametrize(("name", "workers"), [*((name, 0) for name in STATEFUL), ("guard", 2), ("portfolio", 2)])
def test_a_stateful_loader_resumes_exactly(name, workers):
    whole = run(make(name, 5), 24)
    for stop, ahead in ((4, 0), (10, 2), (13, 1)):

        def loader(seed: int, ahead: int = ahead) -> StatefulDataLoader:
            sampler = make(name, seed, ahead=ahead)
            return StatefulDataLoader(TensorDataset(torch.arange(N_ROWS)), batch_sampler=sampler, num_workers=workers)

        first, done, rest = loader(5), [], []
        while len(done) < stop:
            for (batch,) in first:
                done.append(batch.tolist())
                if len(done) == stop:
                    break
        second = loader(0)
        second.load_state_dict(first.state_dict())
        while len(rest) < 24 - stop:
            rest += [batch.tolist() for (batch,) in second]
        assert done + rest[: 24 - stop] == whole


def test_a_reset_starts_the_run_anew():
    for name in STATEFUL:
        sampler = make(name, ahead=1)
        first = run(sampler, 15)
        sampler.reset()
        assert run(sampler, 15) == first


def test_what_no_memory_can_answer_is_refused():
    sampler = make("guard")
    with pytest.raises(ValueError, match="batches by guard depend on those before them"):
        sampler.batch_at(0, 3)
    run(sampler, 5)
    sampler.set_epoch(0)
    sampler.skip(2)
    with pytest.raises(ValueError, match="batch 2 of epoch 0 depends on those before it, and the selector's memory is"):
        next(iter(sampler))
    with pytest.raises(ValueError, match="saved with selector guard, this sampler has portfolio"):
        make("portfolio").load_state_dict(sampler.state_dict())
    with pytest.raises(ValueError, match="ahead is 1, want 0: portfolio is to be told"):
        SpectralBatchSampler(samples(), 2, selector=make_selector("portfolio", reward="probe"), ahead=1)


def test_the_guard_counts_reuse_by_epochs():
    """No sample comes twice in a pass, so with its epochs told the cap never holds anything back."""
    sampler = SpectralBatchSampler(
        samples(), 3, passes=1, selector=make_selector("guard", method="uniform", max_reuse=1)
    )
    run(sampler, 3 * len(sampler))
    assert sampler.selector.interventions["rows_capped"] == 0
    nested = make_selector("curriculum:guard:max_reuse=1:uniform")
    sampler = SpectralBatchSampler(samples(), 3, passes=1, selector=nested)
    run(sampler, 3 * len(sampler))
    assert nested.method.interventions["rows_capped"] == 0


class TestProgress:
    """The share of training that is over, before each batch."""

    def seen_by(self, **options) -> tuple[SpectralBatchSampler, list[float]]:
        seen: list[float] = []

        class Recorder(Uniform):
            def select(self, super_batch, size, **options):
                seen.append(self.progress)
                return super().select(super_batch, size, **options)

        return SpectralBatchSampler(samples(), 3, filter_ratio=0.4, passes=1, selector=Recorder(), **options), seen

    def test_it_is_set_from_the_number_of_epochs(self):
        sampler, seen = self.seen_by(n_epochs=2)
        run(sampler, 30)
        assert seen == pytest.approx([n / 18 for n in range(18)] + [1.0] * 12)

    def test_without_one_it_is_the_caller_s_and_is_saved(self):
        sampler, seen = self.seen_by()
        sampler.selector.progress = 0.25
        run(sampler, 3)
        other, seen_by_other = self.seen_by()
        other.load_state_dict(sampler.state_dict())
        run(other, 2)
        assert seen == [0.25] * 3
        assert seen_by_other == [0.25] * 2

    def test_a_schedule_moves_what_is_chosen(self):
        losses = torch.arange(400.0)
        selector = make_selector("curriculum", low=Schedule(0.0, 0.8), high=Schedule(0.2, 1.0))
        data = SuperBatch(torch.zeros(400, 1), losses=losses)
        sampler = SpectralBatchSampler(data, 8, passes=1, selector=selector, n_epochs=4)
        means = [losses[batch].mean() for batch in run(sampler, 40)]
        assert sum(means[:5]) / 5 < 120
        assert sum(means[-5:]) / 5 > 280


@pytest.mark.parametrize("workers", [0, 2])
def test_weights_belong_to_the_batches_of_the_loader(workers):
    losses = samples().losses
    sampler = SpectralBatchSampler(
        samples(), 4, filter_ratio=0.6, selector=make_selector("infobatch"), ahead=2, n_epochs=9
    )
    loader = DataLoader(TensorDataset(torch.arange(N_ROWS)), batch_sampler=sampler, num_workers=workers)
    for epoch in range(2):
        for step, (batch,) in enumerate(loader):
            served = sampler.served_at(epoch, step)
            assert list(served.indices) == batch.tolist()
            assert served.weights.shape == (len(batch),)
            offered = sampler.order.super_batch(epoch, step)
            easy = losses[batch] < losses[offered].double().mean()
            if easy.any() and not easy.all():
                assert served.weights[easy].unique().numel() == served.weights[~easy].unique().numel() == 1
    assert sampler.served[-1].epoch == 1
    with pytest.raises(KeyError, match="batch 0 of epoch 7"):
        sampler.served_at(7, 0)


@pytest.mark.parametrize("n_epochs", [0, -1])
def test_a_bad_number_of_epochs_is_refused(n_epochs):
    with pytest.raises(ValueError, match=f"n_epochs is {n_epochs}, want at least 1"):
        SpectralBatchSampler(samples(), 2, n_epochs=n_epochs)


class TestStateAt:
    """States of a place that training has reached, while the loader is further."""

    @pytest.mark.parametrize("ahead", [0, 2])
    @every_stateful
    def test_it_is_the_state_that_was_there(self, name, ahead):
        for seed in range(4):
            whole = run(make(name, seed), 26)
            sampler = make(name, seed, ahead=ahead)
            walk = iter(sampler)
            assert [next(walk) for _ in range(2)] == whole[:2]
            sampler.remember(6)
            n_served = 2 + 5 * seed
            served = 2
            while served < n_served:
                batch = next(walk, None)
                walk = iter(sampler) if batch is None else walk
                served += batch is not None
            for back in range(min(6, n_served - 2) + 1):
                epoch, step = divmod(n_served - back, len(sampler))
                resumed = make(name)
                resumed.load_state_dict(pickle.loads(pickle.dumps(sampler.state_at(epoch, step))))
                assert run(resumed, 26 - (n_served - back)) == whole[n_served - back :]

    def test_what_is_too_long_ago_is_refused(self):
        sampler = make("guard")
        run(sampler, 3)
        sampler.remember(2)
        run(sampler, 12)
        assert sampler.place == (2, 3)
        for step in (1, 2, 3):
            assert sampler.state_at(2, step)["memory"]["number"] == step
        with pytest.raises(ValueError, match="remembered after 7 batches of epoch 1 is not known any more"):
            sampler.state_at(1, 7)

    def test_without_a_memory_every_place_is_known(self):
        sampler = SpectralBatchSampler(
            samples(), 3, filter_ratio=0.4, passes=1, selector="spectral_candidates", n_candidates=3
        )
        whole = run(sampler, 30)
        resumed = SpectralBatchSampler(
            samples(), 3, filter_ratio=0.4, passes=1, selector="spectral_candidates", n_candidates=3
        )
        resumed.load_state_dict(sampler.state_at(1, 4))
        assert run(resumed, 17) == whole[13:]
