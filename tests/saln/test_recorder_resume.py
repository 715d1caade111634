"""A run that records, killed in mid-epoch, goes on as if it had not been: by any loader, with and without a memory."""

import copy
import pickle
import warnings

import pytest
import torch
from torchdata.stateful_dataloader import StatefulDataLoader

from recorder_cases import BATCH_SIZE, N_ROWS, Training, problem, sampler_of
from saln import SpectralBatchSampler

METHODS = ["jest", "infobatch", "gradient_logdet_learnable", "guard:jest", "portfolio", "selective_backprop"]


@pytest.mark.parametrize(
    ("method", "n_workers"), [*((method, 0) for method in METHODS), ("infobatch", 2), ("guard:jest", 1)]
)
def test_a_killed_run_goes_on_where_it_was(method, n_workers):
    whole = Training(sampler_of(method, n_epochs=3), n_workers)
    whole.sampler.remember(4)
    states = {}
    for epoch in range(3):
        for step, (x, y, indices) in enumerate(whole.loader):
            whole.step(x, y, indices)
            if (epoch, step + 1) in [(0, 1), (1, 6), (1, 15)]:
                states[epoch, step + 1] = whole.state(epoch, step + 1)
    weights = [whole.sampler.served_at(2, step).weights for step in range(15)]
    for (epoch, step), state in states.items():
        again = Training(sampler_of(method, n_epochs=3), n_workers)
        again.load(pickle.loads(pickle.dumps(state)))
        for _ in range(epoch if step < 15 else epoch + 1, 3):
            again.walk()
        assert again.batches == whole.batches[epoch * 15 + step :]
        for number, expected in enumerate(weights):
            found = again.sampler.served_at(2, number).weights
            assert found is expected is None or torch.equal(found, expected)
        for name in again.sampler.recorder.keeps:
            torch.testing.assert_close(
                again.sampler.recorder.values(name), whole.sampler.recorder.values(name), rtol=0, atol=0, equal_nan=True
            )


def test_other_batches_without_what_was_recorded():
    """So the test above can fail."""
    whole = Training(sampler_of("jest"))
    whole.walk(6)
    state = whole.state(0, 6)
    whole.walk()
    state["sampler"]["recorder"] = None
    again = Training(sampler_of("jest"))
    again.load(state)
    again.walk()
    assert again.batches != whole.batches[6:15]


def test_activations_are_part_of_the_state():
    whole = Training(sampler_of("gradient_logdet", activations=True))
    whole.walk(9)
    state = whole.state(0, 9)
    again = Training(sampler_of("gradient_logdet", activations=True))
    again.load(state)
    again.walk()
    uninterrupted = Training(sampler_of("gradient_logdet", activations=True))
    uninterrupted.walk()
    assert whole.batches + again.batches == uninterrupted.batches


def test_a_state_is_a_copy_that_torch_loads_safely(tmp_path):
    training = Training(sampler_of("gradient_logdet"))
    training.walk(5)
    state = training.sampler.state_dict()
    before = copy.deepcopy(state["recorder"])
    training.walk(3)
    for name, value in before["values"].items():
        assert torch.equal(state["recorder"]["values"][name].nan_to_num(), value.nan_to_num())
    assert torch.equal(state["recorder"]["steps"], before["steps"])
    torch.save(state, tmp_path / "state.pt")
    loaded = torch.load(tmp_path / "state.pt", weights_only=True)
    again = sampler_of("gradient_logdet")
    again.load_state_dict(loaded)
    assert torch.equal(again.recorder.values("losses").nan_to_num(), before["values"]["losses"].nan_to_num())
    again.reset()
    assert again.recorder.values("losses") is None
    assert again.recorder.n_records == 0


def test_stateful_loader_without_workers():
    x, y = problem()
    rows = [(*each, index) for index, each in enumerate(zip(x, y, strict=True))]
    whole = Training(sampler_of("jest"))
    whole.loader = StatefulDataLoader(rows, batch_sampler=whole.sampler)
    state = None
    for step, (inputs, labels, indices) in enumerate(whole.loader):
        whole.step(inputs, labels, indices)
        if step == 6:
            state = {**whole.state(0, 7), "loader": whole.loader.state_dict()}
    whole.walk()
    again = Training(sampler_of("jest"))
    again.loader = StatefulDataLoader(rows, batch_sampler=again.sampler)
    again.model.load_state_dict(state["model"])
    again.optimizer.load_state_dict(state["optimizer"])
    again.loader.load_state_dict(state["loader"])
    again.walk()
    again.walk()
    assert again.batches == whole.batches[7:]


def test_what_another_rank_recorded_is_taken_with_a_warning():
    x, y = problem()
    first, second = (
        SpectralBatchSampler(x, BATCH_SIZE, labels=y, selector="infobatch", rank=rank, world_size=2) for rank in (0, 1)
    )
    walk = iter(first)
    for _ in range(3):
        next(walk)
    first.recorder.record(torch.ones(BATCH_SIZE))
    state = first.state_at(0, 1)
    assert len(state["asked_ahead"]) == 2
    with pytest.warns(UserWarning, match="rank 1 goes on with what rank 0 recorded"):
        second.load_state_dict(state)
    assert second.recorder.values("losses").isfinite().sum() == BATCH_SIZE
    expected = set(second.order.super_batch(0, second._chooser.number_of(1)).tolist())
    assert set(next(iter(second))) <= expected  # its own, not those that rank 0 had asked for
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        third = SpectralBatchSampler(x, BATCH_SIZE, labels=y, selector="infobatch", rank=0, world_size=2)
        third.load_state_dict(state)
    assert [next(iter(third)), len(third.samples)] == [list(first.served_at(0, 1).indices), N_ROWS]
