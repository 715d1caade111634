"""The callback that makes checkpoints exact, and that knows the batch that is trained on."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from lightning.pytorch.utilities import CombinedLoader
from lightning.pytorch.utilities.rank_zero import rank_zero_info
from torch import Tensor

from saln.integrations.loaders import read_ahead
from saln.integrations.needs import refuse_dropping_weights, weights_at
from saln.sampling.ahead import Place
from saln.sampling.epoch_sampler import EpochSampler
from saln.sampling.sampler import SpectralBatchSampler

if TYPE_CHECKING:
    from saln.integrations.tensorboard import SelectionLog

KEY = "saln_batch_sampler"
# Until the loader is known; it asks for fewer before training starts.
BEFORE_THE_LOADER_IS_KNOWN = 1024


class SpectralSelection(Callback):
    """What `select_data` gives a trainer, for a sampler of one's own in a loader that one makes.

    Saves the sampler's state in every checkpoint and restores it, to the batch, in mid-epoch too.

    Parameters
    ----------
    sampler : SpectralBatchSampler or callable
        That of the training loader; or a function that returns it, called once, when training is set up.
    log : SelectionLog, optional
        Is told of every batch trained on.
    weights_applied : bool
        Whether the module multiplies its losses with `weights`; to be said if the selector gives weights.

    Raises
    ------
    ValueError
        When training starts, if Lightning would put a sampler of its own in the sampler's place, if the selector gives
        weights that nothing applies, if the sampler is of another dataset, or with `overfit_batches`.

    Notes
    -----
    The callback counts the batches trained on by itself, since Lightning counts a stop by `max_steps` as the end of an
    epoch: the sampler goes on with the epoch that was broken off. It goes on amid an epoch, too, where
    `on_train_batch_start` skips the rest of one. With `limit_train_batches` every epoch of Lightning's is the beginning
    of another epoch of the sampler's.

    On several devices it wants `Trainer(use_distributed_sampler=False)`, since the sampler shares the batches out by
    itself.
    """

    def __init__(
        self,
        sampler: SpectralBatchSampler | Callable[[], SpectralBatchSampler],
        log: SelectionLog | None = None,
        *,
        weights_applied: bool = False,
    ) -> None:
        self._given = sampler
        self._log = log
        self._weights_applied = weights_applied
        self._place: Place = (0, 0)  # the epoch, and how many of its batches are trained on
        self._has_begun = False
        self._device: torch.device | None = None

    @property
    def sampler(self) -> SpectralBatchSampler:
        """That of the training loader."""
        if not isinstance(self._given, SpectralBatchSampler):
            self._given = self._given()
        return self._given

    @property
    def weights(self) -> Tensor:
        """In a training step: what to multiply the losses with, `[size]`; ones if there are no weights."""
        return weights_at(self.sampler, self._place, self._device)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Before any batch is asked for and any checkpoint is read."""
        if stage != "fit":
            return
        connector = getattr(trainer, "_accelerator_connector", None)
        if trainer.world_size > 1 and getattr(connector, "use_distributed_sampler", False):
            raise ValueError(
                "use_distributed_sampler is True, so that Lightning would make the batch sampler anew around a sampler "
                "of its own: give Trainer(use_distributed_sampler=False), and validation loaders their own "
                "DistributedSampler"
            )
        if trainer.overfit_batches:
            raise ValueError(
                f"overfit_batches is {trainer.overfit_batches}, want 0: it trains on the same batches in every epoch; "
                "give it a loader without this batch sampler, and the trainer no SpectralSelection"
            )
        if not self._weights_applied:
            refuse_dropping_weights(
                self.sampler,
                "multiply the losses in training_step with saln.integrations.lightning.batch_weights(self.trainer), "
                "and say weights_applied=True",
            )
        self._check_dataset(trainer)
        self.sampler.remember(BEFORE_THE_LOADER_IS_KNOWN)
        self.sampler.sampler = _LightningEpochs(self.sampler, self._begin_epoch)
        self._place = self.sampler.next_place
        self._has_begun = False

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """After the last batch: a training that goes on without a checkpoint goes on with a new epoch."""
        if stage == "fit" and isinstance(self._given, SpectralBatchSampler):
            self.sampler.sampler = EpochSampler(self.sampler)
            self.sampler.set_epoch(self._place[0] + (self._place[1] > 0))

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """As after the last batch."""
        self.teardown(trainer, pl_module, "fit")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The loader is known; a ValueError if it is not the sampler's."""
        loaders = trainer.train_dataloader
        loaders = loaders if isinstance(loaders, CombinedLoader) else CombinedLoader(loaders)
        if not any(getattr(loader, "batch_sampler", None) is self.sampler for loader in loaders.flattened):
            raise ValueError(
                "the training data have not the batch sampler of this selection: give trainer.fit what select_data "
                "returned, or a loader with SpectralSelection's sampler"
            )
        self.sampler.remember(max(read_ahead(loader) for loader in loaders.flattened))
        self._device = pl_module.device

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """One batch more is trained on."""
        epoch, step = self._place
        self._place = epoch, step + 1
        if self._log is not None:
            self._log.update(*self._place)
        # After some checkpoints Lightning trains on one batch more of an epoch that it knows to be over.
        is_last = trainer.is_last_batch and batch_idx < trainer.num_training_batches
        if is_last or step + 1 == len(self.sampler):
            self._end_epoch()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """As in `Callback`: say what the method has found and done."""
        rank_zero_info(self.sampler.selector.summary)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Adds the state after the batches trained on."""
        checkpoint[KEY] = self.sampler.state_at(*self._place)

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Restores it; a checkpoint without one leaves the sampler as it is."""
        if KEY in checkpoint and isinstance(self._given, SpectralBatchSampler):
            # Lightning looks only at the loader, for a state that the sampler has.
            warnings.filterwarnings("ignore", "You're resuming from a checkpoint that ended before the epoch ended")
            self.sampler.load_state_dict(checkpoint[KEY])
            self._place = self.sampler.next_place

    def _check_dataset(self, trainer: Trainer) -> None:
        # The sampler would find out as well, but Lightning stumbles over errors from there and raises one of its own.
        given = getattr(getattr(trainer.fit_loop, "_data_source", None), "instance", None)
        loaders = () if isinstance(given, (LightningModule, LightningDataModule)) else CombinedLoader(given).flattened
        for loader in loaders:
            if getattr(loader, "batch_sampler", None) is self.sampler:
                self.sampler.check_dataset(loader.dataset)

    def _begin_epoch(self) -> None:
        """Lightning is about to train on batches, from the start of an epoch or, after a checkpoint, from amid one."""
        if self._has_begun and self._place[1] > 0:  # it has broken the former one off
            self.sampler.load_state_dict(self.sampler.state_at(*self._place))
        else:
            self.sampler.set_epoch(self._place[0])
        self._has_begun = True

    def _end_epoch(self) -> None:
        """The next batch is the first of the next epoch, whatever the loader has asked for beyond the last one."""
        epoch, step = self._place
        if self.sampler.has_memory and self.sampler.place > (epoch, step) and step < len(self.sampler):
            # Forget what is not going to be trained on.
            self.sampler.load_state_dict({**self.sampler.state_at(epoch, step), "epoch": epoch + 1, "step": 0})
        self.sampler.set_epoch(epoch + 1)
        self._place = epoch + 1, 0


class _LightningEpochs(EpochSampler):
    """What Lightning tells the number of an epoch to when one begins; only that it begins is believed."""

    def __init__(self, batch_sampler: SpectralBatchSampler, begin_epoch: Callable[[], None]) -> None:
        super().__init__(batch_sampler)
        self._begin_epoch = begin_epoch

    def set_epoch(self, epoch: int) -> None:
        """Lightning's number is not passed on."""
        self._begin_epoch()
