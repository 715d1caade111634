"""An encoder at work on the rows that are not extracted yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from saln.datasets import DataError
from saln.features.features import Features
from saln.features.fingerprint import same_random_numbers
from saln.features.items import checksum, input_of
from saln.features.models.encoder import WINDOW, Encoder
from saln.features.output import Output
from saln.features.progress import Progress
from saln.features.sources import Broken, Collate, Read, Reader, Rows, in_words, read_in_order

KEEP_SECONDS, KEEP_BYTES = 1.0, 1 << 23
"""Rows are kept on disk as soon as one of both is reached."""
SHOWN = 5
"""Broken rows that are named in the notes."""
INPUTS = 4
"""Rows whose input, as the model takes it, tells one transform from another."""
CLOSE = 0.02
"""A callable is the same model if the row that it is asked for again differs by less than this share of its length."""


@dataclass(frozen=True)
class _Prepare:
    """An item of the dataset as the model takes it."""

    input: str | None
    prepare: Callable[[Any], Any]

    def __call__(self, item: Any) -> Any:
        return self.prepare(input_of(item, self.input))


def _as_it_is(item: Any) -> Any:
    return item


@dataclass(frozen=True)
class _Launched:
    """A run of rows that the model was asked for."""

    run: range
    broken: dict[int, str]
    rows: Tensor | None  # [n, d] of those that are not broken, on the model's device
    n_cut: int


class Job:
    """Extracts rows, and knows which of them broke.

    Parameters
    ----------
    encoder : Encoder
    rows : Rows
    dtype : numpy dtype
        Of the features.
    num_workers : int
    skip_broken : bool
    windows : bool
        Whether the inputs are worth sorting by length, within windows of several batches.
    """

    def __init__(
        self, encoder: Encoder, rows: Rows, dtype: np.dtype[Any], *, num_workers: int, skip_broken: bool, windows: bool
    ) -> None:
        self._encoder, self._rows, self._dtype = encoder, rows, dtype
        self._num_workers, self._skip_broken = num_workers, skip_broken
        options = encoder.options
        self._windows = windows and options.collate is None
        prepare = _Prepare(options.input, encoder.prepare) if options.collate is None else _as_it_is
        self._reader = Reader(rows.dataset, prepare)
        self._collate = Collate(None if self._windows else encoder.join)
        self._step = options.batch_size * (WINDOW if self._windows else 1)
        self._first: list[_Launched] = []  # without features, before it is known how many these are
        self._parts: list[npt.NDArray[Any]] = []
        self._start = 0

    def inputs(self, rows: list[int]) -> list[str]:
        """Checksums of a few rows as the model takes them: another transform gives others."""
        with same_random_numbers():
            items = [self._reader[row] for row in rows[:INPUTS]]
        found = [each for each in items if not isinstance(each, Broken)]
        if self._encoder.options.collate is not None:  # then only a batch is what the model takes
            found = [self._encoder.join([each]) for each in found]
        return [checksum(each) for each in found]

    def agrees(self, found: Features) -> bool:
        """Whether a row that was extracted before comes out as it is."""
        row = next((row for row in range(found.rows) if np.isfinite(found.array[row]).all()), None)
        if row is None:
            return False
        with self._encoder.running():
            launched = self._launch(range(row, row + 1), self._collate([self._reader[row]]))
        if launched.rows is None:
            return False
        new, old = launched.rows.cpu().double().numpy()[0], found.array[row].astype(np.float64)
        return new.shape == old.shape and bool(np.linalg.norm(new - old) <= CLOSE * np.linalg.norm(old))

    def extract(self, output: Output, tell: Progress) -> None:
        """Every row that is missing, in order."""
        n_rows, n_done = len(self._rows), output.n_done
        started, before = time.perf_counter(), output.seconds
        launched: _Launched | None = None
        kept = started

        def collect() -> None:
            nonlocal n_done, kept
            if launched is None:
                return
            self._collect(launched, output)
            n_done += len(launched.run)
            tell("features", n_done, n_rows)
            output.seconds = before + time.perf_counter() - started
            if time.perf_counter() - kept >= KEEP_SECONDS or sum(part.nbytes for part in self._parts) >= KEEP_BYTES:
                self._keep(output)
                kept = time.perf_counter()

        tell("features", n_done, n_rows)
        pin = self._encoder.device.type == "cuda"
        with self._encoder.running():
            try:
                runs = output.missing(self._step)
                for run, read in read_in_order(self._reader, self._collate, runs, self._num_workers, pin):
                    collect()  # after these rows are read: a GPU computed in the meantime
                    launched = None
                    launched = self._launch(run, read)
                collect()
                self._refuse_nothing()
            finally:
                self._keep(output)

    def refuse_broken(self, broken: Mapping[int, str]) -> None:
        """A DataError that names the first of rows without features, if these are not to be left out."""
        if broken and not self._skip_broken:
            row = min(broken)
            raise DataError(f"row {row} of the data: {broken[row]}; skip_broken makes it NaN")

    def notes(self, output: Output) -> list[str]:
        """Sentences about rows left out and texts cut."""
        notes = list(self._rows.notes)
        if output.broken:
            rows = sorted(output.broken.items())
            shown = "; ".join(f"row {row}: {cause}" for row, cause in rows[:SHOWN])
            more = "; …" if len(rows) > SHOWN else ""
            what = "row has no features and is NaN" if len(rows) == 1 else "rows have no features and are NaN"
            notes.append(f"{len(rows)} {what}: {shown}{more}")
        if output.n_cut:
            what = "text reaches" if output.n_cut == 1 else "texts reach"
            length = self._encoder.options.max_length
            notes.append(f"{output.n_cut} {what} max_length={length} tokens; what is beyond was not seen.")
        return notes

    def _launch(self, run: range, read: Read) -> _Launched:
        broken = {each.row: f"cannot be read: {each.cause}" for each in read.broken}
        self.refuse_broken(broken)
        if read.error is not None:
            raise ValueError(f"{_named(run)}: {read.error}")
        before = self._encoder.n_cut
        return _Launched(run, broken, self._encode(run, read), self._encoder.n_cut - before)

    def _encode(self, run: range, read: Read) -> Tensor | None:
        if read.n == 0:
            return None
        try:
            with self._encoder.computing():
                if self._windows:
                    return self._encoder.encode_window(read.inputs)
                return self._encoder.encode(read.inputs, read.n)
        except (ValueError, TypeError) as error:
            raise type(error)(f"{_named(run)}: {error}") from error
        except Exception as error:
            raise RuntimeError(f"{_named(run)}: the model fails: {in_words(error)}") from error

    def _collect(self, launched: _Launched, output: Output) -> None:
        """Fetch rows from the device, and put them to those that wait to be kept, as soon as their width is known."""
        width = output.width if launched.rows is None else launched.rows.shape[1]
        if width is None and self._parts:
            width = self._parts[0].shape[1]
        if width is None:
            self._first.append(launched)
            return
        waiting, self._first = self._first, []
        for each in waiting:
            self._put(each, width, output)
        self._put(launched, width, output)

    def _refuse_nothing(self) -> None:
        """A DataError if no row had features."""
        if self._first:
            run = range(self._first[0].run.start, self._first[-1].run.stop)
            raise DataError(f"none of {_named(run)} has features; the first {self._first[0].broken[run.start]}")

    def _put(self, launched: _Launched, width: int, output: Output) -> None:
        """Rows `[n, width]` to those that wait to be kept."""
        run, broken = launched.run, dict(launched.broken)
        found = np.full((len(run), width), np.nan, dtype=self._dtype)
        if launched.rows is not None:
            rows = launched.rows.cpu().numpy()
            good = [place for place, row in enumerate(run) if row not in broken]
            with np.errstate(over="ignore"):
                found[good] = rows
            for place in np.flatnonzero(~np.isfinite(found).all(axis=1)).tolist():
                if run[place] in broken:
                    continue
                fits = np.isfinite(rows[good.index(place)]).all()
                cause = f"its features are too large for {self._dtype}" if fits else "its features are not finite"
                broken[run[place]], found[place] = cause, np.nan
            self.refuse_broken(broken)
        for row in [row for row in output.broken if row in run]:  # of a session that was killed before they were kept
            del output.broken[row]
        output.broken.update(broken)
        output.n_cut += launched.n_cut
        if self._parts and self._start + sum(map(len, self._parts)) != run.start:
            self._keep(output)
        if not self._parts:
            self._start = run.start
        self._parts.append(found)

    def _keep(self, output: Output) -> None:
        if self._parts:
            output.record(self._start, self._parts[0] if len(self._parts) == 1 else np.concatenate(self._parts))
            self._parts = []


def _named(run: range) -> str:
    return f"rows {run.start} to {run.stop - 1} of the data"
