"""Which batch training is at, whatever loops do: broken off, asked ahead, in parts, or longer than usual."""

import itertools
from collections import deque

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder_cases import BATCH_SIZE, N_ROWS, Training, Watching, check_recorded, problem, sampler_of
from saln import SuperBatch
from saln.pilot import PilotConfig, PilotSampler
from saln.selectors import InfoBatch


def test_parts_of_a_batch_belong_to_its_step():
    sampler = sampler_of(Watching("losses"))
    walk = iter(sampler)
    batches = [next(walk) for _ in range(3)]  # of one pass: no sample twice
    step_of = {row: step for step, batch in enumerate(batches) for row in batch}
    for batch in batches:
        sampler.recorder.record(torch.ones(4), batch[:4])
        sampler.recorder.record(torch.ones(4), batch[4:])
    next(walk)
    ages = [3 - step_of[row] for row in sampler.offered_at(0, 3).tolist() if row in step_of]
    assert sampler.served[-1].age == pytest.approx(sum(ages) / len(ages))


def test_a_broken_off_epoch_leaves_nothing_to_record():
    training = Training(sampler_of("infobatch"), n_workers=2)
    training.walk(5)
    training.walk()
    check_recorded(training)


@pytest.mark.parametrize("n_steps", [6, 14])
def test_a_loop_that_breaks_off_before_it_records(n_steps):
    training = Training(sampler_of("infobatch"))
    for _ in range(2):
        for step, batch in enumerate(training.loader):
            if step == n_steps:
                break
            training.step(*batch)
        check_recorded(training)


loops = st.lists(
    st.tuples(st.integers(1, 15), st.integers(0, 5), st.sampled_from([None, 0, 4])), min_size=1, max_size=5
)


@given(loops)
@settings(deadline=None, max_examples=60)
def test_records_are_of_the_batches_trained_on_whatever_loops_do(loops):
    """They ask ahead, leave epochs early, and name epochs: every record is of the batch that the loop was at."""
    sampler, number, expected = sampler_of("infobatch"), 0.0, {}
    for n_steps, ahead, epoch in loops:
        if epoch is not None:
            sampler.set_epoch(epoch)
        walk = iter(sampler)
        asked = deque(itertools.islice(walk, ahead))
        for _ in range(n_steps):
            asked.extend(itertools.islice(walk, 1))
            batch = asked.popleft()
            number += 1
            sampler.recorder.record(torch.full((BATCH_SIZE,), number))
            expected |= dict.fromkeys(batch, number)
        # One batch alone that is left of an epoch asked for to its end may be to come: it is no longer waited for.
        if len(asked) == 1 and next(walk, None) is None:
            number += 1
            sampler.recorder.record(torch.full((BATCH_SIZE,), number))
            expected |= dict.fromkeys(asked[0], number)
    kept = sampler.recorder.values("losses")
    assert {row: kept[row].item() for row in kept.isfinite().nonzero().squeeze(1).tolist()} == expected


def test_a_loader_that_looks_one_batch_ahead_may_begin_the_next_epoch():
    sampler = sampler_of("infobatch")

    def batches():
        for _ in range(2):
            yield from sampler

    def one_ahead(source):
        before = next(source)
        for each in source:
            yield before
            before = each
        yield before

    expected = {}
    for number, batch in enumerate(one_ahead(batches())):
        sampler.recorder.record(torch.full((BATCH_SIZE,), float(number)))
        expected |= dict.fromkeys(batch, float(number))
    kept = sampler.recorder.values("losses")
    assert {row: kept[row].item() for row in expected} == expected


def test_a_pilot_s_longer_epochs_are_recorded_in_order():
    x, y = problem()
    samples = SuperBatch(x, labels=y, indices=torch.arange(N_ROWS))
    config = PilotConfig(batch_size=BATCH_SIZE)
    training = Training(PilotSampler(samples, config, InfoBatch(), seed=0, stretch=2.0), n_workers=2)
    training.walk()
    assert len(training.batches) == 30
    check_recorded(training)
