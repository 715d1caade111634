"""Saving and restoring a batch sampler: exact at any step, a copy, nothing computed again."""

import copy
import json
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saln import SpectralBatchSampler
from saln.sampling.walk import EpochCursor, EpochWalk
from saln.selectors import Uniform


def make(seed: int = 0, **options) -> SpectralBatchSampler:
    data = torch.randn(90, 5, generator=torch.Generator().manual_seed(1))
    candidates = {"selector": "spectral_candidates", "n_candidates": 6}
    return SpectralBatchSampler(data, **{"batch_size": 2, "passes": 1, **candidates, "seed": seed, **options})


class Counting(Uniform):
    """Counts the batches computed."""

    calls = 0

    def select(self, super_batch, size, **options):
        self.calls += 1
        return super().select(super_batch, size, **options)


def stream(sampler: SpectralBatchSampler, count: int) -> list[list[int]]:
    """So many batches, over as many epochs as it takes."""
    batches: list[list[int]] = []
    while len(batches) < count:
        batches += list(sampler)
    return batches[:count]


@pytest.mark.parametrize("seed", range(25))
def test_a_fresh_sampler_goes_on_where_the_state_was_saved(seed):
    choice = {"choice": "softmax", "temperature": 0.2} if seed % 2 else {}
    choice["passes"] = 1 if seed % 3 else None
    count = 30 if seed % 3 else 140
    uninterrupted = stream(make(seed, **choice), count)
    stop = int(torch.randint(count, (), generator=torch.Generator().manual_seed(seed)))
    sampler = make(seed, **choice)
    done: list[list[int]] = []
    while len(done) < stop:
        for batch in sampler:
            done.append(batch)
            if len(done) == stop:
                break
    state = json.loads(json.dumps(sampler.state_dict()))
    torch.manual_seed(seed)
    resumed = make(0, **choice)  # the state brings the seed
    resumed.load_state_dict(state)
    assert done + stream(resumed, count - stop) == uninterrupted


def test_state_is_a_copy():
    sampler = make()
    walk = iter(sampler)
    next(walk)
    state = sampler.state_dict()
    before = copy.deepcopy(state)
    next(walk)
    assert state == before != sampler.state_dict()
    state["step"] = 7
    assert sampler.state_dict()["step"] == 2


def test_iter_does_not_reset_a_restored_position_and_loading_may_be_repeated():
    sampler = make()
    wanted = list(sampler)
    state = make().state_dict() | {"step": 4}
    resumed = make()
    resumed.load_state_dict(state)
    iter(resumed)
    assert list(iter(resumed)) == wanted[4:]
    resumed.load_state_dict(state)
    assert resumed.state_dict() == state
    assert list(resumed) == wanted[4:]


def test_a_state_saved_at_an_epoch_s_end_gives_a_whole_next_epoch():
    reference = make()
    first, second = list(reference), list(reference)
    for exhausted in (False, True):
        sampler = make()
        walk = iter(sampler)
        for _ in first:
            next(walk)
        if exhausted:
            assert next(walk, None) is None
        resumed = make()
        resumed.load_state_dict(sampler.state_dict())
        assert resumed.epoch == 1
        assert list(resumed) == second


def test_set_epoch_after_loading_keeps_the_position_in_that_epoch_only():
    sampler = make()
    state = make().state_dict() | {"epoch": 3, "step": 5}
    sampler.load_state_dict(state)
    sampler.sampler.set_epoch(3)
    assert next(iter(sampler)) == sampler.batch_at(3, 5)
    sampler.load_state_dict(state)
    sampler.sampler.set_epoch(4)
    assert next(iter(sampler)) == sampler.batch_at(4, 0)


