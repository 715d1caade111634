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
    n_steps_of,
    samples,
    stop_of,
)
from saln.integrations.lightning import SpectralSelection, batch_weights, select_data
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


class Data(LightningDataModule):
    """With a sampler of its own."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.sampler, self.workers = make_sampler(seed), 2 * (seed % 6 == 5)

    def train_dataloader(self) -> DataLoader[Any]:
        """Sample i is i."""
        return DataLoader(Indices(), batch_sampler=self.sampler, num_workers=self.workers)

    def val_dataloader(self) -> DataLoader[Any]:
        """Asked for where there is a validation step."""
        return DataLoader(Indices(), batch_size=20)


class Accident(Exception):
    """The run breaks off."""


class BreakOff(Callback):
    def __init__(self, after: int) -> None:
        self.after = after

    def on_train_batch_start(self, trainer: Trainer, *args: Any) -> None:
        if trainer.global_step == self.after:
            raise Accident


def selection(data: Data) -> SpectralSelection:
    """Of the data module's sampler; one of the selectors gives weights, which the recorder has no use for."""
    return SpectralSelection(data.sampler, weights_applied=True)


def make_trainer(folder: Path, callbacks: list[Callback], **options: Any) -> Trainer:
    options = {"use_distributed_sampler": False, "max_epochs": N_EPOCHS, **options}
    return Trainer(
        accelerator="cpu",
        default_root_dir=folder,
        callbacks=callbacks,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        devices=WORLD_SIZE,
        strategy="ddp" if WORLD_SIZE > 1 else "auto",
        **options,
    )


def interrupt(folder: Path) -> list[list[list[int]]]:
    """What each run was trained on up to its checkpoint."""
    result = []
    for seed in SEEDS:
        stop = stop_of(seed, WORLD_SIZE)
        save = ModelCheckpoint(folder / str(seed), "kept", every_n_train_steps=stop, save_top_k=-1)
        module, data = Module(), Data(seed)
        trainer = make_trainer(folder, [selection(data), BreakOff(stop + (stop > 1)), save])
        with contextlib.suppress(Accident):
            trainer.fit(module, datamodule=data)
        result.append(module.model.batches[:stop])
    return result


def resume(folder: Path) -> list[list[list[int]]]:
    """The rest of each run."""
    result = []
    for seed in SEEDS:
        module, data = Module(), Data(seed)
        trainer = make_trainer(folder, [selection(data)])
        trainer.fit(module, datamodule=data, ckpt_path=folder / str(seed) / "kept.ckpt")
        result.append(module.model.batches)
    return result


class Validated(Module):
    def validation_step(self, batch: torch.Tensor) -> None:
        """Is there, so that Lightning validates."""


class Skipping(Module):
    def on_train_batch_start(self, batch: torch.Tensor, batch_idx: int) -> int | None:
        """Lightning skips the rest of its epoch."""
        return -1 if batch_idx == 5 else None


def part(
    folder: Path, seed: int, checkpoint: Path | None, saves: dict[str, Any], module: Module, **options: Any
) -> tuple[list[list[int]], Path]:
    """A training that may go on from a checkpoint: its batches, and the newest checkpoint that it leaves."""
    folder.mkdir()
    data = Data(seed)
    trainer = make_trainer(folder, [selection(data), ModelCheckpoint(folder, save_top_k=-1, **saves)], **options)
    trainer.fit(module, datamodule=data, ckpt_path=checkpoint)
    return module.model.batches, max(folder.glob("*.ckpt"), key=lambda file: file.stat().st_mtime)


