"""A training with Lightning as a job of the pilot."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer
from torch.utils.data import DataLoader

from saln.integrations.lightning.select import with_selection
from saln.integrations.loaders import refuse_loader, with_batch_sampler


def job(
    make_module: Callable[[], LightningModule],
    datamodule: LightningDataModule,
    make_trainer: Callable[[], Trainer],
    *,
    weights_applied: bool = False,
) -> Callable[[Any, int], None]:
    """A training with Lightning as a job, which the pilot runs with one method after the other.

    What the module logs in validation is reported whenever the trainer validates, and once more at the end if it did
    not then. Validation is off the pilot's clock.

    Parameters
    ----------
    make_module : callable
        Makes the module anew for each run; the pilot has seeded torch.
    datamodule : LightningDataModule
        With a training loader made with a batch size, and a validation loader.
    make_trainer : callable
        Makes the trainer anew for each run, without checkpoints best.
    weights_applied : bool
        Whether the module multiplies its losses with `batch_weights(self.trainer)`; methods that give weights are
        refused without.

    Returns
    -------
    callable
        `train(sampler, seed)`.

    Examples
    --------
    >>> from lightning.pytorch import LightningDataModule, LightningModule, Trainer
    >>> from saln.integrations.lightning import job
    >>> train = job(LightningModule, LightningDataModule(), lambda: Trainer(max_epochs=1, logger=False))
    """

    def train(sampler: Any, seed: int) -> None:
        trainer, module, reports = make_trainer(), make_module(), _Reports(sampler)
        if trainer.max_steps > 0:
            trainer.fit_loop.epoch_loop.max_steps = round(trainer.max_steps * sampler.stretch)
        trainer.callbacks.insert(0, reports)
        with_selection(trainer, datamodule, partial(_choose, sampler), weights_applied=weights_applied)
        try:
            trainer.fit(module, datamodule=datamodule)
            if reports.n_trained > reports.last:
                trainer.validate(module, datamodule=datamodule, verbose=False)
        except SystemExit as error:  # what Lightning makes of Ctrl-C
            if isinstance(error.__context__, KeyboardInterrupt):
                raise KeyboardInterrupt from error
            raise
        finally:
            del datamodule.train_dataloader  # back to the class's own
            datamodule.trainer = None  # as it was given: a pilot knows the training by it
            reports.clock.close()

    return train


def _choose(sampler: Any, loader: Any) -> DataLoader[Any]:
    refuse_loader(loader)
    if loader.batch_size != sampler.batch_size:
        raise ValueError(
            f"the pilot's batch_size is {sampler.batch_size}, the training loader's {loader.batch_size}: want the same"
        )
    return with_batch_sampler(loader, sampler)


class _Reports(Callback):
    """Tells the pilot what validation says."""

    def __init__(self, sampler: Any) -> None:
        self._sampler = sampler
        self._before: dict[str, Any] = {}
        self.clock = ExitStack()  # holds the pilot's clock while there is something in it
        self.n_trained = self.last = 0  # batches, and of the last report

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        """One batch more is trained on."""
        self.n_trained += 1

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The clock stops."""
        self.clock.enter_context(self._sampler.paused())
        self._before = dict(trainer.callback_metrics)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """What is new is reported; the clock goes on."""
        metrics = {
            name: float(value)
            for name, value in trainer.callback_metrics.items()
            if self._before.get(name) is not value  # of training otherwise
        }
        if not trainer.sanity_checking:
            self._sampler.report(self.n_trained, metrics)
            self.last = self.n_trained
        self.clock.close()
