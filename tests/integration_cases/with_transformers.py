"""Runs with the Hugging Face Trainer: broken off a step after a checkpoint, gone on with in another process."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.utils.data import Dataset
from transformers import Trainer, TrainerCallback, TrainingArguments

from integration_cases.runs import BATCH_SIZE, N_EPOCHS, N_ROWS, SEEDS, Recorder, make_sampler, message, stop_of
from saln.integrations.tensorboard import SelectionLog
from saln.integrations.transformers import SpectralTrainerMixin

WORLD_SIZE = int(os.environ.get("WORLD_SIZE", "1"))


class Named(Dataset[dict[str, int]]):
    """Sample i is i, with a column that the model does not take."""

    def __len__(self) -> int:
        return N_ROWS

    def __getitem__(self, index: int) -> dict[str, int]:
        return {"indices": index, "comment": -1}


class Model(nn.Module):
    """As the Trainer wants it."""

    def __init__(self) -> None:
        super().__init__()
        self.recorder = Recorder()

    def forward(self, indices: Tensor) -> dict[str, Tensor]:
        """The loss."""
        return {"loss": self.recorder(indices)}


class SpectralTrainer(SpectralTrainerMixin, Trainer):
    """What a user writes."""


class Accident(Exception):
    """The run breaks off."""


class BreakOff(TrainerCallback):
    """After so many steps."""

    def __init__(self, after: int) -> None:
        self.after = after

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The step after them has its batches."""
        if state.global_step == self.after:
            raise Accident


def accumulation(seed: int) -> int:
    """Batches a step: with 3 an epoch's last step has fewer."""
    return 3 if seed % 4 == 1 else 1


def steps_of(seed: int, world_size: int) -> int:
    """After how many steps to break off."""
    return max(1, stop_of(seed, world_size) // accumulation(seed))


def batches_of(steps: int, seed: int, world_size: int) -> int:
    """How many batches so many steps are."""
    n, per_step = 10 // world_size, accumulation(seed)
    epochs, rest = divmod(steps, -(-n // per_step))
    return epochs * n + rest * per_step


def make_trainer(folder: Path, seed: int, **options: Any) -> SpectralTrainer:
    """A new model with its trainer."""
    arguments = TrainingArguments(
        output_dir=str(folder / str(seed)),
        per_device_train_batch_size=BATCH_SIZE,
        gradient_accumulation_steps=accumulation(seed),
        num_train_epochs=N_EPOCHS,
        dataloader_num_workers=2 * (seed % 6 == 5),
        save_strategy="steps",
        save_steps=steps_of(seed, WORLD_SIZE),
        save_total_limit=1,
        use_cpu=True,
        disable_tqdm=True,
        report_to=[],
        logging_strategy="no",
    )
    options = {"batch_sampler": make_sampler(seed), **options}
    return SpectralTrainer(model=Model(), args=arguments, train_dataset=Named(), **options)


def interrupt(folder: Path) -> list[list[list[int]]]:
    """What each run was trained on up to its checkpoint."""
    result = []
    for seed in SEEDS:
        steps = steps_of(seed, WORLD_SIZE)
        trainer = make_trainer(folder, seed, callbacks=[BreakOff(steps + (steps > 1))])
        with contextlib.suppress(Accident):
            trainer.train()
        result.append(trainer.model.recorder.batches[: batches_of(steps, seed, WORLD_SIZE)])
    return result


def resume(folder: Path) -> list[list[list[int]]]:
    """The rest of each run."""
    result = []
    for seed in SEEDS:
        trainer = make_trainer(folder, seed)
        trainer.train(resume_from_checkpoint=True)
        result.append(trainer.model.recorder.batches)
    return result


def misuse(folder: Path) -> dict[str, str]:
    """What goes wrong, in words."""
    trainer = make_trainer(folder, 1)
    trainer.train()
    told = {}
    (checkpoint,) = (folder / "1").glob("checkpoint-*")
    trainer.args.ignore_data_skip = True
    told["ignored"] = message(lambda: trainer.train(resume_from_checkpoint=True))
    trainer.args.ignore_data_skip = False
    (checkpoint / "saln_batch_sampler.pt").unlink()
    told["no state"] = message(lambda: trainer.train(resume_from_checkpoint=str(checkpoint)))
    trainer.args.per_device_train_batch_size = 7
    told["batch size"] = message(
        lambda: SpectralTrainer(
            model=Model(), args=trainer.args, train_dataset=Named(), batch_sampler=trainer.batch_sampler
        )
    )
    return told


def skipping(folder: Path) -> tuple[list[list[int]], int]:
    """The rest of a run whose checkpoint has no state of the sampler, which needs none."""
    with contextlib.suppress(Accident):
        make_trainer(folder, 0, callbacks=[BreakOff(29)]).train()
    (checkpoint,) = (folder / "0").glob("checkpoint-*")
    (checkpoint / "saln_batch_sampler.pt").unlink()
    trainer = make_trainer(folder, 0)
    chosen = []
    select = trainer.batch_sampler.selector.select
    trainer.batch_sampler.selector.select = lambda *args, **options: chosen.append(1) or select(*args, **options)
    trainer.train(resume_from_checkpoint=str(checkpoint))
    return trainer.model.recorder.batches, len(chosen)


def logged(folder: Path) -> None:
    """Figures of an epoch, three batches a step."""
    sampler = make_sampler(1)
    log = SelectionLog(sampler, folder / "transformers", every=5)
    make_trainer(folder, 1, batch_sampler=sampler, selection_log=log).train()
    log.close()
