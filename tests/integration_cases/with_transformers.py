"""Runs with the Hugging Face Trainer: broken off a step after a checkpoint, gone on with in another process."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.utils.data import Dataset, IterableDataset, Subset
from transformers import Trainer, TrainerCallback, TrainingArguments

from integration_cases import weighted
from integration_cases.runs import (
    BATCH_SIZE,
    N_EPOCHS,
    N_ROWS,
    SEEDS,
    Recorder,
    make_sampler,
    message,
    n_steps_of,
    samples,
    stop_of,
)
from saln import SpectralBatchSampler
from saln.integrations.tensorboard import SelectionLog
from saln.integrations.transformers import cross_entropy, select_data, use_sampler

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
    n, per_step = n_steps_of(seed, world_size), accumulation(seed)
    epochs, rest = divmod(steps, -(-n // per_step))
    return epochs * n + rest * per_step


def arguments_for(folder: Path, **options: Any) -> TrainingArguments:
    """Without output, on the CPU."""
    options = {"num_train_epochs": N_EPOCHS, "save_strategy": "no", **options}
    return TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=BATCH_SIZE,
        use_cpu=True,
        disable_tqdm=True,
        report_to=[],
        logging_strategy="no",
        **options,
    )


def make_trainer(
    folder: Path,
    seed: int,
    arguments: dict[str, Any] | None = None,
    *,
    sampler: SpectralBatchSampler | None = None,
    selection: dict[str, Any] | None = None,
    kind: type[Trainer] = Trainer,
    **options: Any,
) -> Any:
    """A new model with its trainer; one of the selectors gives weights, which the recorder has no use for."""
    defaults = {
        "gradient_accumulation_steps": accumulation(seed),
        "dataloader_num_workers": 2 * (seed % 6 == 5),
        "save_strategy": "steps",
        "save_steps": steps_of(seed, WORLD_SIZE),
        "save_total_limit": 1,
    }
    options = {"train_dataset": Named(), **options}
    arguments = arguments_for(folder / str(seed), **{**defaults, **(arguments or {})})
    trainer = kind(model=Model(), args=arguments, **options)
    return use_sampler(trainer, sampler or make_sampler(seed), **{"weights_applied": True, **(selection or {})})


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


def in_parts(folder: Path) -> dict[str, list[list[int]]]:
    """What trainings are trained on that stop at `max_steps`, and go on from the checkpoint made there."""
    result = {}
    for seed, strategy in ((0, "steps"), (1, "epoch"), (3, "steps"), (5, "steps"), (11, "epoch")):
        n_steps, batches = -(-n_steps_of(seed) // accumulation(seed)), []
        for max_steps in (2, n_steps, n_steps + 1, N_EPOCHS * n_steps):
            arguments = {"max_steps": max_steps, "save_strategy": strategy, "save_steps": 500}
            trainer = make_trainer(folder, seed, arguments)
            trainer.train(resume_from_checkpoint=bool(batches))
            batches += trainer.model.recorder.batches
        result[f"{seed} {strategy}"] = batches
    return result


class Rates(TrainerCallback):
    """Writes down the learning rate after every step."""

    def __init__(self) -> None:
        self.rates: list[float] = []

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.rates.append(kwargs["lr_scheduler"].get_last_lr()[0])


def schedules(folder: Path) -> list[list[float]]:
    """Learning rates of whole trainings: accumulated over 1 and 3 batches, each with selection and without."""
    result = []
    for accumulated in (1, 3):
        options = {
            "gradient_accumulation_steps": accumulated,
            "lr_scheduler_type": "cosine",
            "warmup_steps": 4,
        }
        for selects in (True, False):
            rates, arguments = Rates(), arguments_for(folder, **options)
            trainer = Trainer(Model(), arguments, train_dataset=Named(), callbacks=[rates])
            if selects:
                trainer = select_data(trainer, features=samples().features)
            trainer.train()
            result.append(rates.rates)
    return result


class Classifier(nn.Module):
    """Takes labels for its own loss, which is not weighted."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = weighted.model()

    def forward(self, inputs: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        logits = self.layer(inputs)
        loss = {} if labels is None else {"loss": nn.functional.cross_entropy(logits, labels)}
        return {**loss, "logits": logits}


def weighted_training(folder: Path) -> dict[str, tuple[list[list[float]], float, float]]:
    """What trainings with weights lead to, by steps of one batch and of three; the loss in evaluation, and by hand."""
    inputs, labels = weighted.data().tensors
    dataset = [{"inputs": row, "labels": label} for row, label in zip(inputs, labels, strict=True)]
    result = {}
    for name in weighted.SELECTORS:
        for accumulated in (1, 3):
            arguments = arguments_for(
                folder,
                num_train_epochs=weighted.N_EPOCHS,
                gradient_accumulation_steps=accumulated,
                dataloader_num_workers=2 * (name == "guard"),
                learning_rate=weighted.LEARNING_RATE,
                lr_scheduler_type="constant",
                optim="sgd",
                max_grad_norm=0.0,
            )
            trainer = Trainer(Classifier(), arguments, train_dataset=dataset, eval_dataset=dataset)
            use_sampler(trainer, weighted.make(name), sample_losses=cross_entropy)
            trainer.train()
            layer, evaluated = trainer.model.layer, trainer.evaluate()["eval_loss"]
            loss = weighted.losses_of(layer(inputs), labels).mean().item()
            result[f"{name} {accumulated}"] = layer.weight.tolist(), evaluated, loss
    return result


def recorded(folder: Path) -> dict[str, tuple[int, float | None]]:
    """Batches of which something was recorded, and how old it was at the end, by methods that read losses or more."""
    inputs, labels = weighted.data().tensors
    dataset = [{"inputs": row, "labels": label} for row, label in zip(inputs, labels, strict=True)]
    result = {}
    for name, options in {
        "jest": {"method": "jest"},
        "gradient_logdet": {"method": "gradient_logdet", "sample_losses": cross_entropy},
        "infobatch": {"method": "infobatch", "sample_losses": cross_entropy},
        "uniform": {"method": "uniform"},
        "given": {"method": "jest", "features": samples()},  # losses of the user's own stand
    }.items():
        trainer = Trainer(Classifier(), arguments_for(folder), train_dataset=dataset, eval_dataset=dataset)
        select_data(trainer, **{"features": samples().features, **options})
        trainer.train()
        trainer.evaluate()
        sampler = trainer.batch_sampler
        result[name] = sampler.recorder.n_records, sampler.served[-1].age
    return result


class EndEpochs(TrainerCallback):
    """After five batches each."""

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        control.should_epoch_stop = state.global_step % 5 == 0


class Weighing(Trainer):
    """Writes down the weights that its own loss would be multiplied with."""

    def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
        self.weights.append(self.batch_weights.tolist())  # of use_sampler
        return super().compute_loss(*args, **kwargs)


def ended_early(folder: Path) -> tuple[list[list[float]], str]:
    """Weights of epochs that a callback ends; and what going on from amid them says."""
    arguments = arguments_for(folder, save_strategy="steps", save_steps=7)
    trainer = Weighing(Model(), arguments, train_dataset=Named(), callbacks=[EndEpochs()])
    use_sampler(trainer, weighted.make("infobatch"), weights_applied=True)
    trainer.weights = []
    trainer.train()
    return trainer.weights, message(lambda: trainer.train(resume_from_checkpoint=str(folder / "checkpoint-7")))


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
    longer = Subset(Named(), [*range(N_ROWS), 0])
    told["length"] = message(lambda: make_trainer(folder, 0, train_dataset=longer).train())
    infobatch = weighted.make("infobatch")
    told["weights"] = message(lambda: make_trainer(folder, 0, sampler=infobatch, selection={"weights_applied": False}))
    told["two losses"] = message(
        lambda: make_trainer(
            folder, 0, compute_loss_func=cross_entropy, sampler=infobatch, selection={"sample_losses": cross_entropy}
        )
    )
    told["twice"] = message(lambda: use_sampler(trainer, trainer.batch_sampler))
    trainer.args.per_device_train_batch_size = 7
    told["batch size"] = message(trainer.train)
    return told


class Stream(IterableDataset[dict[str, int]]):
    """Gives samples in its own order."""

    def __iter__(self) -> Any:
        return iter(Named())


def refused(folder: Path) -> dict[str, str]:
    """Trainings whose batches are none of single samples in any order."""
    features = samples().features

    def select(dataset: Any = Named(), packing: bool = False, **options: Any) -> None:  # noqa: B008 - it is not changed
        arguments = arguments_for(folder, **options)
        arguments.packing = packing
        select_data(Trainer(Model(), arguments, train_dataset=dataset), features=features)

    return {
        "none": message(lambda: select(None)),
        "iterable": message(lambda: select(Stream(), max_steps=2)),
        "length": message(lambda: select(Subset(Named(), range(9)))),
        "packing": message(lambda: select(packing=True)),
        "by length": message(lambda: select(train_sampling_strategy="group_by_length")),
        "batch size": message(lambda: select(auto_find_batch_size=True)),
        "fine": message(select),
    }


def skipping(folder: Path) -> tuple[list[list[int]], int]:
    """The rest of a run whose checkpoint has no state of the sampler, which needs none."""
    with contextlib.suppress(Accident):
        make_trainer(folder, 0, callbacks=[BreakOff(n_steps_of(0) * N_EPOCHS - 1)]).train()
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
    make_trainer(folder, 1, sampler=sampler, selection={"log": log}).train()
    log.close()
