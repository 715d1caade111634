"""Batches chosen from features in a file that need not fit memory: those that a sampler would serve."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from saln.datasets.room import in_words
from saln.journal import Journal, Unfinished
from saln.offline.budget import DEFAULT_MEMORY, LEAST, Budget
from saln.offline.engines import finish
from saln.offline.fingerprint import Conditions, plain
from saln.offline.memories import Memories
from saln.offline.outputs import check_output, publish
from saln.offline.rows import Source
from saln.offline.samples import SampleFiles, mappable
from saln.sampling.chooser import Chooser
from saln.sampling.order import EpochOrder, super_batch_size
from saln.sampling.ranks import Ranks
from saln.selectors import DEFAULT, Selector, make_selector
from saln.superbatch import SuperBatch

ORDER_BYTES = 80
"""Per row of the dataset, for the order of two passes: one is being read from while the other is being chosen from."""
SCANNED = 32 << 20
"""Bytes of a block in which rows that are not finite are looked for."""
COPY = "features.npy"
"""Of features that cannot be mapped, for methods that look at all samples before the first batch."""
IN_PLACE = 64
"""Batches of a block where features are used as they lie in the file."""
VALUES = ("labels", "losses", "reference_losses", "residuals", "quality")


@dataclass(frozen=True)
class SelectSummary:
    """What was chosen.

    Attributes
    ----------
    batches : int
        Of all epochs.
    batch_size, epochs, super_batch_size : int
        As asked for; a batch or super-batch holds fewer where there are no more samples.
    left_out : int
        Rows that are not finite and were offered in no batch.
    samples : int
        Of the dataset.
    seconds : float
        Of this call.
    resumed : int
        Batches that an earlier call had finished.
    features : str
        How the features were read.
    """

    batches: int
    batch_size: int
    epochs: int
    super_batch_size: int
    left_out: int
    samples: int
    seconds: float
    resumed: int
    features: str

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return asdict(self)

    def in_words(self) -> str:
        """How many batches of how many samples, from how many.

        >>> from saln.offline import SelectSummary
        >>> sizes = {"batch_size": 8, "epochs": 1, "super_batch_size": 40}
        >>> SelectSummary(5, **sizes, left_out=0, samples=200, seconds=0.1, resumed=0, features="mapped").in_words()
        '5 batches of 8, each from 40 of 200 samples'
        >>> SelectSummary(1, **sizes, left_out=1, samples=6, seconds=0.1, resumed=0, features="mapped").in_words()
        '1 batch of 5, from 5 of 6 samples'
        """
        offered = self.samples - self.left_out
        if not self.batches:
            return f"0 batches of {self.batch_size}, from {offered} of {self.samples} samples"
        size, among = min(self.batch_size, offered), min(self.super_batch_size, offered)
        count, each = ("1 batch", "") if self.batches == 1 else (f"{self.batches} batches", "each ")
        return f"{count} of {size}, {each}from {among} of {self.samples} samples"


@dataclass(frozen=True)
class FiniteTask:
    """Which rows a selector may choose, by number of row; see `saln.offline.engines.Task`."""

    sources: Mapping[str, Source]
    conditions: Conditions
    selector: Selector

    @cached_property
    def files(self) -> SampleFiles:
        """The samples, to be read once."""
        self.conditions.check(copies=True)
        return SampleFiles(self.sources, n_reads=0)

    def block(self, memory: int) -> int:
        """As in `Task`."""
        return max(1, min(SCANNED, memory // 4) // self.files.row_bytes)

    def prepare(self, start: int, stop: int) -> npt.NDArray[np.bool_]:
        """As in `Task`; there is nothing to compute once the rows are read."""
        return self.files.finite(start, stop, self.selector)

    def compute(self, prepared: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """As in `Task`, `[n]` of the block."""
        return prepared

    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True)
class SelectTask:
    """Batches by their number through all epochs; see `saln.offline.engines.Task`.

    Parameters
    ----------
    sources : mapping of str to Source
    conditions : Conditions
    left_out : ndarray
        Rows that are not finite.
    method, options, batch_size, filter_ratio, n_epochs, passes, seed, drop_last
        As in `select_file`.
    """

    sources: Mapping[str, Source]
    conditions: Conditions
    left_out: npt.NDArray[np.int64]
    method: str
    options: Mapping[str, Any]
    batch_size: int
    filter_ratio: float
    n_epochs: int
    passes: int | None
    seed: int
    drop_last: bool

    @cached_property
    def files(self) -> SampleFiles:
        """The samples, to be read once an epoch."""
        self.conditions.check(copies=True)
        n_rows = self.sources["features"].open().n_rows
        return SampleFiles(self.sources, n_reads=n_rows * self.n_epochs)

    @cached_property
    def order(self) -> EpochOrder:
        """As a sampler has it."""
        kept = np.ones(self.files.n_rows, dtype=bool)
        kept[self.left_out] = False
        rows, size = torch.from_numpy(np.flatnonzero(kept)), super_batch_size(self.batch_size, self.filter_ratio)
        return EpochOrder(rows, self.batch_size, size, self.seed, drop_last=self.drop_last, passes=self.passes)

    @cached_property
    def chooser(self) -> Chooser:
        """As a sampler on a single rank has it, but for the samples, which come with every block."""
        selector = _selector(self.method, self.options)
        samples = SuperBatch(torch.empty(0, 1), indices=torch.empty(0, dtype=torch.int64))
        if selector.wants_dataset:
            samples = self.files.whole()
        return Chooser(samples, selector, self.order, Ranks(0, 1), self.n_epochs)

    @property
    def n_batches(self) -> int:
        """Of all epochs."""
        return self.n_epochs * self.order.n_batches

    def block(self, memory: int) -> int:
        """As in `Task`; a ValueError if the order of the rows alone takes too much."""
        free = memory - ORDER_BYTES * self.files.n_rows
        if free < LEAST:
            raise ValueError(
                f"memory leaves {in_words(memory)} to work with; wanted {in_words(memory - free + LEAST)}: the order "
                f"of {self.files.n_rows} rows takes {ORDER_BYTES} bytes a row. Cut the features into files of fewer"
            )
        if self.files.in_place is not None:
            return IN_PLACE
        offered = super_batch_size(self.batch_size, self.filter_ratio)
        return max(1, free // 2 // (offered * (self.files.row_bytes + ORDER_BYTES)))

    def prepare(self, start: int, stop: int) -> tuple[int, int, SuperBatch]:
        """As in `Task`: read what all super-batches of the block hold."""
        offered = [self.order.super_batch(*self.order.place(number)) for number in range(start, stop)]
        return start, stop, self.files.take(np.unique(torch.cat(offered).numpy()))

    def compute(self, prepared: tuple[int, int, SuperBatch]) -> npt.NDArray[np.int64]:
        """As in `Task`, `[batches, batch_size]` of the block; -1 after a batch that is short."""
        start, stop, samples = prepared
        chosen = np.full((stop - start, self.batch_size), -1, dtype=np.int64)
        for number in range(start, stop):
            rows = self._choose(*self.order.place(number), samples)
            chosen[number - start, : len(rows)] = rows
        return chosen

    def _choose(self, epoch: int, number: int, samples: SuperBatch) -> npt.NDArray[np.int64]:
        memory = self.chooser.memory
        if memory is not None and memory.still_to_choose(epoch, number, number + 1).start != number:
            raise RuntimeError(f"{self.method} has a memory, and batches before {number} of epoch {epoch} are missing")
        rows, _ = self.chooser.select(epoch, number, samples)
        if memory is not None:
            memory.chose(number)
        chosen: npt.NDArray[np.int64] = rows.numpy()
        return chosen

    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}


def select_file(
    features: Path,
    output: Path,
    *,
    method: str = DEFAULT,
    options: Mapping[str, Any] | None = None,
    batch_size: int = 64,
    filter_ratio: float = 0.8,
    epochs: int = 1,
    passes: int | None = None,
    seed: int = 0,
    drop_last: bool = False,
    values: Mapping[str, Path] | None = None,
    feature_key: str | None = None,
    columns: Sequence[str] = (),
    memory: int = DEFAULT_MEMORY,
    engine: str = "local",
    restart: bool = False,
    progress: Callable[[str, int, int], None] = lambda what, finished, total: None,
) -> SelectSummary:
    """Choose the batches of some epochs and write the chosen row numbers.

    They are those that `SpectralBatchSampler` serves on one rank with the same features in memory, the same selector,
    seed and number of epochs. As in `score_file`, every block is recorded when it is finished, and the result does not
    depend on blocks, engine or kills; with a method that has a memory, what it remembers is kept as well.

    Parameters
    ----------
    features : Path
        npy, npz, safetensors or parquet: `[N, d]`.
    output : Path
        npy, npz (array `candidates`) or parquet (column `candidates`): `[batches, batch_size]` int64, one epoch after
        the other, -1 after the rows of a batch that is short. `saln score` takes it for candidates.
    method, options
        As in `saln.selectors.make_selector`. For one that looks at all samples first, as the default does, features
        that cannot be mapped (parquet, compressed npz, other dtypes) are copied beside the output until it is finished.
    batch_size, filter_ratio, passes, seed, drop_last
        As in `SpectralBatchSampler`.
    epochs : int
        Its `n_epochs`, all of which are written.
    values : mapping of str to Path, optional
        Files with labels, losses, reference_losses, residuals or quality of the samples, in arrays of that name or
        alone in their file.
    feature_key, columns, memory, engine, restart
        As in `score_file`.
    progress : callable
        Called with what is being done, how much of it is, and how much there is.

    Returns
    -------
    SelectSummary

    Raises
    ------
    ValueError, TypeError
        If a file or an option is not what is wanted, a run was begun with others, or a method with a memory is to run
        on Ray.
    RuntimeError
        If another process is at work on this output, or a file is changed meanwhile.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from pathlib import Path
    >>> from saln.offline import select_file
    >>> folder = Path(tempfile.mkdtemp())
    >>> np.save(folder / "x.npy", np.eye(10, dtype=np.float32))
    >>> select_file(folder / "x.npy", folder / "s.npy", batch_size=2).batches
    5
    >>> np.load(folder / "s.npy").shape
    (5, 2)
    """
    begun, budget = time.perf_counter(), Budget(memory)
    check_output(output, [features, *(values or {}).values()])
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; wanted at least 1")
    if epochs < 1:
        raise ValueError(f"epochs is {epochs}; wanted at least 1")
    options = options or {}
    offered = super_batch_size(batch_size, filter_ratio)
    selector = _selector(method, options)
    sources = {"features": Source("features", features, feature_key, tuple(columns))}
    for name, path in (values or {}).items():
        if name not in VALUES:
            raise ValueError(f"values has {name!r}; wanted some of {', '.join(VALUES)}")
        sources[name] = Source(name, path, integers=name == "labels", ndim=2 if name == "residuals" else 1)
    missing = [name for name in selector.needs if name in VALUES and name not in sources]
    if missing:
        raise ValueError(f"{method} needs {missing[0]}, and nobody trains here to tell them: give a file with them")
    for source in sources.values():
        source.open()
    conditions = Conditions.now({name: source.path for name, source in sources.items()}, _backend(selector))
    facts = {
        "method": method,
        "options": plain(options),
        "batch_size": batch_size,
        "filter_ratio": filter_ratio,
        "epochs": epochs,
        "passes": passes,
        "seed": seed,
        "drop_last": drop_last,
        "feature_key": feature_key,
        "columns": list(columns),
        **conditions.facts(),
    }
    how = sources["features"].open().how
    with Unfinished(output, facts, result="candidates", restart=restart) as work:
        if selector.wants_dataset:
            given, sources["features"] = sources["features"], mappable(sources["features"], work.folder / COPY, SCANNED)
            how += "" if given is sources["features"] else f", then mapped from a copy that {method} looks at"
        scan = FiniteTask(sources, conditions, selector)
        free = budget.left(scan.files.overhead)
        finite = Journal(work, "finite", (scan.files.n_rows,), np.dtype(bool))
        counted = partial(progress, "rows looked at")
        finish(scan, finite, engine=engine, block=scan.block(free), progress=counted)
        left_out = np.flatnonzero(~finite.array())
        task = SelectTask(
            sources, conditions, left_out, method, options, batch_size, filter_ratio, epochs, passes, seed, drop_last
        )
        block = task.block(free)
        if engine == "ray" and task.chooser.memory is not None:
            raise ValueError(f"engine is 'ray'; wanted 'local': every batch by {method} depends on those before it")
        chosen = Journal(work, "candidates", (task.n_batches, batch_size), np.dtype(np.int64))
        resumed = chosen.n_done
        keep = Memories(work, task.chooser, resumed).keep
        counted = partial(progress, "batches")
        finish(task, chosen, engine=engine, block=block, progress=counted, before_record=keep)
        conditions.check(copies=False)
        publish(work, chosen, output, "candidates", column="candidates")
    return SelectSummary(
        batches=task.n_batches,
        batch_size=batch_size,
        epochs=epochs,
        super_batch_size=offered,
        left_out=len(left_out),
        samples=task.files.n_rows,
        seconds=time.perf_counter() - begun,
        resumed=resumed,
        features=how,
    )


def _selector(method: str, options: Mapping[str, Any]) -> Selector:
    selector = make_selector(method, **options)
    if selector.wants_reward:
        raise ValueError(f"reward is 'probe'; wanted another: nobody trains here to tell {method} of it")
    return selector


def _backend(selector: Selector) -> str | None:
    """Of the kernels that a method calls; one that wraps another leaves them to that one."""
    inner = getattr(selector, "method", None)
    backend: str | None = getattr(selector, "backend", None) if inner is None else _backend(inner)
    return backend
