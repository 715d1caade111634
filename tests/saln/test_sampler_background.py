"""Batches chosen ahead and values refreshed during training: the same batches, never later than promised, recorded."""

import threading
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from saln import SpectralBatchSampler, SuperBatch
from saln.sampling.ahead import Ahead
from saln.sampling.refresh import Refresh
from saln.selectors import RHOLoss, Uniform

N_ROWS, BATCH_SIZE = 60, 3  # 6 batches of super-batches of 10
RATIO = 0.7
OPTIONS = {"filter_ratio": RATIO, "passes": 1}
CANDIDATES = {"selector": "spectral_candidates"}


def samples() -> SuperBatch:
    return SuperBatch(torch.randn(N_ROWS, 4, generator=torch.Generator().manual_seed(0)))


class TestAhead:
    """The queue by itself."""

    def test_places_are_computed_in_order_and_once(self):
        computed = []
        ahead = Ahead(lambda place: computed.append(place) or place, lambda place: (0, place[1] + 1), 3)
        assert [ahead.take((0, step)) for step in range(5)] == [(0, step) for step in range(5)]
        ahead.discard()
        assert computed[:5] == [(0, step) for step in range(5)]
        assert computed == [(0, step) for step in range(len(computed))]
        assert len(computed) <= 8

    def test_the_next_is_computed_while_the_caller_does_other_things(self):
        ready = threading.Event()
        ahead = Ahead(lambda place: ready.set() if place[1] else None, lambda place: (0, place[1] + 1), 1)
        ahead.take((0, 0))
        assert ready.wait(10)

    def test_errors_are_raised_where_their_place_is_taken(self):
        ahead = Ahead(lambda place: 6 // (2 - place[1]), lambda place: (0, place[1] + 1), 3)
        assert [ahead.take((0, 0)), ahead.take((0, 1))] == [3, 6]
        with pytest.raises(ZeroDivisionError):
            ahead.take((0, 2))
        ahead.discard()
        assert ahead.expects((9, 9))
        assert ahead.take((0, 4)) == -3
        ahead.discard()

    def test_after_discarding_nothing_runs(self):
        running = []

        def slow(place):
            running.append(place)
            time.sleep(0.02)
            running.remove(place)

        ahead = Ahead(slow, lambda place: (0, place[1] + 1), 5)
        ahead.take((0, 0))
        ahead.discard()
        assert running == []
        assert len(ahead) == 0

    def test_a_negative_depth_is_refused(self):
        with pytest.raises(ValueError, match="ahead is -1, want at least 0"):
            SpectralBatchSampler(samples(), 2, ahead=-1)


calls = st.lists(
    st.one_of(
        st.tuples(st.just("next"), st.integers(1, 4)),
        st.tuples(st.just("walk"), st.sampled_from([None, 0, 1, 2])),
        st.tuples(st.just("save and load"), st.none()),
    ),
    max_size=10,
)


@given(calls, st.integers(1, 7))
@settings(deadline=None, max_examples=60)
def test_batches_ahead_are_the_same_batches(schedule, depth):
    samplers = [
        SpectralBatchSampler(samples(), 3, **OPTIONS, **CANDIDATES, n_candidates=3, ahead=n) for n in (0, depth)
    ]
    walks = [iter(each) for each in samplers]
    for action, number in schedule:
        if action == "walk":
            for each in samplers if number is not None else ():
                each.set_epoch(number)
            walks = [iter(each) for each in samplers]
        elif action == "save and load":
            states = [each.state_dict() for each in samplers]
            assert states[0] == states[1]
            for each, state in zip(samplers, states, strict=True):
                each.load_state_dict(state)
            walks = [iter(each) for each in samplers]
        for _ in range(number or 1):
            assert next(walks[0], None) == next(walks[1], None)


def test_training_does_not_wait_for_batches_that_are_ready():
    class Slow(Uniform):
        def select(self, super_batch, size, **options):
            time.sleep(0.15)
            return super().select(super_batch, size, **options)

    sampler = SpectralBatchSampler(samples(), BATCH_SIZE, **OPTIONS, selector=Slow(), ahead=2)
    for _ in sampler:
        for _ in range(200):  # a step of training, as long as it takes until what comes next is ready
            if all(future.done() for _, future in sampler._serving.ahead._queue):
                break
            time.sleep(0.01)
    first, *rest = sampler.served
    assert first.waited_seconds >= 0.15
    assert all(batch.selection_seconds >= 0.15 for batch in sampler.served)
    assert max(batch.waited_seconds for batch in rest) < 0.15


def test_an_error_of_the_selector_reaches_the_caller_and_leaves_the_sampler_usable():
    class Failing(Uniform):
        fails = False

        def select(self, super_batch, size, **options):
            if self.fails:
                raise ArithmeticError("no")
            return super().select(super_batch, size, **options)

    sampler = SpectralBatchSampler(samples(), BATCH_SIZE, **OPTIONS, selector=Failing(), ahead=1)
    whole = list(sampler)
    sampler.reset()
    sampler.selector.fails = True
    with pytest.raises(ArithmeticError):
        list(sampler)
    sampler.selector.fails = False
    sampler.reset()
    assert list(sampler) == whole


class Counter(nn.Module):
    """Its one number is the step of training."""

    def __init__(self) -> None:
        super().__init__()
        self.step = nn.Parameter(torch.zeros(()))


class Watched:
    """A sampler whose losses say at which step of training they were computed, and for which rows."""

    def __init__(self, every: int, lag: int = 0, ahead: int = 0, **options) -> None:
        self.model, self.asked, self.seen = Counter(), [], []
        watched = self

        class Recorder(Uniform):
            def select(self, super_batch, size, **options):
                watched.seen.append(super_batch)
                return super().select(super_batch, size, **options)

        self.sampler = SpectralBatchSampler(
            samples(),
            BATCH_SIZE,
            **OPTIONS,
            selector=Recorder(),
            refresh=Refresh(self.compute, self.model, every, lag),
            ahead=ahead,
            **options,
        )

    def compute(self, model: Counter, indices: torch.Tensor) -> SuperBatch:
        self.asked.append(indices)
        losses = model.step.expand(len(indices)).clone()
        return SuperBatch(indices[:, None] + torch.zeros(len(indices), 4), losses=losses)

    def train(self, n_epochs: int) -> None:
        for _ in range(n_epochs):
            for _ in self.sampler:
                with torch.no_grad():
                    self.model.step += 1
        self.sampler._serving.discard_ahead()


@pytest.mark.parametrize("ahead", [0, 2])
@pytest.mark.parametrize("lag", [0, 1, 3])
@pytest.mark.parametrize("every", [1, 2, 4, 6, 20])
def test_every_batch_sees_the_values_that_its_number_says(every, lag, ahead):
    watched = Watched(every, lag, ahead)
    watched.train(3)
    delay = lag + ahead
    assert len(watched.sampler.served) == 18
    for number, (served, seen) in enumerate(zip(watched.sampler.served, watched.seen, strict=False)):
        as_of = max(0, (number - delay) // every * every)
        assert seen.losses.tolist() == [as_of] * 10
        assert served.staleness == number - as_of <= every - 1 + delay
        assert torch.equal(seen.features[:, 0], seen.indices.float())


def test_only_the_samples_that_are_offered_are_refreshed():
    watched = Watched(every=2)
    watched.train(1)

    def offered(*numbers):
        return sorted(torch.cat([watched.sampler.order.super_batch(0, number) for number in numbers]).tolist())

    assert [sorted(each.tolist()) for each in watched.asked] == [offered(0, 1), offered(2, 3), offered(4, 5)]
    watched = Watched(every=1, rank=1, world_size=3)
    watched.train(1)
    assert [sorted(each.tolist()) for each in watched.asked] == [offered(1), offered(4)]


@pytest.mark.parametrize("ahead", [0, 2])
def test_after_a_jump_the_values_are_new(ahead):
    watched = Watched(4, 1, ahead)
    walk = iter(watched.sampler)
    next(walk)
    watched.model.step.data.fill_(50.0)
    state = watched.sampler.state_dict()
    for jump in (lambda: watched.sampler.set_epoch(3), lambda: watched.sampler.load_state_dict(state)):
        jump()
        next(iter(watched.sampler))
        watched.sampler._serving.discard_ahead()
        assert watched.sampler.served[-1].staleness == 0
        assert watched.seen[-1].losses.tolist() == [50.0] * 10


def test_the_model_is_a_copy_in_the_background_and_itself_in_the_foreground():
    models = []

    def compute(model, indices):
        models.append((model, model.training, torch.is_grad_enabled()))
        return torch.zeros(len(indices), 4)

    model = Counter()
    for lag in (0, 1):
        refresh = Refresh(compute, model, every=1, lag=lag)
        sampler = SpectralBatchSampler(samples(), BATCH_SIZE, **OPTIONS, **CANDIDATES, n_candidates=2, refresh=refresh)
        list(sampler)
        sampler._chooser.live._drop()  # the last refresh may be under way still
    assert all(each is model and training and not grad for each, training, grad in models[:7])
    assert all(each is not model and not training and not grad for each, training, grad in models[7:])
    assert len(models) == 6 + 6


def test_rows_that_come_back_broken_keep_their_values_and_are_counted():
    def compute(model, indices):
        values = samples().features[indices] + 1
        values[indices == 7] = torch.nan
        return values

    data = samples()
    before = data.features.clone()
    refresh = Refresh(compute, Counter())
    sampler = SpectralBatchSampler(data, BATCH_SIZE, **OPTIONS, **CANDIDATES, n_candidates=2, refresh=refresh)
    list(sampler)
    live = sampler.samples.features
    assert torch.equal(live[7], before[7])
    assert torch.equal(live[8], before[8] + 1)
    assert sampler.n_kept_rows == 1
    assert torch.equal(data.features, before)


def test_live_losses_decide():
    """RHO-LOSS by losses that follow the model: what is hard at this step is what is served."""
    model = Counter()

    def losses(model, indices):
        return SuperBatch(samples().features[indices], losses=(indices % 5 == model.step).float())

    data = SuperBatch(samples().features, reference_losses=torch.zeros(N_ROWS))
    refresh = Refresh(losses, model)
    sampler = SpectralBatchSampler(data, 2, filter_ratio=0.9, selector=RHOLoss(), refresh=refresh)
    for step, batch in enumerate(sampler):
        offered = sampler.order.super_batch(0, step)
        hard = offered[offered % 5 == model.step.item()].tolist()
        assert set(batch) <= set(hard) or set(hard) <= set(batch)
        model.step.data.fill_((step + 1) % 5)


@pytest.mark.parametrize(
    ("compute", "message"),
    [
        (lambda model, indices: torch.zeros(3, 4), "compute returned 3 rows, want 10, one an index"),
        (
            lambda model, indices: SuperBatch(torch.zeros(10, 4), learner_scores=torch.zeros(10, 10)),
            "compute returned learner_scores, want values of single samples",
        ),
    ],
)
def test_bad_values_are_refused(compute, message):
    refresh = Refresh(compute, Counter())
    sampler = SpectralBatchSampler(samples(), BATCH_SIZE, **OPTIONS, refresh=refresh)
    with pytest.raises(ValueError, match=message):
        next(iter(sampler))
    for every, lag in ((0, 0), (1, -1)):
        with pytest.raises(ValueError, match=f"every and lag are {every} and {lag}"):
            Refresh(compute, Counter(), every, lag)


def test_the_first_refresh_decides_how_wide_features_are():
    """Activations in place of frozen features; afterwards every refresh has to be as wide."""
    seen, widths = [], [7, 7, 6]

    class Watching(Uniform):
        def select(self, super_batch, size, **options):
            seen.append(super_batch)
            return super().select(super_batch, size, **options)

    def activations(model, indices):
        return indices[:, None] + torch.zeros(len(indices), widths.pop(0), dtype=torch.float64)

    refresh = Refresh(activations, Counter(), every=3)
    sampler = SpectralBatchSampler(samples(), BATCH_SIZE, **OPTIONS, selector=Watching(), refresh=refresh)
    list(sampler)
    for each in seen:
        assert each.features.dtype == torch.float64
        assert torch.equal(each.features, each.indices[:, None].double().expand(10, 7))
    with pytest.raises(ValueError, match=r"compute returned features \[30, 6\], want \[M, d\] as before"):
        list(sampler)


def test_a_refresh_given_later_is_as_good_as_one_given_at_once():
    def values(model, indices):
        return torch.randn(60, 5, generator=torch.Generator().manual_seed(int(model.step)))[indices]

    def batches(sampler, model):
        served = []
        for batch in sampler:
            served.append(batch)
            model.step.data += 1
        return served

    models = [Counter(), Counter(), Counter()]
    at_once, later = (
        SpectralBatchSampler(samples(), BATCH_SIZE, **OPTIONS, **CANDIDATES, n_candidates=4, refresh=refresh)
        for refresh in (Refresh(values, models[0], every=2), None)
    )
    later.refresh_with(Refresh(values, models[1], every=2))
    expected = batches(at_once, models[0])
    assert batches(later, models[1]) == expected
    frozen = SpectralBatchSampler(samples(), BATCH_SIZE, **OPTIONS, **CANDIDATES, n_candidates=4)
    assert expected != batches(frozen, Counter())
    with pytest.raises(RuntimeError, match="refresh_with is called after batches were served"):
        later.refresh_with(Refresh(values, models[2]))
    later.reset()  # the next run, of another model
    later.refresh_with(Refresh(values, models[2], every=2))
    assert batches(later, models[2]) == expected
