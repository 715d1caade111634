"""Somebody's own training as a job: a function of a sampler and a seed, and features of its training set."""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from saln.catalogue import message
from saln.datasets import DataError, Groups, make_groups
from saln.datasets.files import LABEL_KEYS, ArrayFile
from saln.datasets.labels import class_numbers
from saln.features import Features, Fingerprint, load
from saln.pilot.config import PilotConfig, PilotError
from saln.pilot.job import ROWS_AT_ONCE, DataSummary, Job, Pool, Problem, Progress, content, order_of
from saln.pilot.source import source_of
from saln.sampling.order import EpochOrder
from saln.selectors.support.range import fits
from saln.superbatch import FLOATING, SuperBatch, as_tensor

if TYPE_CHECKING:
    from saln.pilot.training.sampler import PilotSampler

Train: TypeAlias = "Callable[[PilotSampler, int], Progress]"
SHARE_SEED_OFFSET = 4_000_037


@dataclass(frozen=True)
class FunctionProblem(Problem):
    """One seed's: all rows, or a stage's share of them.

    Attributes
    ----------
    pool : Pool
    order : EpochOrder
    job : FunctionJob
    """

    pool: Pool
    order: EpochOrder
    job: FunctionJob

    @property
    def n_classes(self) -> int:  # type: ignore[override]
        """0 where there are none."""
        return len(self.job.class_names)

    @property
    def features(self) -> Tensor:  # type: ignore[override]
        """`[n, d]`."""
        return self._taken(self.job.features)

    def samples(self, needs: frozenset[str]) -> SuperBatch:
        """As in `Problem`."""
        reference = self.job.reference_losses
        features = self.features
        return SuperBatch(
            features if needs else features[:, :0],
            labels=self.pool.labels,
            reference_losses=None if reference is None else self._taken(reference),
            indices=self.pool.rows,
        )

    @property
    def n_samples(self) -> int:  # type: ignore[override]
        """As in `Problem`."""
        return len(self.job.features)

    @property
    def fingerprint(self) -> Fingerprint | None:  # type: ignore[override]
        """As in `Problem`."""
        return self.job.of_dataset

    def setup_seconds(self, needs: frozenset[str]) -> float:
        """What it took to extract the features, for methods that look at them."""
        return self.job.feature_seconds if needs & {"features", "dataset", "reference_losses"} else 0.0

    def train(self, sampler: PilotSampler, seed: int) -> Progress:
        """The user's function."""
        return self.job.function(sampler, seed)

    def _taken(self, values: Tensor) -> Tensor:
        return values if len(self.pool.rows) == len(values) else values[self.pool.rows]