def in_parts(folder: Path) -> dict[str, list[list[int]]]:
    """What trainings are trained on that stop by Lightning's own means, and go on from the checkpoints it makes."""
    result = {}
    for seed in (0, 1, 3, 5, 11):  # without memory and with, short epochs, workers
        n = n_steps_of(seed)
        divisor = 3 if n % 3 == 0 else 4
        accumulated, validated = {"accumulate_grad_batches": 3}, {"val_check_interval": 3}
        cases = {
            "amid epochs": ({}, Module, {}, [4, n + 2, 3 * n]),
            "every step": ({"every_n_train_steps": 1}, Module, {}, [n - 1, n, 3 * n]),
            "divisor": ({"every_n_train_steps": divisor}, Module, {}, [divisor, n, n + divisor, 3 * n]),
            "accumulated": ({}, Module, accumulated, [1, 4, 3 * -(-n // 3)]),
            "validated": ({"save_on_train_epoch_end": True}, Validated, validated, [4, n, 3 * n]),
            "skipping": ({"every_n_train_steps": 1}, Skipping, {}, [4, 7, n, 3 * n]),
        }
        for name, (saves, module, options, stops) in cases.items():
            checkpoint, batches = None, []
            for number, max_steps in enumerate(stops):
                options |= {"max_steps": max_steps, "max_epochs": -1}  # an epoch broken off counts as one
                new, checkpoint = part(folder / f"{seed} {name} {number}", seed, checkpoint, saves, module(), **options)
                batches += new
            result[f"{seed} {name}"] = batches
    return result


def limited(folder: Path) -> dict[str, list[list[int]]]:
    """What trainings of two batches an epoch are trained on: in one go, and from checkpoints."""
    result = {}
    for seed in (0, 1, 3, 5, 11):
        limit = {"limit_train_batches": 2}
        for name, parts in {"whole": [{}], "epochs": [{"max_epochs": 1}, {}], "steps": [{"max_steps": 3}, {}]}.items():
            checkpoint, batches = None, []
            for number, options in enumerate(parts):
                place, saves = folder / f"{seed} {name} {number}", {"every_n_train_steps": 1}
                new, checkpoint = part(place, seed, checkpoint, saves, Module(), **limit, **options)
                batches += new
            result[f"{seed} {name}"] = batches
    return result


def fitted_twice(folder: Path) -> list[list[list[int]]]:
    """A trainer that goes on without a checkpoint, after a stop amid an epoch; with workers and without."""
    result = []
    for seed in (0, 5):
        module, data = Module(), Data(seed)
        trainer = make_trainer(folder, [selection(data)], max_steps=4, enable_checkpointing=False)
        trainer.fit(module, datamodule=data)
        trainer.fit_loop.epoch_loop.max_steps = 6
        trainer.fit(module, datamodule=data)
        result.append(module.model.batches)
    return result


class Scheduled(Module):
    """Writes down its learning rate at every step; the schedule spans what Lightning says that training takes."""

    def __init__(self) -> None:
        super().__init__()
        self.rates: list[float] = []

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=1e-3)
        n_steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=n_steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None) -> None:
        self.rates.append(optimizer.param_groups[0]["lr"])
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)


def schedules(folder: Path) -> list[list[float]]:
    """Learning rates of whole trainings: accumulated over 1 and 3 batches, each with selection and without."""
    result = []
    for accumulated in (1, 3):
        options = {"accumulate_grad_batches": accumulated, "enable_checkpointing": False}
        loader = DataLoader(Indices(), batch_size=BATCH_SIZE, shuffle=True)
        module, trainer = Scheduled(), make_trainer(folder, [], **options)
        trainer.fit(module, select_data(trainer, loader, features=samples().features))
        plain = Scheduled()
        make_trainer(folder, [], use_distributed_sampler=True, **options).fit(plain, loader)
        result += [module.rates, plain.rates]
    return result


class Weighted(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.model = weighted.model()

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        return (weighted.losses_of(self.model(batch[0]), batch[1]) * batch_weights(self.trainer)).mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=weighted.LEARNING_RATE)


def weighted_training(folder: Path) -> dict[str, list[list[float]]]:
    """What trainings with weights lead to."""
    result = {}
    for name in weighted.SELECTORS:
        sampler = weighted.make(name)
        applied = SpectralSelection(sampler, weights_applied=True)
        module = Weighted()
        loader = DataLoader(weighted.data(), batch_sampler=sampler, num_workers=2 * (name == "guard"))
        trainer = make_trainer(folder, [applied], max_epochs=weighted.N_EPOCHS, enable_checkpointing=False)
        trainer.fit(module, loader)
        result[name] = module.model.weight.tolist()
    return result


