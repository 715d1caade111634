"""Scores of candidates whose features are in a file that need not fit memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

import saln_kernels
from saln.journal import Journal, Unfinished
from saln.mapping import check
from saln.offline.budget import DEFAULT_MEMORY, Budget
from saln.offline.engines import finish
from saln.offline.fingerprint import Conditions, plain
from saln.offline.outputs import check_output, publish
from saln.offline.rows import Reader, Source
from saln.offline.samples import SampleFiles
from saln.offline.summary import ScoreSummary, summarise
from saln_kernels.matrices import result_dtype

CALL_ENTRIES = 1 << 18
"""Row numbers of a block where features are used as they lie in the file: seconds between two records at most."""
ENTRY_BYTES = 48
"""Of a row number on its way: as read, sorted with where it was, found again, and cast."""

Arguments: TypeAlias = dict[str, Tensor]
"""Features, and what else is known of the same rows, by the argument's name."""


@dataclass(frozen=True)
class ScoreTask:
    """Scores by number of candidate; see `saln.offline.engines.Task`.

    Parameters
    ----------
    samples : mapping of str to Source
        Features, and residuals and quality as far as there are any.
    candidates : Source
    criterion : str
    options : mapping
        Of `saln_kernels.score_batches`.
    conditions : Conditions
        What files and arithmetic must be, wherever this runs.
    """

    samples: Mapping[str, Source]
    candidates: Source
    criterion: str
    options: Mapping[str, Any]
    conditions: Conditions

    @cached_property
    def batches(self) -> Reader:
        """The candidates."""
        self.conditions.check(copies=True)
        return self.candidates.open()

    @cached_property
    def files(self) -> SampleFiles:
        """The samples, to be read as often as the candidates name one."""
        return SampleFiles(self.samples, n_reads=self.batches.n_rows * self.batches.width)

    @cached_property
    def in_place(self) -> Arguments | None:
        """All features, residuals and quality as they lie in their files, where all of them can be used so."""
        dtype = self.files.readers["features"].dtype
        found: Arguments = {}
        for name, reader in self.files.readers.items():
            # A call converts other dtypes, which for all rows at once would be a copy of the file a block.
            value = self.files.mapped(name) if reader.dtype in (dtype, result_dtype(dtype)) else None
            if value is None:
                return None
            found[name] = value
        return found

    def block(self, memory: int) -> int:
        """As in `Task`."""
        width = max(1, self.batches.width)
        if self.in_place is not None:
            return max(1, min(CALL_ENTRIES, memory // ENTRY_BYTES) // width)
        # Two blocks are in memory, the one being scored and the next.
        return max(1, memory // 2 // (width * (self.files.row_bytes + ENTRY_BYTES)))

    def prepare(self, start: int, stop: int) -> tuple[Arguments, Tensor]:
        """Features with their values, and the candidates' rows in them: all, or those that are needed, each once."""
        candidates = self.batches.read(start, stop)
        self._check(candidates, start)
        if self.in_place is not None:
            return self.in_place, candidates
        rows, places = np.unique(candidates.numpy(), return_inverse=True)
        n_padding = int(len(rows) > 0 and rows[0] < 0)
        needed = rows[n_padding:].astype(np.int64, copy=False)
        found = self.files.gather(needed)
        if self.options.get("similarity") == "precomputed":
            found["features"] = found["features"][:, torch.from_numpy(needed)]
        return found, torch.from_numpy(places.reshape(candidates.shape) - n_padding)

    def compute(self, prepared: tuple[Arguments, Tensor]) -> npt.NDArray[Any]:
        """As in `Task`, `[C]` of the block."""
        found, candidates = prepared
        for value in found.values():
            check(value)
        return self._score(found if len(found["features"]) else self._zeros(), candidates)  # or nothing but padding

    def check_options(self) -> np.dtype[Any]:
        """Raise what a call with these options would raise; otherwise the scores' dtype."""
        n_rows, width = self.files.n_rows, self.files.readers["features"].width
        similarity = self.options.get("similarity")
        if similarity == "gradient" and "residuals" not in self.samples:
            raise ValueError("residuals is None; similarity='gradient' wants a file with residuals [N, c]")
        if similarity == "precomputed" and n_rows != width:
            raise ValueError(
                f"{self.samples['features'].path}: features are [{n_rows}, {width}]; similarity='precomputed' wants "
                "the square matrix [N, N]"
            )
        return self._score(self._zeros(), torch.zeros(0, self.batches.width, dtype=torch.int64)).dtype

    def _zeros(self) -> Arguments:
        """A row of zeros in place of the features and of every value."""
        found = self.files.zeros()
        if self.options.get("similarity") == "precomputed":
            found["features"] = found["features"][:, :1]
        return found

    def _score(self, found: Arguments, candidates: Tensor) -> npt.NDArray[Any]:
        given: dict[str, Any] = {**found, **self.options}
        scores: npt.NDArray[Any] = saln_kernels.score_batches(
            given.pop("features"), candidates, self.criterion, **given
        ).numpy()
        return scores

    def _check(self, candidates: Tensor, start: int) -> None:
        n_rows = self.files.n_rows
        if not candidates.numel() or (candidates.min() >= -1 and candidates.max() < n_rows):
            return
        row, column = ((candidates < -1) | (candidates >= n_rows)).nonzero()[0].tolist()
        raise IndexError(
            f"candidates[{start + row}, {column}] is {int(candidates[row, column])}; wanted 0 to {n_rows - 1}, or -1 "
            "for padding"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}


def score_file(
    features: Path,
    candidates: Path,
    output: Path,
    criterion: str = "effective_rank",
    *,
    residuals: Path | None = None,
    quality: Path | None = None,
    feature_key: str | None = None,
    candidate_key: str | None = None,
    columns: Sequence[str] = (),
    memory: int = DEFAULT_MEMORY,
    chunk: int | None = None,
    engine: str = "local",
    restart: bool = False,
    progress: Callable[[str, int, int], None] = lambda what, finished, total: None,
    **options: Any,
) -> ScoreSummary:
    """Score every candidate of a file and write the scores to another.

    Blocks of candidates are scored one after the other, and each is recorded in a folder `<output>.partial` as soon as
    it is finished. A run that was killed goes on from there when it is called again. The scores are the same bits
    however candidates are cut into blocks, whoever computes them, and however often it was killed.

    Parameters
    ----------
    features : Path
        npy, npz, safetensors or parquet: `[N, d]`.
    candidates : Path
        Likewise, `[C, b]` row numbers, -1 is padding.
    output : Path
        npy, npz (array `scores`) or parquet (columns `candidate`, `score`); written at the end, at once.
    criterion : str
        As in `saln_kernels.score_batches`.
    residuals : Path, optional
        File with softmax minus one-hot `[N, c]`, for the similarity "gradient": an array of that name, or the only one.
    quality : Path, optional
        Likewise, weights of the samples `[N]`.
    feature_key, candidate_key : str, optional
        Array, tensor or column; found by its usual name, or by being the only one, when not given.
    columns : sequence of str
        Scalar parquet columns to take as features instead.
    memory : int
        Bytes to hold at most beside what the process held before, the mapped files, and what the system caches of
        them; on Ray, in each worker.
    chunk : int, optional
        Candidates a block; by default as many as the memory allows.
    engine : {"local", "ray"}
    restart : bool
        Begin anew, even if another run with other inputs or options was begun.
    progress : callable
        Called with what is being done, how much of it is, and how much there is.
    **options
        The others of `saln_kernels.score_batches`.

    Returns
    -------
    ScoreSummary

    Raises
    ------
    ValueError, TypeError
        If a file or an option is not what is wanted, or a run was begun with others.
    IndexError
        Naming the first row number in a block that is not one of features.
    RuntimeError
        If another process is at work on this output, or a file is changed meanwhile.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from pathlib import Path
    >>> from saln.offline import score_file
    >>> folder = Path(tempfile.mkdtemp())
    >>> np.save(folder / "x.npy", np.eye(3, dtype=np.float32))
    >>> np.save(folder / "c.npy", np.array([[0, 1, 2], [0, 1, -1]]))
    >>> score_file(folder / "x.npy", folder / "c.npy", folder / "s.npy").best[0][0]
    0
    >>> np.load(folder / "s.npy").round(3)
    array([3., 2.], dtype=float32)
    """
    begun, budget = time.perf_counter(), Budget(memory)
    check_output(output, [path for path in (features, candidates, residuals, quality) if path is not None])
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk is {chunk}; wanted at least 1")
    options = {name: value for name, value in options.items() if value is not None}
    batches = Source("candidates", candidates, candidate_key, integers=True)
    samples = {"features": Source("features", features, feature_key, tuple(columns))}
    samples |= {
        name: Source(name, path, ndim=ndim)
        for name, path, ndim in (("residuals", residuals, 2), ("quality", quality, 1))
        if path is not None
    }
    sources = (*samples.values(), batches)
    for source in sources:
        source.open()
    conditions = Conditions.now({source.role: source.path for source in sources}, options.get("backend"))
    task = ScoreTask(samples, batches, criterion, options, conditions)
    dtype = task.check_options()
    facts = {
        "criterion": criterion,
        **plain(options),
        "feature_key": feature_key,
        "candidate_key": candidate_key,
        "columns": list(columns),
        **conditions.facts(),
    }
    block = chunk or task.block(budget.left(max(task.files.overhead, task.batches.overhead)))
    with Unfinished(output, facts, result="scores", restart=restart) as work:
        journal = Journal(work, "scores", (task.batches.n_rows,), dtype)
        resumed = journal.n_done
        finish(task, journal, engine=engine, block=block, progress=partial(progress, "candidates"))
        conditions.check(copies=False)
        summary = summarise(journal.array(), time.perf_counter() - begun, resumed, task.files.how)
        publish(work, journal, output, "scores", column="score")
    return summary