def test_resuming_and_skipping_compute_nothing_that_is_not_yielded():
    data = torch.randn(90, 5, generator=torch.Generator().manual_seed(1))
    sampler = SpectralBatchSampler(data, 2, selector=Counting())
    wanted = [sampler.batch_at(0, step) for step in range(len(sampler))]
    sampler.selector.calls = 0
    sampler.skip(3)
    sampler.skip(2)
    assert sampler.selector.calls == 0
    assert list(sampler) == wanted[5:]
    assert sampler.selector.calls == len(sampler) - 5
    sampler.selector.calls = 0
    sampler.load_state_dict(sampler.state_dict() | {"epoch": 0, "step": 7})
    assert list(sampler) == wanted[7:]
    assert sampler.selector.calls == len(sampler) - 7
    sampler.skip(len(sampler))
    assert sampler.epoch == 2


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"batch_size": 3}, "batch_size"),
        ({"filter_ratio": 0.5}, "super_batch_size"),
        ({"drop_last": True}, "drop_last"),
    ],
)
def test_a_state_of_another_walk_is_refused_by_name(options, name):
    with pytest.raises(ValueError, match=f"the state was saved with {name} .*, this sampler has"):
        make(**options).load_state_dict(make().state_dict())
    shorter = SpectralBatchSampler(torch.ones(80, 5), 2)
    with pytest.raises(ValueError, match="num_samples 90, this sampler has 80"):
        shorter.load_state_dict(make().state_dict())
    with pytest.raises(ValueError, match="epoch and step are 0 and 10, want at least 0 and 0 to 9"):
        make().load_state_dict(make().state_dict() | {"step": 10})


def test_a_pickled_sampler_goes_on_alike():
    sampler = make()
    walk = iter(sampler)
    next(walk)
    twin = pickle.loads(pickle.dumps(sampler))
    assert twin.state_dict() == sampler.state_dict()
    assert list(twin) == list(sampler)


actions = st.lists(
    st.one_of(
        st.tuples(st.just("next"), st.integers(1, 6)),
        st.tuples(st.just("walk"), st.sampled_from([None, 0, 1, 2, 3, 4])),
        st.tuples(st.just("save and load"), st.none()),
    ),
    max_size=14,
)


@given(actions)
@settings(deadline=None, max_examples=300)
def test_saving_and_loading_anywhere_changes_nothing_that_follows(schedule):
    """Two cursors get the same calls; one of them goes into fresh objects wherever the schedule says so.

    A walk may be of an epoch that set_epoch names, or of the next.
    """

    def walk(cursor: EpochCursor) -> EpochWalk:
        return EpochWalk(cursor, lambda epoch, step: [epoch, step])

    plain, restored = EpochCursor(lambda: 4), EpochCursor(lambda: 4)
    walks = [walk(plain), walk(restored)]
    for action, number in schedule:
        if action == "walk":
            for cursor in (plain, restored) if number is not None else ():
                cursor.set_epoch(number)
            walks = [walk(plain), walk(restored)]
            continue
        if action == "save and load":
            # As torchdata's loader does: the sampler's state, then that of the walk, both into fresh objects.
            position, state = restored.position, walks[1].state_dict()
            restored = EpochCursor(lambda: 4)
            restored.restore(*position)
            walks[1] = walk(restored)
            walks[1].load_state_dict(state)
        for _ in range(number or 1):
            assert next(walks[0], None) == next(walks[1], None)


class TestSkippingByAccelerate:
    """Its SkipBatchSampler asks for all batches of an epoch, and drops the first."""

    def skipper(self, sampler: SpectralBatchSampler, n_batches: int):
        class SkipBatchSampler:
            def __init__(self):
                self.batch_sampler, self.skip_batches = sampler, n_batches

            def __iter__(self):
                for number, batch in enumerate(self.batch_sampler):
                    if number >= self.skip_batches:
                        yield batch

        SkipBatchSampler.__module__ = "accelerate.data_loader"
        return SkipBatchSampler()

    def test_what_is_dropped_is_not_computed(self):
        data = torch.randn(90, 5, generator=torch.Generator().manual_seed(1))
        sampler = SpectralBatchSampler(data, 2, selector=Counting())
        epochs = [list(sampler) for _ in range(3)]
        sampler.set_epoch(1)
        sampler.selector.calls = 0
        assert list(self.skipper(sampler, 4)) == epochs[1][4:]
        assert sampler.selector.calls == len(sampler) - 4
        assert list(sampler) == epochs[2]

    def test_a_restored_sampler_is_not_moved_twice(self):
        sampler = make()
        epochs = [list(sampler) for _ in range(2)]
        sampler.load_state_dict(sampler.state_at(1, 4))
        assert list(self.skipper(sampler, 4)) == epochs[1][4:]
        sampler.load_state_dict(sampler.state_at(1, 4))
        with pytest.raises(ValueError, match="is to skip 3 batches of epoch 1, but the sampler was restored after 4"):
            list(self.skipper(sampler, 3))
