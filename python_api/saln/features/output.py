"""Where features are written: in parts while they are extracted, at once under their own name when all are there."""

from __future__ import annotations

import json
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

import saln_kernels
from saln.datasets import DataError
from saln.datasets.errors import one_line
from saln.features.features import SCHEMA, Features, array_checksum, load, sidecar_of
from saln.features.fingerprint import Fingerprint
from saln.journal import Journal, Unfinished, begun_with, differences
from saln.writing import named

NAME = "features"
PROGRESS = "progress.json"
LIBRARIES = ("timm", "transformers", "sentence-transformers")


def check_output(out: Path) -> None:
    """A DataError if no such file can be written."""
    if out.suffix.lower() != ".npy":
        raise DataError(f"{out}: unknown ending '{out.suffix}' of the output; wanted .npy")
    if out.is_dir():
        raise DataError(f"{out}: is a folder; name a file to write")
    if not out.resolve().parent.is_dir():
        raise DataError(f"{out}: the folder {out.parent} does not exist")


def finished(out: Path, facts: dict[str, Any]) -> Features | None:
    """Features that were extracted with the same facts before.

    A DataError if the file is there and nothing says that it was extracted: then it is not to be lost.
    """
    if not out.exists():
        return None
    if not sidecar_of(out).exists():
        begun = begun_with(out)
        if begun is None or differences(begun, facts):
            raise DataError(
                f"{out}: is there, and was not extracted here ({sidecar_of(out).name} is missing); name another file "
                "to write, or overwrite it with fresh=True, --fresh"
            )
        return None  # a kill between the two
    with one_line(sidecar_of(out)):
        found = json.loads(sidecar_of(out).read_text(encoding="utf-8"))
        return None if found.get("schema") != SCHEMA or differences(found["facts"], facts) else load(out)


class Output:
    """Rows of an extraction that is under way.

    Parameters
    ----------
    work : Unfinished
    n_rows : int
    dtype : numpy dtype

    Attributes
    ----------
    seconds : float
        Spent on the rows that are kept, in earlier sessions too.
    broken : dict of int to str
        Rows without features, and why.
    n_cut : int
        Texts that were as long as they may be.
    """

    def __init__(self, work: Unfinished, n_rows: int, dtype: np.dtype[Any]) -> None:
        self._work, self._n_rows, self._dtype = work, n_rows, dtype
        self._progress = work.folder / PROGRESS
        self._journal: Journal | None = None
        kept = _kept(self._progress)
        width = _width(work.folder / f"{NAME}.npy")
        if width is not None and kept is not None:
            self._journal = Journal(work, NAME, (n_rows, width), dtype)
        else:  # nothing, or damaged: which of the rows are broken is known by both alone
            kept = {}
            (work.folder / f"{NAME}.npy").unlink(missing_ok=True)
        self.seconds: float = kept.get("seconds", 0.0)
        self.n_cut: int = kept.get("n_cut", 0)
        self.broken: dict[int, str] = kept.get("broken", {})

    @property
    def n_done(self) -> int:
        """Rows kept."""
        return 0 if self._journal is None else self._journal.n_done

    @property
    def width(self) -> int | None:
        """Features of a row; None before the first are kept."""
        return None if self._journal is None else self._journal.array().shape[1]

    def missing(self, step: int) -> Any:
        """Runs of at most `step` rows that are to be extracted, in order."""
        if self._journal is not None:
            return (range(start, stop) for start, stop in self._journal.missing(step))
        return (range(start, min(start + step, self._n_rows)) for start in range(0, self._n_rows, step))

    def record(self, start: int, rows: npt.NDArray[Any]) -> None:
        """Keep rows `[n, d]` from `start` on, and what is known beside them."""
        if self._journal is None:
            self._journal = Journal(self._work, NAME, (self._n_rows, rows.shape[1]), self._dtype)
        known = {"seconds": self.seconds, "n_cut": self.n_cut, "broken": self.broken}
        self._work.keep(PROGRESS, json.dumps(known).encode())
        self._journal.record(start, rows)

    def publish(
        self, out: Path, name: str, facts: dict[str, Any], fingerprint: Fingerprint, notes: list[str]
    ) -> Features:
        """Give the rows the output's name and write the file beside it; the folder goes."""
        assert self._journal is not None
        new = self._work.folder / "output.npy"
        array = self._journal.array()
        found = {
            "schema": SCHEMA,
            "rows": len(array),
            "width": array.shape[1],
            "dtype": str(array.dtype),
            "seconds": round(self.seconds, 3),
            "model": {"name": name, **facts["model"]},
            "data": fingerprint.as_dict(),
            "facts": facts,
            "notes": notes,
            "broken": self.broken,
            "versions": versions(),
            "checksum": array_checksum(array),
        }
        beside = "sidecar.json"
        self._work.keep(beside, json.dumps(found, indent=1, ensure_ascii=False).encode("utf-8", "replace"))
        with named(out):
            self._journal.copy_to(new)
            sidecar_of(out).unlink(missing_ok=True)  # it describes what is overwritten
            new.replace(out)
            (self._work.folder / beside).replace(sidecar_of(out))
        self._work.discard()
        return load(out)


def _kept(progress: Path) -> dict[str, Any] | None:
    """What was known beside the rows; None where that is missing or damaged."""
    try:
        found = json.loads(progress.read_text(encoding="utf-8"))
        named_rows = {int(row): str(cause) for row, cause in found["broken"].items()}
        return {"seconds": float(found["seconds"]), "n_cut": int(found["n_cut"]), "broken": named_rows}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _width(path: Path) -> int | None:
    """Features of the rows in a file; None where it is missing or its head is damaged."""
    try:
        with path.open("rb") as file:
            np.lib.format.read_magic(file)
            shape, _, _ = np.lib.format.read_array_header_1_0(file)
        return int(shape[1])
    except (OSError, ValueError, IndexError):
        return None


def versions() -> dict[str, str]:
    """Of what the numbers depend on and is installed."""
    found = {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {"saln": saln_kernels.__version__, **found}
