"""The batch sampler with the Hugging Face Trainer: a mixin that trains on its batches and makes checkpoints exact."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from saln.integrations.needs import missing, refuse_dropping_weights, weights_at
from saln.sampling.ahead import Place
from saln.sampling.sampler import SpectralBatchSampler

try:
    from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
    from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR, get_last_checkpoint

    from saln.integrations.accelerate import ARGUMENTS, prepare_loader
except ImportError as error:
    raise missing("transformers", error) from error

if TYPE_CHECKING:
    from saln.integrations.tensorboard import SelectionLog

FILE = "saln_batch_sampler.pt"
SampleLosses = Callable[[Any, Any], Tensor]


class SpectralTrainerMixin:
    """Mixin for a Trainer: batches by a `SpectralBatchSampler`, whose state goes into every checkpoint.

    Parameters
    ----------
    *args, **kwargs
        The Trainer's.
    batch_sampler : SpectralBatchSampler
        Of the training dataset. Its batch size is that of the training arguments.
    selection_log : SelectionLog, optional
        Is told of every step.
    sample_losses : callable, optional
        Of the model's outputs and the labels: each sample's loss, `[size]`, summed over its labels where it has several
        (`cross_entropy` for a classifier). The training then minimises their sum over the number of labels, each
        multiplied with its sample's weight: how a selector that gives weights is to be trained with. The model is
        called without labels, as with `compute_loss_func`.
    weights_applied : bool
        Whether the Trainer's own loss is multiplied with `batch_weights`, as in a `compute_loss` of one's own.

    Raises
    ------
    ValueError
        If the batch sizes differ; if the selector gives weights that nothing applies; if `sample_losses` and another
        loss are given; from `train`, if the dataset is not that of the sampler, if a checkpoint to go on from lacks the
        sampler's state and the selector has a memory, if epochs before it were ended early, or with `ignore_data_skip`.

    Notes
    -----
    On several processes each chooses its own share of the batches. `train` without a checkpoint starts the sampler
    anew; with one, the batches that were trained on are neither chosen nor loaded again.

    Examples
    --------
    >>> from transformers import Trainer
    >>> from saln.integrations.transformers import SpectralTrainerMixin
    >>> class SpectralTrainer(SpectralTrainerMixin, Trainer):
    ...     pass
    """

    args: TrainingArguments

    def __init__(
        self,
        *args: Any,
        batch_sampler: SpectralBatchSampler,
        selection_log: SelectionLog | None = None,
        sample_losses: SampleLosses | None = None,
        weights_applied: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if batch_sampler.batch_size != self.args.per_device_train_batch_size:
            raise ValueError(
                f"the batch sampler's batch_size is {batch_sampler.batch_size}, the arguments' "
                f"per_device_train_batch_size {self.args.per_device_train_batch_size}: want the same"
            )
        if sample_losses is not None:
            self._refuse_another_loss()
            self.compute_loss_func = self._weighted_loss
        elif not weights_applied:
            refuse_dropping_weights(
                batch_sampler,
                "give sample_losses, a function of outputs and labels as saln.integrations.transformers.cross_entropy, "
                "or multiply the losses with the trainer's batch_weights and say weights_applied=True",
            )
        self.batch_sampler = batch_sampler
        self._sample_losses = sample_losses
        self._follow = _Follow(batch_sampler, selection_log)
        self.add_callback(self._follow)  # type: ignore[attr-defined]

    @property
    def batch_weights(self) -> Tensor:
        """In a training step: what to multiply the losses with, `[size]`; ones if there are no weights."""
        return weights_at(self.batch_sampler, self._follow.place, self.args.device)

    def get_train_dataloader(self) -> DataLoader[Any]:
        """The Trainer's own, with other batches."""
        # The Trainer knows best which columns of the dataset to drop, and how.
        own = super().get_train_dataloader()  # type: ignore[misc]
        self._check_dataset(own.dataset)
        accelerator = self.accelerator  # type: ignore[attr-defined]
        accelerator._dataloaders.remove(own)
        arguments = {name: getattr(own, name) for name in ARGUMENTS if hasattr(own, name)}
        loader = DataLoader(own.dataset, batch_sampler=self.batch_sampler, **arguments)
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
            self.batch_sampler.load_state_dict(torch.load(path, weights_only=True))
            self._follow.restored = self.batch_sampler.next_place
        elif self.batch_sampler.has_memory:
            raise ValueError(
                f"{path} is not there, and without it the selector's memory is lost: go on from a checkpoint that was "
                "saved with this mixin"
            )

    def _check_dataset(self, dataset: object) -> None:
        try:
            self.batch_sampler.check_dataset(dataset)
        except ValueError as error:
            if not getattr(self.args, "packing", False):
                raise
            raise ValueError(
                f"{error}. The arguments' packing is True: samples are packed, several into one, so that their number "
                "and order are no longer those of the features; want packing=False, or features of the packed dataset "
                "(trainer.train_dataset)"
            ) from error

    def _refuse_another_loss(self) -> None:
        if self.compute_loss_func is not None or self.args.label_smoothing_factor:
            raise ValueError(
                "sample_losses decides the loss, and so does compute_loss_func or label_smoothing_factor: want one of "
                "them"
            )

    def _weighted_loss(self, outputs: Any, labels: Any, num_items_in_batch: Tensor | int | None = None) -> Tensor:
        """What the Trainer minimises with `sample_losses`; without weights in evaluation."""
        assert self._sample_losses is not None
        losses = self._sample_losses(outputs, labels)  # [size]
        if losses.shape != (len(labels),):
            raise ValueError(f"sample_losses is of shape {list(losses.shape)}, want [{len(labels)}], one per sample")
        n_labels: Any = len(labels) if num_items_in_batch is None else num_items_in_batch
        if self.model.training:  # type: ignore[attr-defined]
            losses = losses * self.batch_weights
            if num_items_in_batch is None:
                n_labels *= self.current_gradient_accumulation_steps  # type: ignore[attr-defined]
        loss: Tensor = losses.sum() / n_labels
        return loss


