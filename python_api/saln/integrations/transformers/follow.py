"""Where in its epochs the Trainer is: its callbacks, and the sampler's state in every checkpoint."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from saln.sampling.ahead import Place
from saln.sampling.sampler import SpectralBatchSampler
from saln.writing import write_bytes

if TYPE_CHECKING:
    from saln.integrations.tensorboard import SelectionLog

FILE = "saln_batch_sampler.pt"


class Follow(TrainerCallback):
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

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        logging.getLogger(__name__).info("%s", self._sampler.selector.summary)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.is_world_process_zero:
            folder = Path(args.output_dir) / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
            content = io.BytesIO()
            torch.save(self._sampler.state_at(*self.place), content)
            write_bytes(folder / FILE, content.getvalue())
