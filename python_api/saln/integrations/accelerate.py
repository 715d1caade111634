"""The batch sampler with Hugging Face accelerate: a loader that is not sharded twice and that checkpoints resume."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader

from saln.integrations import plain
from saln.integrations.loaders import arguments_of, read_ahead
from saln.integrations.make_sampler import Features, Labels
from saln.integrations.needs import refuse_dropping_weights, weights_at
from saln.needs import missing
from saln.sampling.ahead import Place
from saln.sampling.sampler import SpectralBatchSampler

try:
    from accelerate import Accelerator
    from accelerate.data_loader import DataLoaderShard
except ImportError as error:
    raise missing("saln.integrations.accelerate needs accelerate", "accelerate", error) from error

__all__ = ["prepare_loader", "sampler_of", "select_data"]


def select_data(
    accelerator: Accelerator,
    loader: DataLoader[Any],
    *,
    features: Features,
    labels: Labels | None = None,
    method: str = "auto",
    seed: int = 0,
    weights_applied: bool = False,
    **options: Any,
) -> SpectralLoader:
    """In place of `accelerator.prepare` for the training loader: the same loader with chosen batches, prepared.

    As many batches as without, each process with its own share of them; checkpoints are exact, as `prepare_loader`
    says.

    Parameters
    ----------
    accelerator : Accelerator
    loader : DataLoader
        Of the training samples, made with a batch size, not yet prepared.
    features, labels, method, seed, **options
        As of `saln.select_data`.
    weights_applied : bool
        Whether the training multiplies its losses with `loader.weights`; to be said if the method gives weights.

    Raises
    ------
    TypeError, ValueError
        As `saln.select_data` and `prepare_loader` do; a ValueError with `split_batches`.

    Examples
    --------
    >>> import torch
    >>> from accelerate import Accelerator
    >>> from torch.utils.data import DataLoader, TensorDataset
    >>> from saln.integrations.accelerate import select_data
    >>> loader = DataLoader(TensorDataset(torch.eye(40)), batch_size=4, shuffle=True)
    >>> len(select_data(Accelerator(cpu=True), loader, features=torch.eye(40)))
    10
    """
    if getattr(loader, "_is_accelerate_prepared", False):
        raise ValueError("the loader went through accelerator.prepare: give select_data the one from before")
    if accelerator.split_batches and accelerator.num_processes > 1:
        raise ValueError("split_batches is True, want False: the loader's batch size is to be that of each process")
    chosen = plain.select_data(loader, features=features, labels=labels, method=method, seed=seed, **options)
    return prepare_loader(accelerator, chosen, weights_applied=weights_applied)


def prepare_loader(
    accelerator: Accelerator, loader: DataLoader[Any], *, weights_applied: bool = False
) -> SpectralLoader:
    """In place of `accelerator.prepare` for the loader of a `SpectralBatchSampler`.

    Each process chooses and loads its own share of the batches only, on its device; `accelerator.save_state` and
    `load_state` include the place in the epoch, so that after a load nothing is to be skipped.

    Parameters
    ----------
    accelerator : Accelerator
    loader : DataLoader
        Whose batch sampler is a `SpectralBatchSampler` without a rank of its own.
    weights_applied : bool
        Whether the training multiplies its losses with `loader.weights`; to be said if the selector gives weights.

    Raises
    ------
    TypeError
        If the loader has another batch sampler.
    ValueError
        If the sampler's rank or number of ranks is not that of the process, as where every process was to choose all
        batches; if the selector gives weights that nothing applies; if the sampler is of another dataset.

    Examples
    --------
    >>> import torch
    >>> from accelerate import Accelerator
    >>> from saln import SpectralBatchSampler
    >>> from saln.integrations.accelerate import prepare_loader
    >>> sampler = SpectralBatchSampler(torch.eye(40), batch_size=4)
    >>> loader = torch.utils.data.DataLoader(torch.arange(40), batch_sampler=sampler)
    >>> loader = prepare_loader(Accelerator(cpu=True), loader)
    >>> [len(batch) for batch in loader], loader.place
    ([4, 4, 4, 4, 4, 4, 4, 4, 4, 4], (0, 10))
    """
    sampler = sampler_of(loader)
    ours, theirs = (
        (sampler.ranks.rank, sampler.ranks.world_size),
        (accelerator.process_index, accelerator.num_processes),
    )
    if ours != theirs:
        raise ValueError(
            f"the sampler is of rank {ours[0]} of {ours[1]}, this process is {theirs[0]} of {theirs[1]}: leave rank "
            "and world_size out, or let accelerator.prepare shard the batches instead"
        )
    sampler.check_dataset(loader.dataset)
    if not weights_applied:
        refuse_dropping_weights(
            sampler, "multiply the losses of a batch with loader.weights, and say weights_applied=True"
        )
    device = accelerator.device if accelerator.device_placement else None
    prepared = SpectralLoader(loader, device, non_blocking=accelerator.non_blocking)
    accelerator.prepare(prepared)
    accelerator.register_for_checkpointing(prepared)
    return prepared


def sampler_of(loader: DataLoader[Any]) -> SpectralBatchSampler:
    """The batch sampler of a loader, or a TypeError."""
    if not isinstance(loader.batch_sampler, SpectralBatchSampler):
        raise TypeError(
            f"the loader's batch sampler is a {type(loader.batch_sampler).__name__}, want a SpectralBatchSampler"
        )
    return loader.batch_sampler


class SpectralLoader(DataLoaderShard):
    """accelerate's loader of one process, with its place in the epochs as its state.

    Parameters
    ----------
    loader : DataLoader
        To be made anew.
    device : torch.device or None
        Where the batches go.
    non_blocking : bool

    Attributes
    ----------
    place : tuple of int
        The epoch, and how many of its batches came out: less than the sampler was asked for, since accelerate looks
        one ahead, and workers further.
    """

    _is_accelerate_prepared = True

    def __init__(self, loader: DataLoader[Any], device: Any, *, non_blocking: bool = False) -> None:
        self.spectral_sampler = sampler_of(loader)
        self.place: Place = self.spectral_sampler.next_place
        super().__init__(
            loader.dataset,
            device,
            batch_sampler=loader.batch_sampler,
            _non_blocking=non_blocking,
            **arguments_of(loader),
        )
        self.spectral_sampler.remember(read_ahead(loader))

    @property
    def iteration(self) -> int:
        """The epoch that comes next. accelerate counts from 0 in every process, and sets that before it iterates."""
        return self.spectral_sampler.next_place[0]

    @iteration.setter
    def iteration(self, epoch: int) -> None:
        pass

    @property
    def weights(self) -> Tensor:
        """What to multiply the losses of the batch that came out last with, `[size]`; ones if there are no weights."""
        epoch, step = self.place
        return weights_at(self.spectral_sampler, (epoch, step - 1), self.device)

    def __iter__(self) -> Iterator[Any]:
        epoch, step = self.place = self.spectral_sampler.next_place
        for batch in super().__iter__():
            step += 1
            self.place = epoch, step
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """The sampler's, after the batches that came out."""
        epoch, step = self.spectral_sampler.place
        n_steps = len(self.spectral_sampler)
        ahead = (epoch - self.place[0]) * n_steps + step - self.place[1]
        if not 0 <= ahead <= read_ahead(self.base_dataloader):
            if self.spectral_sampler.next_place == (epoch, step):  # set_epoch named another one
                return self.spectral_sampler.state_dict()
            raise RuntimeError(
                f"the sampler was asked for {ahead} batches more than came out of this loader: draw all batches from "
                "it, without skip_first_batches, which is not needed after load_state"
            )
        return self.spectral_sampler.state_at(*self.place)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Let the next pass go on from there."""
        self.spectral_sampler.load_state_dict(state_dict)
        self.place = self.spectral_sampler.next_place
