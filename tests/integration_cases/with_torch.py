"""Runs with PyTorch's own means: torchdata's stateful loader, plain loaders in DistributedDataParallel."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader

from integration_cases.runs import N_EPOCHS, SEEDS, Indices, Recorder, make_sampler, n_steps_of, stop_of

WORLD_SIZE = int(os.environ.get("WORLD_SIZE", "1"))
STATEFUL_RUNS = [(seed, 0) for seed in range(40)] + [(seed, 2) for seed in range(40, 52)]  # seed, workers


def stateful_loader(seed: int, workers: int) -> StatefulDataLoader[Any]:
    """Its batch sampler chooses ahead in every third run."""
    sampler = make_sampler(seed, ahead=2 * (seed % 3 == 0))
    return StatefulDataLoader(Indices(), batch_sampler=sampler, num_workers=workers)


def drawn(loader: StatefulDataLoader[Any], count: int) -> list[list[int]]:
    """So many batches over as many epochs as it takes, the last epoch broken off."""
    batches: list[list[int]] = []
    while len(batches) < count:
        for batch in loader:
            batches.append(batch.tolist())
            if len(batches) == count:
                break
    return batches


def interrupt_stateful(folder: Path) -> list[list[list[int]]]:
    """What comes before the state is saved; then two batches more."""
    result = []
    for seed, workers in STATEFUL_RUNS:
        loader = stateful_loader(seed, workers)
        stop = stop_of(seed)
        batches: list[list[int]] = []
        while len(batches) < stop:
            for batch in loader:
                batches.append(batch.tolist())
                if len(batches) == stop:
                    torch.save(loader.state_dict(), folder / f"{seed}.pt")
                elif len(batches) == stop + 2:
                    break
        result.append(batches[:stop])
    return result


def resume_stateful(folder: Path) -> list[list[list[int]]]:
    """The rest."""
    result = []
    for seed, workers in STATEFUL_RUNS:
        loader = stateful_loader(seed, workers)
        loader.load_state_dict(torch.load(folder / f"{seed}.pt"))
        result.append(drawn(loader, n_steps_of(seed) * N_EPOCHS - stop_of(seed)))
    return result


def trained(seed: int, state: dict[str, Any] | None, folder: Path) -> list[list[int]]:
    """From a state or the start; without one the state after some steps is saved, and the run breaks off after more."""
    model = Recorder()
    wrapped = DistributedDataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    loader = DataLoader(Indices(), batch_sampler=make_sampler(seed, ahead=seed % 3), num_workers=2 * (seed % 6 == 5))
    sampler, stop = loader.batch_sampler, stop_of(seed, WORLD_SIZE)
    sampler.remember(5)
    if state is not None:
        sampler.load_state_dict(state)
    while sampler.epoch < N_EPOCHS:
        epoch, step = sampler.next_place
        for batch in loader:
            optimizer.zero_grad()
            wrapped(batch).backward()
            optimizer.step()
            step += 1
            if state is None and len(model.batches) == stop:
                if dist.get_rank() == 0:
                    torch.save(sampler.state_at(epoch, step), folder / f"ddp{seed}.pt")
                return model.batches
    return model.batches


def interrupt_ddp(folder: Path) -> list[list[list[int]]]:
    """Rank 0 saves for all."""
    dist.init_process_group("gloo")
    return [trained(seed, None, folder) for seed in SEEDS]


def resume_ddp(folder: Path) -> list[list[list[int]]]:
    """The rest."""
    dist.init_process_group("gloo")
    return [trained(seed, torch.load(folder / f"ddp{seed}.pt"), folder) for seed in SEEDS]
