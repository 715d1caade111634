"""One line for a Lightning trainer and its data."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from torch import Tensor
from torch.utils.data import DataLoader

from saln.integrations import plain
from saln.integrations.lightning.callback import SpectralSelection
from saln.integrations.loaders import refuse_loader, with_batch_sampler
from saln.integrations.make_sampler import Features, Labels
from saln.sampling.sampler import SpectralBatchSampler

if TYPE_CHECKING:
    from saln.integrations.tensorboard import SelectionLog


def select_data(
    trainer: Trainer,
    data: Any,
    *,
    features: Features,
    labels: Labels | None = None,
    method: str = "auto",
    seed: int = 0,
    log: SelectionLog | None = None,
    weights_applied: bool = False,
    **options: Any,
) -> Any:
    """What to give `trainer.fit` in place of the training data: the same, with chosen batches; checkpoints are exact.

    As many batches an epoch as without. The trainer gets a `SpectralSelection` among its callbacks.

    Parameters
    ----------
    trainer : Trainer
        On several devices with `use_distributed_sampler=False`.
    data : DataLoader or LightningDataModule
        Of the training samples, made with a batch size; of a data module only the training loader changes, when it is
        asked for it.
    features, labels, method, seed, **options
        As of `saln.select_data`.
    log : SelectionLog, optional
        Is told of every batch trained on.
    weights_applied : bool
        Whether the module multiplies its losses with `batch_weights(self.trainer)`; to be said if the method gives
        weights.

    Returns
    -------
    DataLoader or LightningDataModule
        A new loader, or the same data module.

    Raises
    ------
    TypeError, ValueError
        As `saln.select_data` does, of a data module when training starts; then also what `SpectralSelection` raises.

    Examples
    --------
    >>> import torch
    >>> from lightning.pytorch import Trainer
    >>> from torch.utils.data import DataLoader, TensorDataset
    >>> from saln.integrations.lightning import select_data
    >>> loader = DataLoader(TensorDataset(torch.eye(40)), batch_size=4, shuffle=True)
    >>> trainer = Trainer(max_epochs=1, logger=False, accelerator="cpu", enable_model_summary=False)
    >>> len(select_data(trainer, loader, features=torch.eye(40)))  # trainer.fit(module, select_data(...))
    10
    """
    choose = partial(plain.select_data, features=features, labels=labels, method=method, seed=seed, **options)
    return with_selection(trainer, data, choose, log=log, weights_applied=weights_applied)


def batch_weights(trainer: Trainer) -> Tensor | float:
    """In a training step: what to multiply the losses of the batch with, `[size]`; 1 where nothing selects.

    >>> from lightning.pytorch import Trainer
    >>> from saln.integrations.lightning import batch_weights
    >>> batch_weights(Trainer(logger=False, accelerator="cpu", enable_model_summary=False))
    1.0
    """
    found = _selection_of(trainer)
    return 1.0 if found is None else found.weights


def sampler_of(trainer: Trainer) -> SpectralBatchSampler:
    """The batch sampler that `select_data` made, once training is set up; a ValueError if nothing selects."""
    found = _selection_of(trainer)
    if found is None:
        raise ValueError("the trainer has no selection: give trainer.fit what select_data(trainer, data, ...) returns")
    return found.sampler


def _selection_of(trainer: Trainer) -> SpectralSelection | None:
    return next((callback for callback in trainer.callbacks if isinstance(callback, SpectralSelection)), None)


def with_selection(trainer: Trainer, data: Any, choose: Callable[[Any], DataLoader[Any]], **options: Any) -> Any:
    """Data with the batches of loaders that are chosen, and the callback in the trainer."""
    sampler: SpectralBatchSampler | Callable[[], SpectralBatchSampler]
    if isinstance(data, LightningDataModule):
        sampler = _ChosenLoader(data, choose).sampler
    elif isinstance(data, LightningModule):
        raise TypeError(
            f"data is a {type(data).__name__}, want a DataLoader or a LightningDataModule: give trainer.fit the "
            "module's own loader, select_data(trainer, module.train_dataloader(), ...)"
        )
    else:
        data = choose(data)
        sampler = data.batch_sampler
    others = [callback for callback in trainer.callbacks if not isinstance(callback, SpectralSelection)]
    # First, so that checkpoints are saved when it has counted the batch.
    trainer.callbacks[:] = [SpectralSelection(sampler, **options), *others]
    return data


class _ChosenLoader:
    """A data module's training loader, with batches of one sampler whenever it is asked for."""

    def __init__(self, data: LightningDataModule, choose: Callable[[Any], DataLoader[Any]]) -> None:
        self._data = data
        self._choose = choose
        self._sampler: Any = None
        # A partial, since Lightning looks at the code of a function to see whether a hook is there.
        data.train_dataloader = partial(_load, self)

    def sampler(self) -> SpectralBatchSampler:
        """That of the loader, made by the first call, when the data module is set up."""
        if self._sampler is None:
            self.load()
        return self._sampler  # type: ignore[no-any-return]

    def load(self) -> DataLoader[Any]:
        own = type(self._data).train_dataloader(self._data)
        if self._sampler is None:
            chosen = self._choose(own)
            self._sampler = chosen.batch_sampler
            return chosen
        refuse_loader(own)
        self._sampler.check_dataset(own.dataset)
        return with_batch_sampler(own, self._sampler)


def _load(loader: _ChosenLoader) -> DataLoader[Any]:
    return loader.load()
