"""Runs with accelerate: interrupted in one process, gone on with in another."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState, PartialState
from accelerate.utils import DataLoaderConfiguration
from torch.utils.data import DataLoader, TensorDataset

from integration_cases import weighted
from integration_cases.runs import (
    BATCH_SIZE,
    N_EPOCHS,
    N_ROWS,
    SEEDS,
    Indices,
    Recorder,
    make_sampler,
    message,
    samples,
    stop_of,
)
from saln.integrations.accelerate import prepare_loader, select_data
from saln.integrations.tensorboard import SelectionLog


def loader_of(seed: int, **options) -> DataLoader:
    return DataLoader(Indices(), batch_sampler=make_sampler(seed, **options), num_workers=2 * (seed % 6 == 5))


def prepared(seed: int):
    """One of the selectors gives weights, which the recorder has no use for."""
    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    model = Recorder()
    wrapped, optimizer = accelerator.prepare(model, torch.optim.SGD(model.parameters(), lr=1e-3))
    return accelerator, wrapped, optimizer, prepare_loader(accelerator, loader_of(seed), weights_applied=True), model


def train(accelerator, wrapped, optimizer, loader, stop: int | None = None, name_epochs: bool = False) -> None:
    steps = 0
    while loader.place[0] < N_EPOCHS and loader.place != (N_EPOCHS - 1, len(loader)):
        if name_epochs:
            loader.set_epoch(loader.place[0] + (loader.place[1] == len(loader)))
        for batch in loader:
            with accelerator.accumulate(wrapped):
                accelerator.backward(wrapped(batch))
                optimizer.step()
                optimizer.zero_grad()
            steps += 1
            if steps == stop:
                return


def interrupt(folder):
    """Each run breaks off at its step, with its state saved; what it was trained on."""
    result = []
    for seed in SEEDS:
        accelerator, wrapped, optimizer, loader, model = prepared(seed)
        train(accelerator, wrapped, optimizer, loader, stop_of(seed, accelerator.num_processes))
        accelerator.save_state(os.path.join(folder, str(seed)))
        result.append(model.batches)
    return result


def resume(folder):
    """The rest of each run."""
    result = []
    for seed in SEEDS:
        accelerator, wrapped, optimizer, loader, model = prepared(seed)
        accelerator.load_state(os.path.join(folder, str(seed)))
        train(accelerator, wrapped, optimizer, loader, name_epochs=seed % 2 == 1)
        result.append(model.batches)
    return result


def limited(folder: Path) -> list[tuple[list[list[int]], list[list[int]]]]:
    """Trainings of two batches an epoch: in one go, and with a state loaded after each epoch."""
    result = []
    for seed in (0, 1, 3, 5):
        runs = []
        for saves in (False, True):
            accelerator, _, _, loader, _ = prepared(seed)
            batches = []
            for epoch in range(N_EPOCHS):
                loader.set_epoch(epoch)
                if saves and epoch:
                    accelerator.save_state(folder / f"{seed}")
                    accelerator, _, _, loader, _ = prepared(seed)
                    accelerator.load_state(folder / f"{seed}")
                walk = iter(loader)
                batches += [next(walk).tolist(), next(walk).tolist()]
            runs.append(batches)
        result.append(tuple(runs))
    return result


def weighted_training(folder: Path) -> dict[str, list[list[float]]]:
    """What trainings with weights lead to."""
    result = {}
    for name in weighted.SELECTORS:
        accelerator = Accelerator(cpu=True)
        model = weighted.model()
        wrapped, optimizer = accelerator.prepare(model, torch.optim.SGD(model.parameters(), lr=weighted.LEARNING_RATE))
        loader = DataLoader(weighted.data(), batch_sampler=weighted.make(name), num_workers=2 * (name == "guard"))
        loader = prepare_loader(accelerator, loader, weights_applied=True)
        for _ in range(weighted.N_EPOCHS):
            for inputs, labels in loader:
                optimizer.zero_grad()
                accelerator.backward((weighted.losses_of(wrapped(inputs), labels) * loader.weights).mean())
                optimizer.step()
        result[name] = model.weight.tolist()
    return result


def misuse(folder: Path) -> dict[str, Any]:
    """What goes wrong, in words, and what the other way of sharding gives; on two processes."""
    accelerator = Accelerator(cpu=True)
    twice = accelerator.prepare(loader_of(0))
    told = {"sharded twice": message(lambda: list(twice))}
    whole = loader_of(0, rank=0, world_size=1)
    told["not its rank"] = message(lambda: prepare_loader(accelerator, whole))
    told["no batch sampler"] = message(lambda: prepare_loader(accelerator, DataLoader(Indices())))
    longer = TensorDataset(torch.arange(N_ROWS + 1))
    loader = DataLoader(longer, batch_sampler=make_sampler(0))
    told["length"] = message(lambda: prepare_loader(accelerator, loader))
    loader = DataLoader(longer, batch_sampler=make_sampler(0, rank=0, world_size=1))
    told["length elsewhere"] = message(lambda: list(accelerator.prepare(loader)))
    infobatch = DataLoader(Indices(), batch_sampler=weighted.make("infobatch"))
    told["weights"] = message(lambda: prepare_loader(accelerator, infobatch))
    accelerator.even_batches = False
    told["sharded by accelerate"] = [batch.tolist() for batch in accelerator.prepare(whole)]
    loader = prepare_loader(accelerator, loader_of(0))
    told["skipped"] = [batch.tolist() for batch in accelerator.skip_first_batches(loader, 3)]
    next(iter(accelerator.skip_first_batches(loader, 1)))
    told["saved elsewhere"] = message(lambda: accelerator.save_state(folder / "never"))
    return told


def selected(folder: Path) -> tuple[int, int, list[list[int]], dict[str, str]]:
    """Batches an epoch without selection and with it; what is trained on in two epochs; and what does not fit."""
    accelerator = Accelerator(cpu=True)
    loader = DataLoader(Indices(), batch_size=BATCH_SIZE, shuffle=True)
    plain, options = accelerator.prepare(loader), {"features": samples()}
    chosen = select_data(accelerator, loader, method="saln", seed=3, filter_ratio=0.4, **options)
    batches = [batch.tolist() for _ in range(2) for batch in chosen]
    told = {
        "prepared": message(lambda: select_data(accelerator, plain, **options)),
        "weights": message(lambda: select_data(accelerator, loader, method="infobatch", **options)),
    }
    accelerator.dataloader_config.split_batches = True
    told["split"] = message(lambda: select_data(accelerator, loader, **options))
    return len(plain), len(chosen), batches, told


def dispatched(folder: Path) -> str:
    """What a loader says that hands one process's batches to all."""
    accelerator = Accelerator(cpu=True, dataloader_config=DataLoaderConfiguration(dispatch_batches=True))
    loader = accelerator.prepare(loader_of(0, rank=0, world_size=2))
    return message(lambda: list(loader))


def logged(folder: Path) -> None:
    """Figures of an epoch."""
    accelerator, wrapped, optimizer, loader, _ = prepared(0)
    log = SelectionLog(loader.spectral_sampler, folder / "accelerate", every=5)
    for batch in loader:
        accelerator.backward(wrapped(batch))
        optimizer.step()
        log.update(*loader.place)
    log.close()
