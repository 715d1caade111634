"""What is finished of a result, kept beside the output until all of it is, so that no kill costs more than a block."""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

Array = npt.NDArray[Any]
FACTS = "facts.json"
LOCK = "lock"


class Unfinished:
    """The folder `<output>.partial`, with what a run was begun with and the journals of its results.

    One process at a time may hold it; a kill lets go of it.

    Parameters
    ----------
    output : Path
    facts : dict
        What the result depends on, ready for JSON.
    result : str
        The journal of the result. A folder begun with other facts is refused if anything of it is finished.
    restart : bool
        Begin anew whatever is there.

    Raises
    ------
    ValueError
        If it was begun with other facts; says which.
    RuntimeError
        If another process holds it.
    """

    def __init__(self, output: Path, facts: dict[str, Any], *, result: str, restart: bool) -> None:
        self.folder = output.with_name(f"{output.name}.partial")
        self._rubbish = output.with_name(f"{output.name}.finished")
        self.folder.mkdir(exist_ok=True)
        self._lock = FileLock(self.folder / LOCK, timeout=0)
        try:
            self._lock.acquire()
        except Timeout as error:
            raise RuntimeError(f"another process is at work on {output}") from error
        try:
            shutil.rmtree(self._rubbish, ignore_errors=True)
            self._begin(output, json.loads(json.dumps(facts)), result, restart)
        except BaseException:
            self._lock.release()
            raise

    def _begin(self, output: Path, facts: dict[str, Any], result: str, restart: bool) -> None:
        file = self.folder / FACTS
        if file.exists() and not restart:
            changed = differences(json.loads(file.read_text()), facts)
            if not changed:
                return
            lines = self.folder / f"{result}.done"
            if lines.exists() and lines.stat().st_size:
                raise ValueError(
                    f"{output} was begun otherwise: {'; '.join(changed)}. Go on as it was begun, or begin anew with "
                    "--restart"
                )
        # The facts are the last to come and the first to go: a folder without them holds nothing.
        file.unlink(missing_ok=True)
        for leftover in self.folder.iterdir():
            if leftover.name != LOCK:
                leftover.unlink()
        self.keep(FACTS, json.dumps(facts, indent=1).encode())

    def keep(self, name: str, content: bytes) -> None:
        """Write a file of the folder, all of it or nothing."""
        new = self.folder / f"{name}.new"
        new.write_bytes(content)
        new.replace(self.folder / name)

    def discard(self) -> None:
        """Remove the folder: the result is where it belongs."""
        # In one step, or a kill halfway would have everything begun anew. What it leaves, the next run removes.
        self.folder.rename(self._rubbish)
        shutil.rmtree(self._rubbish)

    def __enter__(self) -> Unfinished:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


