"""Runs with Lightning: broken off by an error a step after a checkpoint, gone on with in another process."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader

from integration_cases.runs import N_EPOCHS, SEEDS, Indices, Recorder, make_sampler, message, stop_of
from saln.integrations.lightning import SpectralDataModule, SpectralSelection
from saln.integrations.tensorboard import SelectionLog

WORLD_SIZE = int(os.environ.get("WORLD_SIZE", "1"))
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore", module="lightning")


class Module(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.model = Recorder()

    def training_step(self, batch: torch.Tensor) -> torch.Tensor:
        return self.model(batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1e-3)


class Data(SpectralDataModule, LightningDataModule):
    train_dataset = Indices()

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed
        self.loader_options = {"num_workers": 2 * (seed % 6 == 5)}

    def make_batch_sampler(self):
        return make_sampler(self.seed)


class Accident(Exception):
    """The run breaks off."""


class BreakOff(Callback):
    def __init__(self, after: int) -> None:
        self.after = after

    def on_train_batch_start(self, trainer: Trainer, *args: Any) -> None:
        if trainer.global_step == self.after:
            raise Accident


def make_trainer(folder: Path, callbacks: list[Callback], **options: Any) -> Trainer:
    return Trainer(
        accelerator="cpu",
        max_epochs=N_EPOCHS,
        default_root_dir=folder,
        callbacks=callbacks,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        devices=WORLD_SIZE,
        strategy="ddp" if WORLD_SIZE > 1 else "auto",
        **{"use_distributed_sampler": False, **options},
    )


def interrupt(folder: Path) -> list[list[list[int]]]:
    """What each run was trained on up to its checkpoint."""
    result = []
    for seed in SEEDS:
        stop = stop_of(seed, WORLD_SIZE)
        save = ModelCheckpoint(folder / str(seed), "kept", every_n_train_steps=stop, save_top_k=-1)
        module = Module()
        trainer = make_trainer(folder, [SpectralSelection(), BreakOff(stop + (stop > 1)), save])
        with contextlib.suppress(Accident):
            trainer.fit(module, datamodule=Data(seed))
        result.append(module.model.batches[:stop])
    return result


def resume(folder: Path) -> list[list[list[int]]]:
    """The rest of each run."""
    result = []
    for seed in SEEDS:
        module, data = Module(), Data(seed)
        trainer = make_trainer(folder, [SpectralSelection()])
        trainer.fit(module, datamodule=data, ckpt_path=folder / str(seed) / "kept.ckpt")
        result.append(module.model.batches)
    return result


class Hook(LightningModule):
    """Makes its sampler where Lightning writes down how."""

    def train_dataloader(self) -> DataLoader[Any]:
        """Without the callback."""
        return DataLoader(Indices(), batch_sampler=make_sampler(0))

    training_step = Module.training_step
    configure_optimizers = Module.configure_optimizers

    def __init__(self) -> None:
        super().__init__()
        self.model = Recorder()


def misuse(folder: Path) -> dict[str, str]:
    """What goes wrong, in words; on two processes."""
    own = {"use_distributed_sampler": True}
    outside = DataLoader(Indices(), batch_sampler=make_sampler(0))
    return {
        "with the callback": message(
            lambda: make_trainer(folder, [SpectralSelection()], **own).fit(Module(), datamodule=Data(0))
        ),
        "without": message(lambda: make_trainer(folder, [], **own).fit(Module(), outside)),
        "in the hook": message(lambda: make_trainer(folder, [], **own).fit(Hook())),
        "no sampler": message(lambda: make_trainer(folder, [SpectralSelection()]).fit(Module(), outside)),
        "not written": message(lambda: SpectralDataModule().batch_sampler),
    }


def logged(folder: Path) -> None:
    """Figures of an epoch."""
    loader = DataLoader(Indices(), batch_sampler=make_sampler(0), num_workers=2)
    log = SelectionLog(loader.batch_sampler, folder / "lightning", every=5)
    make_trainer(folder, [SpectralSelection(loader.batch_sampler, log)], max_steps=10).fit(Module(), loader)
    log.close()