class Predicting(Module):
    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.model(batch)


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
    own, data = {"use_distributed_sampler": True}, Data(0)
    outside = DataLoader(Indices(), batch_sampler=make_sampler(0))
    return {
        "with the callback": message(
            lambda: make_trainer(folder, [selection(data)], **own).fit(Module(), datamodule=data)
        ),
        "without": message(lambda: make_trainer(folder, [], **own).fit(Module(), outside)),
        "in the hook": message(lambda: make_trainer(folder, [], **own).fit(Hook())),
        "weights": message(
            lambda: make_trainer(folder, [SpectralSelection(weighted.make("infobatch"))]).fit(Module(), outside)
        ),
        "predict": message(lambda: make_trainer(folder, [], **own).predict(Predicting(), outside)),
    }


def other_misuse(folder: Path) -> dict[str, str]:
    """On one process."""
    sampler = make_sampler(0)
    longer = DataLoader(TensorDataset(torch.arange(N_ROWS + 1)), batch_sampler=sampler)
    loader = DataLoader(Indices(), batch_sampler=sampler)
    overfit = {"overfit_batches": 2, "enable_checkpointing": False}

    def selected(data: Any, given: Any = None, **options: Any) -> None:
        trainer = make_trainer(folder, [], enable_checkpointing=False)
        chosen = select_data(trainer, data, features=samples(), **options)
        trainer.fit(Module(), given or chosen)

    own = Data(0)
    return {
        "length": message(lambda: make_trainer(folder, [SpectralSelection(sampler)]).fit(Module(), longer)),
        "predict": message(lambda: make_trainer(folder, []).predict(Predicting(), loader)),
        "module": message(lambda: selected(Hook())),
        "not given": message(lambda: selected(DataLoader(Indices(), 3), DataLoader(Indices(), 3))),
        "selects already": message(lambda: selected(own)),
        "weights": message(lambda: selected(DataLoader(Indices(), 3), method="infobatch")),
        "overfit": message(lambda: make_trainer(folder, [SpectralSelection(sampler)], **overfit).fit(Module(), loader)),
    }


class Plain(LightningDataModule):
    """As a user has it; its loader is made anew in every epoch."""

    def setup(self, stage: str) -> None:
        """The dataset is there only from then on."""
        self.dataset = Indices()

    def train_dataloader(self) -> DataLoader[Any]:
        """Of what `setup` made."""
        return DataLoader(self.dataset, batch_size=BATCH_SIZE, shuffle=True, num_workers=0)


def selected_data_modules(folder: Path) -> list[list[list[int]]]:
    """What is trained on by select_data: from a loader; from a data module, in one go and in two parts."""

    def fit(data: Any, checkpoint: Path | None = None, **options: Any) -> tuple[list[list[int]], Trainer]:
        module, trainer = Module(), make_trainer(folder, [], enable_checkpointing=False, **options)
        chosen = select_data(trainer, data, features=samples(), method="saln", filter_ratio=0.4, seed=1)
        trainer.fit(module, chosen, ckpt_path=checkpoint)
        return module.model.batches, trainer

    anew = {"reload_dataloaders_every_n_epochs": 1}
    first, trainer = fit(Plain(), max_steps=20, max_epochs=-1, **anew)
    trainer.save_checkpoint(folder / "selected.ckpt")
    rest, _ = fit(Plain(), folder / "selected.ckpt", max_steps=N_EPOCHS * 16, max_epochs=-1)
    return [fit(DataLoader(Indices(), BATCH_SIZE, shuffle=True))[0], fit(Plain(), **anew)[0], first + rest]


def logged(folder: Path) -> None:
    """Figures of an epoch."""
    loader = DataLoader(Indices(), batch_sampler=make_sampler(0), num_workers=2)
    log = SelectionLog(loader.batch_sampler, folder / "lightning", every=5)
    make_trainer(folder, [SpectralSelection(loader.batch_sampler, log)], max_steps=10).fit(Module(), loader)
    log.close()
