"""The batch sampler with Lightning: a callback that makes checkpoints exact, and a mixin for data modules."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader, Dataset

from saln.integrations.needs import missing, read_ahead
from saln.sampling.ahead import Place
from saln.sampling.sampler import SpectralBatchSampler

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
    from lightning.pytorch.utilities import CombinedLoader
except ImportError as error:
    raise missing("lightning", error) from error

if TYPE_CHECKING:
    from saln.integrations.tensorboard import SelectionLog

KEY = "saln_batch_sampler"
# Until the loader is known; it asks for fewer before training starts.
BEFORE_THE_LOADER_IS_KNOWN = 1024


class SpectralSelection(Callback):
    """Saves the sampler's state in every checkpoint and restores it, to the batch, in mid-epoch too.

    Parameters
    ----------
    sampler : SpectralBatchSampler, optional
        That of the training loader; left out, that of a data module with `SpectralDataModule`.
    log : SelectionLog, optional
        Is told of every batch trained on.

    Raises
    ------
    ValueError
        When training starts, if no sampler is found, or Lightning would put a sampler of its own in its place.

    Notes
    -----
    Lightning tells the sampler the epoch, and that on every rank. On several devices it wants
    `Trainer(use_distributed_sampler=False)`, since the sampler shares the batches out by itself.
    """

    def __init__(self, sampler: SpectralBatchSampler | None = None, log: SelectionLog | None = None) -> None:
        self._given = sampler
        self._log = log
        self._place: Place = (0, 0)

    @property
    def sampler(self) -> SpectralBatchSampler:
        """That of the training loader, known once training starts."""
        if self._given is None:
            raise ValueError(
                "no sampler: give SpectralSelection the loader's SpectralBatchSampler, or the trainer a data module "
                "with saln.integrations.lightning.SpectralDataModule"
            )
        return self._given

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Before any batch is asked for and any checkpoint is read."""
        if stage != "fit":
            return
        if self._given is None and isinstance(trainer.datamodule, SpectralDataModule):
            self._given = trainer.datamodule.batch_sampler
        connector = getattr(trainer, "_accelerator_connector", None)
        if trainer.world_size > 1 and getattr(connector, "use_distributed_sampler", False):
            raise ValueError(
                "use_distributed_sampler is True, so that Lightning would make the batch sampler anew around a sampler "
                "of its own: give Trainer(use_distributed_sampler=False), and validation loaders their own "
                "DistributedSampler"
            )
        self.sampler.remember(BEFORE_THE_LOADER_IS_KNOWN)
        self._place = self.sampler.next_place

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The loader is known."""
        loaders = trainer.train_dataloader
        loaders = loaders if isinstance(loaders, CombinedLoader) else CombinedLoader(loaders)
        self.sampler.remember(max(read_ahead(loader) for loader in loaders.flattened))

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """One batch more is trained on."""
        self._place = trainer.current_epoch, batch_idx + 1
        if self._log is not None:
            self._log.update(*self._place)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Adds the state after the batches trained on."""
        checkpoint[KEY] = self.sampler.state_at(*self._place)

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Restores it; a checkpoint without one leaves the sampler as it is."""
        if KEY in checkpoint and self._given is not None:
            # Lightning looks only at the loader, for a state that the sampler has.
            warnings.filterwarnings("ignore", "You're resuming from a checkpoint that ended before the epoch ended")
            self.sampler.load_state_dict(checkpoint[KEY])
            self._place = self.sampler.next_place


class SpectralDataModule:
    """Mixin for a LightningDataModule: a training loader with a batch sampler that `SpectralSelection` finds.

    The data module has a `train_dataset`, and makes the sampler in `make_batch_sampler`, called once, when training is
    set up. `loader_options` are further options of the DataLoader.

    Examples
    --------
    >>> import torch
    >>> from lightning.pytorch import LightningDataModule
    >>> from saln import SpectralBatchSampler
    >>> from saln.integrations.lightning import SpectralDataModule
    >>> class Data(SpectralDataModule, LightningDataModule):
    ...     train_dataset = torch.utils.data.TensorDataset(torch.eye(40))
    ...     def make_batch_sampler(self):
    ...         return SpectralBatchSampler(self.train_dataset.tensors[0], batch_size=4)
    >>> len(Data().train_dataloader())
    2
    """

    train_dataset: Dataset[Any]
    loader_options: dict[str, Any] = {}  # noqa: RUF012 - replaced, never changed
    _batch_sampler: SpectralBatchSampler | None = None

    def make_batch_sampler(self) -> SpectralBatchSampler:
        """To be written: the sampler of `train_dataset`."""
        raise NotImplementedError(
            f"{type(self).__name__} wants make_batch_sampler, which returns a SpectralBatchSampler"
        )

    @property
    def batch_sampler(self) -> SpectralBatchSampler:
        """The training loader's."""
        if self._batch_sampler is None:
            self._batch_sampler = self.make_batch_sampler()
        return self._batch_sampler

    def train_dataloader(self) -> DataLoader[Any]:
        """The loader that Lightning asks for."""
        return DataLoader(self.train_dataset, batch_sampler=self.batch_sampler, **self.loader_options)
