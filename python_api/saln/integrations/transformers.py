"""The batch sampler with the Hugging Face Trainer: a mixin that trains on its batches and makes checkpoints exact."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader

from saln.integrations.needs import missing
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

    Raises
    ------
    ValueError
        If the batch sizes differ; from `train`, if a checkpoint to go on from lacks the sampler's state and the
        selector has a memory, or with `ignore_data_skip`.

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
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if batch_sampler.batch_size != self.args.per_device_train_batch_size:
            raise ValueError(
                f"the batch sampler's batch_size is {batch_sampler.batch_size}, the arguments' "
                f"per_device_train_batch_size {self.args.per_device_train_batch_size}: want the same"
            )
        self.batch_sampler = batch_sampler
        self.add_callback(_Follow(batch_sampler, selection_log))  # type: ignore[attr-defined]

    def get_train_dataloader(self) -> DataLoader[Any]:
        """The Trainer's own, with other batches."""
        # The Trainer knows best which columns of the dataset to drop, and how.
        own = super().get_train_dataloader()  # type: ignore[misc]
        accelerator = self.accelerator  # type: ignore[attr-defined]
        accelerator._dataloaders.remove(own)
        arguments = {name: getattr(own, name) for name in ARGUMENTS if hasattr(own, name)}
        loader = DataLoader(own.dataset, batch_sampler=self.batch_sampler, **arguments)
        return prepare_loader(accelerator, loader)

    def train(self, resume_from_checkpoint: str | os.PathLike[str] | bool | None = None, **kwargs: Any) -> Any:
        """As the Trainer's; the sampler goes on where the checkpoint was saved."""
        if isinstance(resume_from_checkpoint, bool):
            resume_from_checkpoint = get_last_checkpoint(self.args.output_dir) if resume_from_checkpoint else None
        self.batch_sampler.reset()
        if resume_from_checkpoint and self.args.ignore_data_skip:
            raise ValueError("ignore_data_skip is True, want False: what was trained on is not computed again")
        if resume_from_checkpoint:
            self._restore_sampler(Path(resume_from_checkpoint) / FILE)
        return super().train(resume_from_checkpoint, **kwargs)  # type: ignore[misc]

    def _restore_sampler(self, path: Path) -> None:
        if path.is_file():
            self.batch_sampler.load_state_dict(torch.load(path, weights_only=True))
        elif self.batch_sampler.has_memory:
            raise ValueError(
                f"{path} is not there, and without it the selector's memory is lost: go on from a checkpoint that was "
                "saved with this mixin"
            )


class _Follow(TrainerCallback):
    """Knows which batches the Trainer has trained on."""

    def __init__(self, sampler: SpectralBatchSampler, log: SelectionLog | None) -> None:
        self._sampler = sampler
        self._log = log

    def _place(self, args: TrainingArguments, state: TrainerState) -> Place:
        """The epoch, and how many of its batches were trained on, by the Trainer's own reckoning: it resumes by it."""
        per_step, n_batches = args.gradient_accumulation_steps, len(self._sampler)
        epoch, steps = divmod(state.global_step - 1, max(1, -(-n_batches // per_step)))
        return epoch, min(n_batches, (steps + 1) * per_step)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if self._log is not None:
            self._log.update(*self._place(args, state))

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            folder = Path(args.output_dir) / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
            torch.save(self._sampler.state_at(*self._place(args, state)), folder / FILE)