def cross_entropy(outputs: Any, labels: Tensor) -> Tensor:
    """`sample_losses` of a classifier of samples or of their tokens: of `outputs["logits"]`, labels -100 left out.

    >>> import torch
    >>> from saln.integrations.transformers import cross_entropy
    >>> cross_entropy({"logits": torch.zeros(2, 4)}, torch.tensor([3, -100]))
    tensor([1.3863, 0.0000])
    """
    logits = outputs["logits"] if isinstance(outputs, dict) else outputs[0]  # [size, ..., C]
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32)).flatten(0, -2)
    losses = nn.functional.cross_entropy(logits, labels.flatten(), reduction="none")
    return losses.view(len(labels), -1).sum(dim=1)


class _Follow(TrainerCallback):
    """Counts the batches that the Trainer trains on."""

    def __init__(self, sampler: SpectralBatchSampler, log: SelectionLog | None) -> None:
        self._sampler = sampler
        self._log = log
        self._is_first_epoch = True
        self.place: Place = (0, 0)  # the epoch, and how many of its batches are trained on
        self.restored: Place | None = None  # where the sampler's state says that training goes on

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """The Trainer goes on by the number of its steps, as if no epoch had been broken off."""
        per_step = args.gradient_accumulation_steps
        epoch, steps = divmod(state.global_step, max(1, -(-len(self._sampler) // per_step)))
        self.place, self._is_first_epoch = (epoch, steps * per_step), True
        if self.restored not in (None, self.place):
            raise ValueError(
                f"the checkpoint was saved after {self.restored[1]} batches of epoch {self.restored[0]}, and the "
                f"Trainer would go on after {self.place[1]} of epoch {self.place[0]}: epochs were ended early (by "
                "should_epoch_stop) or had another length, and then it cannot resume"
            )

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if not self._is_first_epoch:
            self.place = self.place[0] + 1, 0
        self._is_first_epoch = False

    def on_substep_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.place = self.place[0], self.place[1] + 1

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.place = self.place[0], self.place[1] + 1
        if self._log is not None:
            self._log.update(*self.place)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            folder = Path(args.output_dir) / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
            torch.save(self._sampler.state_at(*self.place), folder / FILE)
