"""The batch sampler inside the loaders that people use, with and without workers."""

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset
from torchdata.stateful_dataloader import StatefulDataLoader

from saln import SpectralBatchSampler

N_ROWS, BATCH_SIZE = 83, 3  # 6 batches from super-batches of 13 or 14


def make_sampler(seed: int = 0) -> SpectralBatchSampler:
    data = torch.randn(N_ROWS, 4, generator=torch.Generator().manual_seed(2))
    return SpectralBatchSampler(data, BATCH_SIZE, passes=1, selector="spectral_candidates", n_candidates=5, seed=seed)


def make_loader(cls, workers: int, seed: int = 0, **options):
    return cls(TensorDataset(torch.arange(N_ROWS)), batch_sampler=make_sampler(seed), num_workers=workers, **options)


def batches_of(loader) -> list[list[int]]:
    return [batch.tolist() for (batch,) in loader]


def expected(epochs: int, seed: int = 0) -> list[list[list[int]]]:
    sampler = make_sampler(seed)
    return [[sampler.batch_at(epoch, step) for step in range(len(sampler))] for epoch in range(epochs)]


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("cls", [DataLoader, StatefulDataLoader])
def test_epochs_follow_each_other(cls, workers, persistent):
    if persistent and not workers:
        with pytest.raises(ValueError, match="persistent_workers"):
            make_loader(cls, workers, persistent_workers=True)
        return
    loader = make_loader(cls, workers, persistent_workers=persistent)
    assert len(loader) == 6
    assert [batches_of(loader) for _ in range(3)] == expected(3)


@pytest.mark.parametrize("workers", [0, 2])
def test_set_epoch_decides_in_a_plain_loader(workers):
    loader = make_loader(DataLoader, workers)
    epochs = expected(4)
    for epoch in (3, 0, 2):
        loader.batch_sampler.sampler.set_epoch(epoch)
        assert batches_of(loader) == epochs[epoch]


def run_until(loader, stop: int) -> list[list[int]]:
    """So many batches over as many epochs as it takes, the last epoch broken off."""
    done: list[list[int]] = []
    while True:
        for (batch,) in loader:
            done.append(batch.tolist())
            if len(done) == stop:
                return done


@pytest.mark.parametrize(("workers", "stops"), [(0, range(1, 18)), (2, (1, 2, 5, 6, 7, 11, 12))])
def test_a_stateful_loader_resumes_exactly(workers, stops):
    for stop in stops:
        uninterrupted = [batch for epoch in expected(4, seed=stop) for batch in epoch]
        loader = make_loader(StatefulDataLoader, workers, seed=stop)
        done = run_until(loader, stop)
        state = loader.state_dict()
        del loader
        resumed = make_loader(StatefulDataLoader, workers)
        resumed.load_state_dict(state)
        rest: list[list[int]] = []
        while len(rest) < 12 - stop % 6:
            rest += batches_of(resumed)
        assert done + rest == uninterrupted[: len(done) + len(rest)]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stateful_loader_saved_after_an_epoch_gives_a_whole_next_epoch(workers):
    epochs = expected(3)
    loader = make_loader(StatefulDataLoader, workers)
    assert batches_of(loader) == epochs[0]
    resumed = make_loader(StatefulDataLoader, workers)
    resumed.load_state_dict(loader.state_dict())
    assert batches_of(resumed) == epochs[1]
    assert batches_of(resumed) == epochs[2]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stateful_loader_saved_before_its_first_batch_starts_at_it(workers):
    state = make_loader(StatefulDataLoader, workers).state_dict()
    resumed = make_loader(StatefulDataLoader, workers)
    resumed.load_state_dict(state)
    assert batches_of(resumed) == expected(1)[0]


def test_a_sampler_s_own_state_in_a_plain_loader_without_workers():
    loader = make_loader(DataLoader, 0)
    done = run_until(loader, 8)
    resumed = make_loader(DataLoader, 0)
    resumed.batch_sampler.load_state_dict(loader.batch_sampler.state_dict())
    first, second, third = expected(3)
    assert done + batches_of(resumed) == first + second
    assert batches_of(resumed) == third
