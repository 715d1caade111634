"""What is finished of a result, kept beside the output until all of it is, so that no kill costs more than a block."""

from __future__ import annotations

import io
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

from saln.writing import WriteError, named, sync, write_bytes

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
        If it was begun with other facts; says which. Or what it was begun with cannot be read.
    WriteError
        If it cannot be written.
    RuntimeError
        If another process holds it.
    """

    def __init__(self, output: Path, facts: dict[str, Any], *, result: str, restart: bool) -> None:
        self.folder = output.with_name(f"{output.name}.partial")
        self._rubbish = output.with_name(f"{output.name}.finished")
        with named(self.folder):
            self.folder.mkdir(exist_ok=True)
        self._lock = FileLock(self.folder / LOCK, timeout=0)
        try:
            self._lock.acquire()
        except Timeout as error:
            raise RuntimeError(f"another process is at work on {output}") from error
        except OSError as error:
            raise WriteError(self.folder, error) from error
        try:
            shutil.rmtree(self._rubbish, ignore_errors=True)
            self._begin(output, json.loads(json.dumps(facts)), result, restart)
        except BaseException:
            self._lock.release()
            raise

    def _begin(self, output: Path, facts: dict[str, Any], result: str, restart: bool) -> None:
        file = self.folder / FACTS
        if file.exists() and not restart:
            changed = differences(begun_with(output) or {}, facts)
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
        write_bytes(self.folder / name, content)

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


def begun_with(output: Path) -> dict[str, Any] | None:
    """The facts of a result that was broken off, None where there are none; a ValueError if they cannot be read."""
    file = output.with_name(f"{output.name}.partial") / FACTS
    if not file.exists():
        return None
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("it holds no JSON object")
    except (ValueError, OSError, RecursionError) as error:
        raise ValueError(f"{file}: cannot be read ({error}); remove {file.parent} to begin anew") from error
    return found


class Journal:
    """An npy file whose rows come in any order, and a line for every run of rows that is in it.

    A line holds first row, row after the last, and their checksum. Lines are checked when they are read, so that what a
    kill or a power cut left incomplete counts as not done, in whatever order the system wrote; nor does what was cut
    off or damaged since.

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
        head = self._head()
        self._offset = len(head)
        if not _begins_with(self.path, head):
            self._lines.unlink(missing_ok=True)
            write_bytes(self.path, head)
        with named(self.path):
            os.truncate(self.path, self._offset + self.n_rows * self._row_bytes)
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
        with named(self.path), self.path.open("r+b") as file:
            file.seek(self._offset + start * self._row_bytes)
            file.write(content)
        line = (start, start + len(rows), zlib.crc32(content))
        with named(self._lines), self._lines.open("a") as lines:
            lines.write(f"{json.dumps(line)}\n")
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
        sync(self.path)
        try:
            # The folder keeps the rows until it goes: a kill in between leaves it complete.
            os.link(self.path, path)
        except OSError:
            shutil.copyfile(self.path, path)
            sync(path)

    def _head(self) -> bytes:
        file = io.BytesIO()
        header = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False, "shape": self._shape}
        np.lib.format.write_array_header_1_0(file, header)
        return file.getvalue()

    def _read_lines(self) -> list[tuple[int, int, int]]:
        if not self._lines.exists():
            return []
        # What has no end of line was cut off.
        texts = self._lines.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
        found: list[tuple[int, int, int]] = []
        with self.path.open("rb") as file:
            for start, stop, checksum in sorted(filter(None, map(_line, texts))):
                if not (found[-1][1] if found else 0) <= start < stop <= self.n_rows:
                    continue
                file.seek(self._offset + start * self._row_bytes)
                if zlib.crc32(file.read((stop - start) * self._row_bytes)) == checksum:
                    found.append((start, stop, checksum))
        return found

    def _write_lines(self) -> None:
        write_bytes(self._lines, "".join(f"{json.dumps(line)}\n" for line in self._done).encode())


def _begins_with(path: Path, head: bytes) -> bool:
    if not path.exists():
        return False
    with path.open("rb") as file:
        return file.read(len(head)) == head


def _line(text: str) -> tuple[int, int, int] | None:
    """A line of a journal; None where it is damaged."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_line = isinstance(found, list) and len(found) == 3 and all(type(each) is int for each in found)
    return (found[0], found[1], found[2]) if is_line else None


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