class FunctionJob(Job):
    """A function that trains, with what selectors may know of its training set, row i for index i.

    Parameters
    ----------
    function : callable
        As `saln.pilot.compare` describes it.
    features : Tensor or ndarray [N, d], Features or path
        Rows with values that are not finite, as `saln.extract` writes for those that cannot be read, are left out of
        every training, uniform's too.
    labels : array_like [N] or path, optional
        Classes, by number or name, or a file of them. Numbers that are no classes (a regression's) are no labels to
        selectors.
    reference_losses : Tensor or ndarray [N], optional
    groups : dict of str to array_like [N], or sequence of Groups, optional
    feature_seconds : float, optional
        What it took to extract the features; by default what their file says.
    name : str
    notes : sequence of str
        What a reader must know of the data.

    Raises
    ------
    PilotError
        What is given is not of one length, or of another kind, or no row is finite.
    """

    def __init__(
        self,
        function: Train,
        features: Any,
        labels: Any = None,
        *,
        reference_losses: Any = None,
        groups: Mapping[str, Any] | Sequence[Groups] | None = None,
        feature_seconds: float | None = None,
        name: str = "",
        notes: Sequence[str] = (),
    ) -> None:
        if not callable(function):
            raise PilotError(f"train is a {type(function).__name__}; wanted a function train(sampler, seed)")
        self.function = function
        try:
            features = load(features) if isinstance(features, str | os.PathLike) else features
        except DataError as error:
            raise PilotError(str(error)) from error
        self.of_dataset: Fingerprint | None = None
        if isinstance(features, Features):
            self.of_dataset, notes = features.fingerprint, (*notes, *features.notes)
            feature_seconds = features.seconds if feature_seconds is None else feature_seconds
            features = features.tensor()
        self.features = _tensor("features", features)
        if self.features.dim() != 2 or not self.features.is_floating_point():
            raise PilotError(f"features are {self.features.dtype} {list(self.features.shape)}; wanted floats [N, d]")
        self.reference_losses = None if reference_losses is None else _tensor("reference_losses", reference_losses)
        self.feature_seconds = feature_seconds or 0.0
        self.name = name or _script() or getattr(function, "__name__", type(function).__name__)
        self.notes = tuple(notes)
        labels = load_labels(labels) if isinstance(labels, str | os.PathLike) else labels
        self.labels, self.class_names = _classes(labels)
        if labels is not None and self.labels is None:
            self.notes += (message("notes.no_classes"),)
        if isinstance(groups, Mapping):
            try:
                groups = [make_groups(column, each) for column, each in groups.items()]
            except DataError as error:
                raise PilotError(str(error)) from error
        self.groups = tuple(groups or ())
        n_rows = self.features.shape[0]
        for what, rows in (
            ("labels", labels),
            ("reference_losses", self.reference_losses),
            *((f"groups '{each.column}'", each.codes) for each in self.groups),
        ):
            if rows is not None and len(rows) != n_rows:
                raise PilotError(f"{what} has {len(rows)} values and features {n_rows} rows; wanted as many of both")
        self.rows = self._finite_rows()

    def _finite_rows(self) -> Tensor:
        """`[n]`, what a training can be given; methods leave the others out, and uniform has the same rows."""
        values = SuperBatch(self.features, reference_losses=self.reference_losses)
        finite = values.finite_rows(FLOATING) & fits(values, {"features": values.reach("features")})
        if n_left_out := int((~finite).sum()):
            first = int((~finite).nonzero()[0])
            self.notes += (message("notes.not_finite", n=n_left_out, row=first),)
            if n_left_out == len(finite):
                raise PilotError(f"features: none of the {n_left_out} rows has finite values only")
        return finite.nonzero().squeeze(1)

    @cached_property
    def _source(self) -> str:
        return source_of(self.function)

    @property
    def provides(self) -> frozenset[str]:
        """As in `Job`; losses and residuals come from the training itself (`sampler.recorder`)."""
        labelled = {"labels", "residuals", "reference_losses"} if self.labels is not None else set()
        given = {"reference_losses"} if self.reference_losses is not None else set()
        return frozenset({"features", "dataset", "indices", "losses"} | labelled | given)

    def pool(self, config: PilotConfig, seed: int) -> Pool:
        """As in `Job`; the rows of a smaller share are among those of a larger one."""
        rows = self.rows
        if config.train_share < 1.0:
            source = torch.Generator().manual_seed(SHARE_SEED_OFFSET + seed)
            order = rows[torch.randperm(len(rows), generator=source)]
            if self.labels is not None:
                order = order[_place_in_class(self.labels[order]).argsort(stable=True)]
            rows = order[: round(config.train_share * len(rows))].sort().values
        if len(rows) < config.batch_size:
            n_left_out = len(self.features) - len(self.rows)
            left_out = f" without {n_left_out} whose features are not finite" if n_left_out else ""
            raise PilotError(
                f"{self.name}: {len(rows)} training rows{left_out}, fewer than a batch of {config.batch_size} "
                f"(batch_size{', stages' if config.train_share < 1.0 else ''})"
            )
        labels = None if self.labels is None else self.labels[rows]
        return Pool(seed, rows, labels, None, None, torch.empty(0, dtype=torch.int64))

    def problem(self, config: PilotConfig, seed: int) -> FunctionProblem:
        """As in `Job`."""
        pool = self.pool(config, seed)
        return FunctionProblem(pool, order_of(pool, config), self)

    def summary(self, config: PilotConfig, problem: Problem) -> DataSummary:
        """As in `Job`."""
        missing = sum(float(part.isnan().sum()) for part in torch.split(self.features, ROWS_AT_ONCE))
        return DataSummary(
            name=self.name,
            n_rows=self.features.shape[0],
            n_inputs=None,
            n_train=len(problem.pool.rows),
            n_reference=0,
            n_test=0,
            n_offered=len(problem.order.super_batch(0, 0)),
            n_features=self.features.shape[1],
            features_computed=False,
            features_given=True,
            missing_values=missing / max(1, self.features.numel()),
            class_names=self.class_names,
            image_shape=None,
            wrong_labels=0,
            copied_rows=0,
            rare_classes=(),
        )

    def fingerprint(self) -> Iterator[bytes | str]:
        """The data, and all that the function is made of, as it was before the first run."""
        for tensor in (self.features, self.labels, self.reference_losses):
            if tensor is not None:
                yield from content(tensor)
        yield f"{self.name}{self.class_names}{self.feature_seconds}"
        yield self._source

    def about_settings(self, config: PilotConfig, data: DataSummary) -> tuple[str, ...]:
        """As in `Job`."""
        if self.feature_seconds:
            return ()
        return (message("notes.extraction_unpriced"),)


