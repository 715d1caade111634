"""One line for a Hugging Face Trainer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar

from transformers import TrainingArguments

from saln.integrations.make_sampler import Features, Labels, make_sampler
from saln.integrations.transformers.losses import SampleLosses
from saln.integrations.transformers.trainer import refuse_training, use_sampler

if TYPE_CHECKING:
    from saln.integrations.tensorboard import SelectionLog

AnyTrainer = TypeVar("AnyTrainer")


def select_data(
    trainer: AnyTrainer,
    *,
    features: Features,
    labels: Labels | None = None,
    method: str = "auto",
    seed: int = 0,
    log: SelectionLog | None = None,
    sample_losses: SampleLosses | None = None,
    weights_applied: bool = False,
    **options: Any,
) -> AnyTrainer:
    """Let a Trainer train on chosen batches; steps, schedule and epochs stay as they are, and checkpoints are exact.

    Parameters
    ----------
    trainer : Trainer
        With its training dataset; of any subclass, TRL's `SFTTrainer` among them.
    features, labels, method, seed, **options
        As of `saln.select_data`; `n_epochs` is the trainer's if not given.
    log : SelectionLog, optional
        Is told of every step.
    sample_losses : callable, optional
        Of the model's outputs and the labels: each sample's loss, `[size]`, summed over its labels where it has several
        (`cross_entropy` for a classifier, `next_token_cross_entropy` for a causal language model). The training then
        minimises their sum over the number of labels, each multiplied with its sample's weight: how a method that gives
        weights is to be trained with. The model is called without labels, as with `compute_loss_func`.
    weights_applied : bool
        Whether the trainer's own loss is multiplied with its `batch_weights`, as in a `compute_loss` of one's own.

    Returns
    -------
    Trainer
        The same object. It has two attributes more: `batch_sampler`, and in a training step `batch_weights`.

    Raises
    ------
    TypeError
        If features are of another kind.
    ValueError
        If there is no training dataset, if it is iterable or has another number of samples than the features; with
        packing, `auto_find_batch_size`, or a `train_sampling_strategy` of one's own; if the method gives weights that
        nothing applies; if `sample_losses` and another loss are given. From `train`, if a checkpoint to go on from
        lacks the sampler's state and the method has a memory, if epochs before it were ended early, or with
        `ignore_data_skip`.

    Examples
    --------
    >>> import torch
    >>> from transformers import Trainer, TrainingArguments
    >>> from saln.integrations.transformers import select_data
    >>> rows = [{"x": row, "labels": 0} for row in torch.eye(40)]
    >>> trainer = Trainer(torch.nn.Linear(40, 2), TrainingArguments("runs", use_cpu=True), train_dataset=rows)
    >>> trainer = select_data(trainer, features=torch.eye(40))
    >>> len(trainer.get_train_dataloader())
    5
    """
    refuse_training(trainer)
    arguments, dataset = trainer.args, trainer.train_dataset  # type: ignore[attr-defined]
    defaults = {"drop_last": arguments.dataloader_drop_last, "n_epochs": _n_epochs(arguments, len(dataset))}
    sampler = make_sampler(
        dataset,
        arguments.train_batch_size,
        features=features,
        labels=labels,
        method=method,
        seed=seed,
        **{**defaults, **options},
    )
    use_sampler(trainer, sampler, log=log, sample_losses=sample_losses, weights_applied=weights_applied)
    return trainer


def _n_epochs(arguments: TrainingArguments, n_samples: int) -> int:
    """Epochs of a training, for methods that change over it."""
    per_step = arguments.train_batch_size * arguments.gradient_accumulation_steps * arguments.world_size
    by_steps = arguments.max_steps * per_step / max(1, n_samples)
    return int(max(1, math.ceil(by_steps if arguments.max_steps > 0 else arguments.num_train_epochs)))
