"""Finished runs on disk, so that a pilot that was killed goes on where it was."""

from __future__ import annotations

import hashlib
import io
import json
import re
import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from saln.pilot.config import PilotConfig, PilotError
from saln.pilot.job import DataSummary, Job
from saln.pilot.judging.equal_time import Longer
from saln.pilot.judging.selection import ScoredBatch, Selection
from saln.pilot.training.point import Point
from saln.pilot.training.run import Run

APPLICATION, FORMAT = 0x73616C6E, 3
"""What SQLite's `application_id` (in ASCII: saln) and `user_version` say in files of this package."""
TABLES = (
    "CREATE TABLE pilot (gates TEXT, data TEXT)",
    "CREATE TABLE spent (seconds REAL)",
    "CREATE TABLE run (method TEXT, seed INTEGER, setup_seconds REAL, wall_seconds REAL, processor TEXT, "
    "curve TEXT, selection TEXT, arrays BLOB, source TEXT, PRIMARY KEY (method, seed))",
    "CREATE TABLE longer (seed INTEGER, stretch REAL, curve TEXT, wall_seconds REAL, PRIMARY KEY (seed, stretch))",
)
"""Texts but `method`, `processor` and `source` are JSON; `arrays` is an npz file."""
NO_ROOM = re.compile("disk|readonly")
"""What SQLite says where it cannot write."""
ARRAYS = {"chosen": np.int32, "step_seconds": np.float64, "predicted": np.int32}
"""Tensors of a run as they are stored."""


class Damaged(PilotError):
    """A file that is no journal of this package, or no longer a whole one."""


class Journal:
    """Runs of one data set and one way of running, in a SQLite file, each written as soon as it is over.

    The file's name carries a fingerprint of both, so that nothing is taken over from other data or settings; methods,
    seeds, gates and prices may change from one session to the next. What a crash interrupted, SQLite takes back.

    Parameters
    ----------
    folder : Path or None
        Made where it is missing; None keeps nothing.
    fingerprint : str
    sources : mapping of str to str
        Of methods that are the user's own, by name, as `Method.source`; runs of others of these names are forgotten.
    gates : tuple of str
        Written down with the first run, to tell later whether they were changed.
    fresh : bool
        Forget what is there.

    Raises
    ------
    PilotError
        Another pilot is writing the same journal, the folder cannot be written, or the file is no journal.
    """

    def __init__(
        self,
        folder: Path | None,
        fingerprint: str,
        gates: tuple[str, ...] = (),
        *,
        sources: Mapping[str, str] | None = None,
        fresh: bool = False,
    ) -> None:
        self._sources = sources or {}
        self.runs: dict[tuple[str, int], tuple[Run, Selection]] = {}
        self.longer: dict[int, dict[float, Longer]] = defaultdict(dict)  # by seed, and how many times as long
        self.summary: DataSummary | None = None
        self.seconds = 0.0
        self.processors: set[str] = set()
        self.path = None if folder is None else folder / f"runs-{fingerprint[:16]}.sqlite"
        if fresh and self.path is not None and self.path.exists():
            with suppress(Damaged):
                _open(self.path).close()  # where another pilot is writing it, this is refused
            for path in (self.path, Path(f"{self.path}-journal")):
                path.unlink(missing_ok=True)
        self._db = _open(self.path)
        try:
            self.first_gates = self._read(gates)
        except Exception as error:  # whatever a damaged file leads SQLite, zipfile, numpy and json to
            self.close()
            if isinstance(error, sqlite3.OperationalError) and NO_ROOM.search(str(error)):
                raise PilotError(f"{self.path}: cannot be written: {error}") from error
            raise Damaged(f"{self.path}: cannot be read ({error}); --fresh starts over") from error

    def close(self) -> None:
        """Let others write."""
        self._db.close()

    def add_summary(self, summary: DataSummary) -> None:
        """What the data set looked like in the first seed."""
        self.summary = summary
        self._write(0.0, "UPDATE pilot SET data = ?", _json(summary))

    def add_run(self, run: Run, selection: Selection, processor: str) -> None:
        """A run that is over."""
        self.runs[run.method, run.seed] = run, selection
        self.processors.add(processor)
        arrays = io.BytesIO()
        found = {name: (getattr(run, name), kind) for name, kind in ARRAYS.items()}
        np.savez_compressed(
            arrays, **{name: each.numpy().astype(kind) for name, (each, kind) in found.items() if each is not None}
        )
        self._write(
            run.wall_seconds, "INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", run.method, run.seed,
            run.setup_seconds, run.wall_seconds, processor, _json(run.curve), _json(selection), arrays.getvalue(),
            self._sources.get(run.method, ""),
        )  # fmt: skip

    def add_longer(self, seed: int, stretch: float, longer: Longer) -> None:
        """A run of uniform that was so many times as long as usual."""
        self.longer[seed][stretch] = longer
        row = seed, stretch, _json(longer.curve), longer.wall_seconds
        self._write(longer.wall_seconds, "INSERT INTO longer VALUES (?, ?, ?, ?)", *row)

    def add_seconds(self, seconds: float) -> None:
        """Time spent on what belongs to no run: splits, reference networks."""
        self._write(seconds)

    def _write(self, seconds: float, statement: str = "SELECT 1", *values: Any) -> None:
        """One transaction, of something that took so long."""
        self.seconds += seconds
        try:
            with self._db:
                self._db.execute("INSERT INTO spent VALUES (?)", (seconds,))
                self._db.execute(statement, values)
        except sqlite3.Error as error:
            raise PilotError(
                f"{self.path}: cannot be written: {error}; what was before is kept: the same command goes on"
            ) from error

    def _read(self, gates: tuple[str, ...]) -> tuple[str, ...]:
        """Take over what is there, or begin; the gates that the pilot began with."""
        if not self._one("SELECT count(*) FROM sqlite_master"):
            for statement in (*TABLES, f"PRAGMA application_id = {APPLICATION}", f"PRAGMA user_version = {FORMAT}"):
                self._db.execute(statement)
            self._db.execute("INSERT INTO pilot (gates) VALUES (?)", (_json(gates),))
        if (self._one("PRAGMA application_id"), self._one("PRAGMA user_version")) != (APPLICATION, FORMAT):
            raise ValueError(f"it is no pilot's journal of format {FORMAT}")
        self._db.commit()
        data, self.seconds = self._one("SELECT data FROM pilot"), self._one("SELECT total(seconds) FROM spent")
        self.summary = None if data is None else DataSummary(**_loaded(data))
        for method, source in self._sources.items():
            self._db.execute("DELETE FROM run WHERE method = ? AND source != ?", (method, source))
        self._db.commit()
        for method, seed, setup, wall, processor, curve, selection, content, _ in self._db.execute("SELECT * FROM run"):
            with np.load(io.BytesIO(content)) as stored:
                found = {name: torch.from_numpy(stored[name]) for name in stored.files}
            arrays: dict[str, Any] = {
                name: each if each.is_floating_point() else each.long() for name, each in found.items()
            }
            run = Run(
                method,
                seed,
                _curve(curve),
                setup,
                arrays["chosen"],
                arrays["step_seconds"],
                arrays.get("predicted"),
                wall,
            )
            self.runs[method, seed] = run, _selection(selection)
            self.processors.add(processor)
        for seed, stretch, curve, wall in self._db.execute("SELECT * FROM longer"):
            self.longer[seed][stretch] = Longer(_curve(curve), wall)
        begun_with: tuple[str, ...] = _loaded(self._one("SELECT gates FROM pilot"))
        return begun_with

    def _one(self, statement: str) -> Any:
        return self._db.execute(statement).fetchone()[0]


