"""What a pilot compares methods on: somebody's training, and what selectors know of its rows."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import Tensor

from saln.datasets import Groups
from saln.features import Fingerprint
from saln.pilot.config import PilotConfig
from saln.sampling.order import EpochOrder
from saln.superbatch import SuperBatch

if TYPE_CHECKING:
    from saln.pilot.training.sampler import PilotSampler

Metrics: TypeAlias = Mapping[str, Any] | Callable[[], Mapping[str, Any]]
"""Numbers by name; each, or all of them, may be a function, which is called while the clock stands still."""
Progress: TypeAlias = Iterable[tuple[int, Metrics]] | None

ORDER_SEED_OFFSET = 2_000_003
ROWS_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class Pool:
    """The rows of one seed; a run's `chosen` are places in `rows`.

    Attributes
    ----------
    seed : int
    rows : Tensor
        `[n]` rows of the data set to train on; some may come more than once.
    labels : Tensor or None
        `[n]` int64, what methods are told; None where there are no classes.
    wrong, copies : Tensor or None
        `[n]` bool, what the pilot itself spoiled: labels made wrong, rows replaced by copies of others.
    test_rows : Tensor
        `[t]` rows of the data set that runs were tested on; empty where the training keeps that to itself.
    """

    seed: int
    rows: Tensor
    labels: Tensor | None
    wrong: Tensor | None
    copies: Tensor | None
    test_rows: Tensor


@dataclass(frozen=True)
class DataSummary:
    """The data set, and how it was divided in the first seed; `n_offered` rows make its first super-batch."""

    name: str
    n_rows: int
    n_inputs: int | None
    n_train: int
    n_reference: int
    n_test: int
    n_offered: int
    n_features: int
    features_computed: bool
    features_given: bool
    missing_values: float
    class_names: tuple[str, ...]
    image_shape: tuple[int, ...] | None
    wrong_labels: int
    copied_rows: int
    rare_classes: tuple[str, ...]


class Problem(abc.ABC):
    """One seed's, the same for every method.

    Attributes
    ----------
    pool : Pool
    features : Tensor
        `[n, f]` what selectors see, and what the spectra of what they chose are of.
    order : EpochOrder
        As the sampler has it, over places in `pool.rows`, on the host.
    n_classes : int
        0 where there are none.
    fingerprint : Fingerprint or None
        Of the dataset that the features are of: what a loader has is compared with it.
    n_samples : int or None
        Of that dataset, `pool.rows` and others.
    """

    pool: Pool
    features: Tensor
    order: EpochOrder
    n_classes: int
    fingerprint: Fingerprint | None = None
    n_samples: int | None = None

    @abc.abstractmethod
    def samples(self, needs: frozenset[str]) -> SuperBatch:
        """What a method that reads these fields is given of the rows; nothing is in it that costs and is not read."""

    @abc.abstractmethod
    def setup_seconds(self, needs: frozenset[str]) -> float:
        """Seconds that must be spent before a method with these needs can start."""

    @abc.abstractmethod
    def train(self, sampler: PilotSampler, seed: int) -> Progress:
        """Train on the sampler's batches, and say how it goes: `saln.pilot.compare`."""


class Job(abc.ABC):
    """A training that a pilot can run with any sampler and any seed.

    Attributes
    ----------
    name : str
        Of the data, for people.
    labels : Tensor or None
        `[N]` int64, of all rows of the data set, as they are.
    groups : tuple of Groups
        To report by; no run depends on them.
    anneals : bool
        A longer run is another from its first step on, as with a learning rate that falls towards the end.
    notes : tuple of str
        What a reader must know of the data.
    images : Tensor or None
        `[N, C, H, W]`, to show.
    """

    name: str
    labels: Tensor | None
    groups: tuple[Groups, ...] = ()
    anneals: bool = True
    notes: tuple[str, ...] = ()
    images: Tensor | None = None

    @abc.abstractmethod
    def problem(self, config: PilotConfig, seed: int) -> Problem:
        """Of the share of the rows that `config.train_share` says."""

    @abc.abstractmethod
    def pool(self, config: PilotConfig, seed: int) -> Pool:
        """Of the same problem; cheap."""

    @abc.abstractmethod
    def summary(self, config: PilotConfig, problem: Problem) -> DataSummary:
        """For the report."""

    @abc.abstractmethod
    def fingerprint(self) -> Iterable[bytes | str]:
        """Everything that a run's outcome depends on beside the settings."""

    @property
    def provides(self) -> frozenset[str]:
        """What methods may need here."""
        values = {"features", "dataset", "losses", "reference_losses", "labels", "indices", "residuals"}
        return frozenset(values | {"reward"})

    def steps(self, config: PilotConfig) -> int | None:
        """Of a run, where that is known before one."""
        return None

    def about_settings(self, config: PilotConfig, data: DataSummary) -> tuple[str, ...]:
        """Notes on what the settings mean for this job."""
        return ()


def content(tensor: Tensor) -> Iterator[bytes | str]:
    """A tensor for a fingerprint, a part at a time."""
    yield f"{tensor.dtype}{list(tensor.shape)};"
    for part in torch.split(tensor, ROWS_AT_ONCE):
        yield part.contiguous().view(torch.uint8).numpy().tobytes()


def order_of(pool: Pool, config: PilotConfig) -> EpochOrder:
    """The order in which the rows of a pool come, as places in `pool.rows`."""
    rows = torch.arange(pool.rows.shape[0])
    seed = ORDER_SEED_OFFSET + pool.seed
    return EpochOrder(rows, config.batch_size, config.super_batch_size, seed, drop_last=config.drop_last)


def offered_in(order: EpochOrder, steps: int) -> Tensor:
    """All that a run of so many steps is offered, `[sum of the super-batches' sizes]`."""
    return torch.cat([order.super_batch(*order.place(step)) for step in range(steps)])