def load_function(text: str) -> Train:
    """The function of a file, written `path/to/file.py:name`; the file's folder can be imported from.

    Raises
    ------
    PilotError
        There is no such file or function, or the file cannot be run.
    """
    place, _, name = text.rpartition(":")
    path = Path(place)
    if not path.is_file():
        raise PilotError(f"{place}: no such file")
    sys.path.insert(0, str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # for what pickles its classes: worker processes
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise PilotError(f"{place}: cannot be run: {type(error).__name__}: {error}") from error
    found = getattr(module, name, None)
    if not callable(found):
        there = [each for each in vars(module) if inspect.isfunction(getattr(module, each))]
        raise PilotError(f"{place}: no function '{name}'; there are {', '.join(there) or 'none'}")
    return found  # type: ignore[no-any-return]


def load_labels(path: str | os.PathLike[str], key: str | None = None) -> Any:
    """Labels in a file of arrays or a table, under a usual name or the one given; a PilotError where there are none."""
    try:
        return ArrayFile(Path(path)).take("labels", LABEL_KEYS, key)
    except DataError as error:
        raise PilotError(str(error)) from error


def _script() -> str:
    """The name of the script that was started; empty in a notebook, under a command and in a started module."""
    file = Path(getattr(sys.modules["__main__"], "__file__", None) or "")
    return file.stem if file.suffix == ".py" and not file.stem.startswith("__") else ""


def _tensor(name: str, values: Any) -> Tensor:
    if isinstance(values, Tensor):
        return values.detach().cpu()
    if isinstance(values, np.ndarray):
        try:
            return as_tensor(name, values)
        except TypeError as error:
            raise PilotError(str(error)) from error
    raise PilotError(f"{name} is a {type(values).__name__}; wanted a tensor or an array")


def _classes(labels: Any) -> tuple[Tensor | None, tuple[str, ...]]:
    """Class numbers and names; neither for numbers that are no classes."""
    if labels is None:
        return None, ()
    values = labels.detach().cpu().numpy() if isinstance(labels, Tensor) else np.asarray(labels)
    if values.dtype.kind == "f" and not np.all(values == np.round(values)):
        return None, ()
    if values.dtype.kind == "O":
        values = values.astype(str)
    try:
        codes, names = class_numbers(values, "labels")
    except DataError as error:
        raise PilotError(str(error)) from error
    return torch.from_numpy(codes), names


def _place_in_class(labels: Tensor) -> Tensor:
    """Where each stands in its class, from 0 to 1, so that those before a share keep the classes' proportions."""
    order = labels.argsort(stable=True)
    counts = torch.bincount(labels)
    first = counts.cumsum(0) - counts
    places = torch.empty(len(labels), dtype=torch.float64)
    inside = torch.arange(len(labels)) - first.repeat_interleave(counts)
    places[order] = (inside + 0.5).double() / counts.repeat_interleave(counts)
    return places