def _open(path: Path | None) -> sqlite3.Connection:
    """What is open here nobody else can write or read; the lock goes with the process."""
    db = None
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path or ":memory:", timeout=0.0)
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("BEGIN EXCLUSIVE")
    except (OSError, sqlite3.Error) as error:
        if db is not None:
            db.close()
        if "locked" in str(error):
            raise PilotError(f"{path}: another pilot is writing it") from error
        if isinstance(error, OSError | sqlite3.OperationalError):
            raise PilotError(f"{path}: cannot be written: {error}") from error
        raise Damaged(f"{path}: cannot be read ({error}); --fresh starts over") from error
    return db


def fingerprint(job: Job, config: PilotConfig, versions: dict[str, str]) -> str:
    """Hexadecimal digest of the job, of the settings a run depends on, of the versions and of the journal's format."""
    digest = hashlib.sha256()
    for part in job.fingerprint():
        digest.update(part.encode() if isinstance(part, str) else part)
    digest.update(json.dumps([config.run_settings(), versions, FORMAT], sort_keys=True).encode())
    return digest.hexdigest()


def _json(value: Any) -> str:
    return json.dumps(value, default=asdict)


def _loaded(text: str) -> Any:
    """Lists as the tuples that they were."""

    def tuples(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: tuples(each) for key, each in value.items()}
        return tuple(map(tuples, value)) if isinstance(value, list) else value

    return tuples(json.loads(text))


def _curve(text: str) -> tuple[Point, ...]:
    return tuple(Point(**point) for point in _loaded(text))


def _selection(text: str) -> Selection:
    fields = _loaded(text)
    ends = {end: tuple(ScoredBatch(**each) for each in fields[end]) for end in ("highest", "lowest")}
    return Selection(**{**fields, **ends})
