"""Finished runs on disk, so that a pilot that was killed goes on where it was."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from saln.datasets import Dataset
from saln.pilot.config import PilotConfig, PilotError
from saln.pilot.judging.equal_time import LongerUniform
from saln.pilot.judging.selection import ScoredBatch, Selection
from saln.pilot.output.result import DataSummary
from saln.pilot.training.trainer import Point, Run

FORMAT = 1
DTYPES = {"int32": torch.int64, "float64": torch.float64}
"""As stored, and as read back."""


class Journal:
    """Runs of one data set and one way of running, a line of JSON each, written as soon as they are over.

    The file's name carries a fingerprint of both, so that nothing is taken over from other data or settings; methods,
    seeds, gates and prices may change from one session to the next. A line cut off by a crash is dropped.

    Parameters
    ----------
    folder : Path or None
        Made where it is missing; None keeps nothing.
    fingerprint : str
    gates : tuple of str
        Written down with the first run, to tell later whether they were changed.
    fresh : bool
        Forget what is there.

    Raises
    ------
    PilotError
        Another pilot is writing the same journal, or the folder cannot be written.
    """

    def __init__(
        self, folder: Path | None, fingerprint: str, gates: tuple[str, ...] = (), *, fresh: bool = False
    ) -> None:
        self.runs: dict[tuple[str, int], tuple[Run, Selection]] = {}
        self.longer: dict[int, LongerUniform] = {}
        self.summary: DataSummary | None = None
        self.seconds = 0.0
        self.processors: set[str] = set()
        self.first_gates = gates
        self.path = None if folder is None else folder / f"runs-{fingerprint[:16]}.jsonl"
        self._file = None
        if self.path is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(self.path, "a+b")  # noqa: SIM115  # open as long as the journal is
        except OSError as error:
            raise PilotError(f"{self.path}: cannot be written: {error}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise PilotError(f"{self.path}: another pilot is writing it") from error
        if fresh:
            self._file.truncate(0)
        self._read()
        if not self._file.tell():
            self._write({"kind": "begin", "format": FORMAT, "gates": list(gates)})

    def close(self) -> None:
        """Let others write."""
        if self._file is not None:
            self._file.close()

    def add_summary(self, summary: DataSummary) -> None:
        """What the data set looked like in the first seed."""
        self.summary = summary
        self._write({"kind": "summary", "data": asdict(summary)})

    def add_run(self, run: Run, selection: Selection, processor: str) -> None:
        """A run that is over."""
        self.runs[run.method, run.seed] = run, selection
        self._write(
            {
                "kind": "run",
                "method": run.method,
                "seed": run.seed,
                "curve": [asdict(point) for point in run.curve],
                "setup_seconds": run.setup_seconds,
                "wall_seconds": run.wall_seconds,
                "chosen": _packed(run.chosen, "int32"),
                "step_seconds": _packed(run.step_seconds, "float64"),
                "predicted": _packed(run.predicted, "int32"),
                "selection": asdict(selection),
                "processor": processor,
            }
        )
        self.processors.add(processor)
        self.seconds += run.wall_seconds

    def add_longer(self, longer: LongerUniform) -> None:
        """Uniform's longer run of a seed."""
        self.longer[longer.seed] = longer
        self._write({"kind": "longer", **asdict(longer)})
        self.seconds += longer.wall_seconds

    def add_seconds(self, seconds: float) -> None:
        """Time spent on what belongs to no run: splits, reference networks."""
        self._write({"kind": "seconds", "seconds": seconds})
        self.seconds += seconds

    def _write(self, entry: dict[str, Any]) -> None:
        if self._file is None:
            return
        self._file.write(json.dumps(entry).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _read(self) -> None:
        """Take over every whole line, and cut off what a crash left after the last."""
        assert self._file is not None
        self._file.seek(0)
        whole = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            try:
                entry = json.loads(line)
                self._take(entry)
            except (ValueError, KeyError, TypeError, zlib.error) as error:
                raise PilotError(
                    f"{self.path}: line at byte {whole} cannot be read ({error}); --fresh starts over"
                ) from error
            whole += len(line)
        self._file.truncate(whole)
        self._file.seek(whole)

    def _take(self, entry: dict[str, Any]) -> None:
        kind = entry["kind"]
        if kind == "begin":
            if entry["format"] != FORMAT:
                raise ValueError(f"format {entry['format']}, want {FORMAT}")
            self.first_gates = tuple(entry["gates"])
        elif kind == "summary":
            self.summary = DataSummary(**{name: _frozen(value) for name, value in entry["data"].items()})
        elif kind == "run":
            run = Run(
                method=entry["method"],
                seed=entry["seed"],
                curve=tuple(Point(**point) for point in entry["curve"]),
                setup_seconds=entry["setup_seconds"],
                chosen=_unpacked(entry["chosen"]),
                step_seconds=_unpacked(entry["step_seconds"]),
                predicted=_unpacked(entry["predicted"]),
                wall_seconds=entry["wall_seconds"],
            )
            self.runs[run.method, run.seed] = run, _selection(entry["selection"])
            self.processors.add(entry["processor"])
            self.seconds += run.wall_seconds
        elif kind == "longer":
            curve = tuple(Point(**point) for point in entry["curve"])
            longer = LongerUniform(entry["seed"], tuple(entry["budgets"]), curve, entry["wall_seconds"])
            self.longer[longer.seed] = longer
            self.seconds += longer.wall_seconds
        elif kind == "seconds":
            self.seconds += entry["seconds"]


def fingerprint(dataset: Dataset, config: PilotConfig, versions: dict[str, str]) -> str:
    """Hexadecimal digest of the data, of the settings a run depends on, and of the versions."""
    digest = hashlib.sha256()
    for tensor in (dataset.x, dataset.labels, dataset.is_test, dataset.images):
        if tensor is not None:
            digest.update(f"{tensor.dtype}{list(tensor.shape)}".encode())
            digest.update(tensor.contiguous().numpy().data)
        digest.update(b";")
    described = [dataset.name, dataset.class_names, dataset.features_given, config.run_settings(), versions]
    digest.update(json.dumps(described, sort_keys=True).encode())
    return digest.hexdigest()


def _packed(tensor: torch.Tensor, dtype: str) -> dict[str, Any]:
    array = tensor.cpu().numpy().astype(dtype)
    content = base64.b64encode(zlib.compress(array.tobytes())).decode()
    return {"dtype": dtype, "shape": list(array.shape), "zlib": content}


def _unpacked(entry: dict[str, Any]) -> torch.Tensor:
    content = zlib.decompress(base64.b64decode(entry["zlib"]))
    array = np.frombuffer(content, dtype=entry["dtype"]).reshape(entry["shape"])
    return torch.from_numpy(array.copy()).to(DTYPES[entry["dtype"]])


def _frozen(value: Any) -> Any:
    return tuple(_frozen(each) for each in value) if isinstance(value, list) else value


def _selection(entry: dict[str, Any]) -> Selection:
    fields = {name: _frozen(value) for name, value in entry.items()}
    for name in ("highest", "lowest"):
        batches = ({key: _frozen(value) for key, value in each.items()} for each in entry[name])
        fields[name] = tuple(ScoredBatch(**each) for each in batches)
    return Selection(**fields)