class Journal:
    """An npy file whose rows come in any order, and a line for every run of rows that is in it.

    A line holds first row, row after the last, and their checksum. Lines are checked when they are read, so that what a
    kill or a power cut left incomplete counts as not done, in whatever order the system wrote.

    Parameters
    ----------
    work : Unfinished
    name : str
        Of the files.
    shape : tuple of int
    dtype : numpy dtype

    Attributes
    ----------
    path : Path
        The npy file.
    n_rows, n_done : int

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from pathlib import Path
    >>> from saln.journal import Journal, Unfinished
    >>> with Unfinished(Path(tempfile.mkdtemp()) / "s.npy", {}, result="scores", restart=False) as work:
    ...     journal = Journal(work, "scores", (10,), np.dtype(np.float32))
    ...     journal.record(4, np.ones(3, dtype=np.float32))
    ...     Journal(work, "scores", (10,), np.dtype(np.float32)).n_done, list(journal.missing(3))
    (3, [(0, 3), (3, 4), (7, 10)])
    """

    def __init__(self, work: Unfinished, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.path = work.folder / f"{name}.npy"
        self.n_rows, self._shape, self._dtype = shape[0], shape, dtype
        self._row_bytes = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
        self._lines = work.folder / f"{name}.done"
        if not self.path.exists():
            self._lines.unlink(missing_ok=True)
            self._create()
        with self.path.open("rb") as file:
            np.lib.format.read_magic(file)
            np.lib.format.read_array_header_1_0(file)
            self._offset = file.tell()
        self._done = self._read_lines()
        self._write_lines()

    @property
    def n_done(self) -> int:
        """Rows finished."""
        return sum(stop - start for start, stop, _ in self._done)

    def missing(self, step: int) -> Iterator[tuple[int, int]]:
        """Runs of at most `step` rows that are not finished, in order; as of now, whatever is recorded later."""
        place = 0
        for start, stop, _ in [*sorted(self._done), (self.n_rows, self.n_rows, 0)]:
            for first in range(place, start, step):
                yield first, min(first + step, start)
            place = max(place, stop)

    def record(self, start: int, rows: Array) -> None:
        """Rows from `start` on are finished."""
        if rows.dtype != self._dtype or rows.shape[1:] != self._shape[1:] or start + len(rows) > self.n_rows:
            raise ValueError(f"rows are {rows.dtype} {list(rows.shape)}; wanted {self._dtype} {list(self._shape)}")
        content = np.ascontiguousarray(rows).tobytes()
        with self.path.open("r+b") as file:
            file.seek(self._offset + start * self._row_bytes)
            file.write(content)
        line = (start, start + len(rows), zlib.crc32(content))
        with self._lines.open("a") as file:
            file.write(f"{json.dumps(line)}\n")
        self._done.append(line)

    def array(self) -> Array:
        """All rows, mapped; those not finished are zero."""
        return (
            np.load(self.path, mmap_mode="r")
            if self.n_rows and self._row_bytes
            else np.zeros(self._shape, dtype=self._dtype)
        )

    def copy_to(self, path: Path) -> None:
        """The npy file under another name too, every row of it on disk."""
        path.unlink(missing_ok=True)
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        try:
            # The folder keeps the rows until it goes: a kill in between leaves it complete.
            os.link(self.path, path)
        except OSError:
            shutil.copyfile(self.path, path)

    def _create(self) -> None:
        new = self.path.with_suffix(".new")
        with new.open("wb") as file:
            header = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False, "shape": self._shape}
            np.lib.format.write_array_header_1_0(file, header)
            file.truncate(file.tell() + self.n_rows * self._row_bytes)
        new.replace(self.path)

    def _read_lines(self) -> list[tuple[int, int, int]]:
        if not self._lines.exists():
            return []
        found = []
        with self.path.open("rb") as file:
            for text in self._lines.read_text().split("\n")[:-1]:  # what has no end of line was cut off
                start, stop, checksum = json.loads(text)
                file.seek(self._offset + start * self._row_bytes)
                if zlib.crc32(file.read((stop - start) * self._row_bytes)) == checksum:
                    found.append((start, stop, checksum))
        return found

    def _write_lines(self) -> None:
        new = self._lines.with_suffix(".new")
        new.write_text("".join(f"{json.dumps(line)}\n" for line in self._done))
        new.replace(self._lines)


def differences(begun: dict[str, Any], now: dict[str, Any], where: str = "") -> list[str]:
    """What differs between two nested dicts, a line each.

    >>> from saln.journal import differences
    >>> differences({"k": 2, "file": {"bytes": 3}}, {"k": 2, "file": {"bytes": 4}})
    ['file bytes was 3, is 4']
    """
    lines: list[str] = []
    for name in [*begun, *(name for name in now if name not in begun)]:
        before, after = begun.get(name), now.get(name)
        if isinstance(before, dict) and isinstance(after, dict):
            lines += differences(before, after, f"{where}{name} ")
        elif before != after:
            lines.append(f"{where}{name} was {before!r}, is {after!r}")
    return lines
