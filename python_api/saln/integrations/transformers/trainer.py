"""A Trainer that trains on a sampler's batches: what its class is changed into."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from saln.datasets import load_state
from saln.integrations.accelerate import prepare_loader
from saln.integrations.loaders import arguments_of, refuse_iterable
from saln.integrations.needs import refuse_dropping_weights, weights_at
from saln.integrations.transformers.follow import FILE, Follow
from saln.integrations.transformers.losses import SampleLosses
from saln.sampling.sampler import SpectralBatchSampler

if TYPE_CHECKING:
    from saln.integrations.tensorboard import SelectionLog


class SelectingTrainer:
    """The methods of a Trainer that differ where a `SpectralBatchSampler` makes its batches. Made by `use_sampler`.

    On several processes each chooses its own share of the batches. `train` without a checkpoint starts the sampler
    anew; with one, the batches that were trained on are neither chosen nor loaded again.
    """

    args: TrainingArguments
    batch_sampler: SpectralBatchSampler
    _sample_losses: SampleLosses | None
    _records: str  # "losses" of _sample_losses, "logits", or "" where the method reads nothing that is to be recorded
    _follow: Follow

    @property
    def batch_weights(self) -> Tensor:
        """In a training step: what to multiply the losses with, `[size]`; ones if there are no weights."""
        return weights_at(self.batch_sampler, self._follow.place, self.args.device)

    def get_train_dataloader(self) -> DataLoader[Any]:
        """The Trainer's own, with other batches."""
        if self.batch_sampler.batch_size != self.args.train_batch_size:
            raise ValueError(
                f"the batch sampler's batch_size is {self.batch_sampler.batch_size}, the arguments' train_batch_size "
                f"{self.args.train_batch_size}: want the same"
            )
        # The Trainer knows best which columns of the dataset to drop, and how.
        own = super().get_train_dataloader()  # type: ignore[misc]
        accelerator = self.accelerator  # type: ignore[attr-defined]
        accelerator._dataloaders.remove(own)
        loader = DataLoader(own.dataset, batch_sampler=self.batch_sampler, **arguments_of(own))
        return prepare_loader(accelerator, loader, weights_applied=True)

    def train(self, resume_from_checkpoint: str | os.PathLike[str] | bool | None = None, **kwargs: Any) -> Any:
        """As the Trainer's; the sampler goes on where the checkpoint was saved."""
        if isinstance(resume_from_checkpoint, bool):
            resume_from_checkpoint = get_last_checkpoint(self.args.output_dir) if resume_from_checkpoint else None
        self.batch_sampler.reset()
        if resume_from_checkpoint and self.args.ignore_data_skip:
            raise ValueError("ignore_data_skip is True, want False: what was trained on is not computed again")
        self._follow.restored = None
        if resume_from_checkpoint:
            self._restore_sampler(Path(resume_from_checkpoint) / FILE)
        return super().train(resume_from_checkpoint, **kwargs)  # type: ignore[misc]

    def _restore_sampler(self, path: Path) -> None:
        if path.is_file():
            self.batch_sampler.load_state_dict(load_state(path))
            self._follow.restored = self.batch_sampler.next_place
        elif self.batch_sampler.has_memory:
            raise ValueError(
                f"{path} is not there, and without it the selector's memory is lost: go on from a checkpoint that was "
                "saved with selection"
            )

    def compute_loss(self, model: nn.Module, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """As the Trainer's; what the method reads, and nobody has given, is recorded of the model's last layer."""
        with self.batch_sampler.recorder(model) if self._records == "logits" else nullcontext():
            return super().compute_loss(model, inputs, *args, **kwargs)  # type: ignore[misc]

    def _weighted_loss(self, outputs: Any, labels: Any, num_items_in_batch: Tensor | int | None = None) -> Tensor:
        """What the Trainer minimises with `sample_losses`; without weights in evaluation."""
        assert self._sample_losses is not None
        losses = self._sample_losses(outputs, labels)  # [size]
        if losses.shape != (len(labels),):
            raise ValueError(f"sample_losses is of shape {list(losses.shape)}, want [{len(labels)}], one per sample")
        n_labels: Any = len(labels) if num_items_in_batch is None else num_items_in_batch
        if self.model.training:  # type: ignore[attr-defined]
            if self._records == "losses":
                self.batch_sampler.recorder.record(losses)
            losses = losses * self.batch_weights
            if num_items_in_batch is None:
                n_labels *= self.current_gradient_accumulation_steps  # type: ignore[attr-defined]
        loss: Tensor = losses.sum() / n_labels
        return loss


def use_sampler(
    trainer: Any,
    batch_sampler: SpectralBatchSampler,
    *,
    log: SelectionLog | None = None,
    sample_losses: SampleLosses | None = None,
    weights_applied: bool = False,
) -> Any:
    """Let a Trainer train on the batches of a sampler, whose state goes into every checkpoint. `select_data` calls it.

    Parameters
    ----------
    trainer : Trainer
        Of any subclass; its class becomes one of that class.
    batch_sampler : SpectralBatchSampler
        Of the training dataset. Its batch size is the arguments' `train_batch_size`.
    log, sample_losses, weights_applied
        As of `select_data`.

    Raises
    ------
    ValueError
        As `select_data` does.
    """
    arguments = trainer.args
    if isinstance(trainer, SelectingTrainer):
        raise ValueError("the trainer trains on selected data already, want one that was not given to select_data")
    if sample_losses is not None:
        if trainer.compute_loss_func is not None or arguments.label_smoothing_factor:
            raise ValueError(
                "sample_losses decides the loss, and so does compute_loss_func or label_smoothing_factor: want one of "
                "them"
            )
    elif not weights_applied:
        refuse_dropping_weights(
            batch_sampler,
            "give sample_losses, a function of outputs and labels as saln.integrations.transformers.cross_entropy, "
            "or multiply the losses with the trainer's batch_weights and say weights_applied=True",
        )
    refuse_training(trainer)
    batch_sampler.check_dataset(trainer.train_dataset)
    own = type(trainer)
    trainer.__class__ = type(own.__name__, (SelectingTrainer, own), {"__module__": own.__module__})
    trainer.batch_sampler = batch_sampler
    trainer._sample_losses = sample_losses
    wants = batch_sampler.recorder.wants(batch_sampler.samples)
    trainer._records = "" if not wants else "losses" if sample_losses and "residuals" not in wants else "logits"
    if sample_losses is not None:
        trainer.compute_loss_func = trainer._weighted_loss
    trainer._follow = Follow(batch_sampler, log)
    trainer.add_callback(trainer._follow)
    return trainer


def refuse_training(trainer: Any) -> None:
    """Raise a ValueError if a Trainer's batches are not those of its dataset's samples in a random order."""
    arguments, dataset = trainer.args, trainer.train_dataset
    if dataset is None:
        raise ValueError("the trainer's train_dataset is None, want the dataset that the features are of")
    if getattr(arguments, "packing", False):
        raise ValueError(
            "the arguments' packing is True, want False: it puts several samples into one, so that their number and "
            "order are no longer those of the features"
        )
    refuse_iterable(dataset)
    if arguments.train_sampling_strategy != "random":
        raise ValueError(
            f"the arguments' train_sampling_strategy is {arguments.train_sampling_strategy!r}, want 'random': the "
            "order is the selection's"
        )
    if arguments.auto_find_batch_size:
        raise ValueError("the arguments' auto_find_batch_size is True, want False: batches are chosen of one size")
    if trainer.accelerator.split_batches and arguments.world_size > 1:
        raise ValueError("split_batches is True, want False: the batch size is to be that of each process")
