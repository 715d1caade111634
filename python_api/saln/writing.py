"""Files that are written whole or not at all, and tables that a spreadsheet may open."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""Beginnings of texts that a spreadsheet takes for formulas."""
NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")


class WriteError(OSError):
    """A file that could not be written; the message names it. What was there before is there still."""

    def __init__(self, path: Path, cause: OSError) -> None:
        super().__init__(cause.errno, cause.strerror or str(cause), str(path))

    def __str__(self) -> str:
        return f"{self.filename}: cannot be written: {self.strerror}"


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A name to write under: what is there at the end takes the place of `path` at once, on disk.

    Until then, and after an error or a kill, `path` is as it was. A link stays one, and what it leads to is written. A
    device or a pipe is written itself.

    Raises
    ------
    WriteError
        The disk is full, nothing may be written there, or the like.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with whole(path) as new:
    ...     _ = new.write_text("all of it")
    ...     path.exists()
    False
    >>> path.read_text(), len(list(path.parent.iterdir()))
    ('all of it', 1)
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        with named(path):
            yield target
        return
    new = target.with_name(f".{target.stem[:40]}.{os.getpid()}.new{target.suffix}")
    try:
        with named(path):
            yield new
            sync(new)
            if target.exists():
                shutil.copymode(target, new)
            new.replace(target)
    except BaseException:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise


@contextmanager
def named(path: Path) -> Iterator[None]:
    """What the system says of writing, as a WriteError about `path`."""
    try:
        yield
    except WriteError:
        raise
    except OSError as error:
        raise WriteError(path, error) from error


def made(folder: Path) -> Path:
    """A folder that is there, made with those above it; a WriteError where it cannot be."""
    with named(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def sync(path: Path) -> None:
    """Wait until a file is on disk: some systems say only then that they have no room for it."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, all of it or nothing; a WriteError where that fails."""
    with whole(path) as new:
        new.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a text in UTF-8; what has no place in it, such as half of a pair of UTF-16, becomes a question mark."""
    write_bytes(path, text.encode("utf-8", "replace"))


def write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write an npy file. To a file on disk numpy writes itself, and does not say so where the end found no room."""
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    write_bytes(path, content.getvalue())


def write_table(path: Path, rows: Iterable[Iterable[Any]]) -> None:
    """Write rows as a csv file in UTF-8, in which no text is run as a formula."""
    with whole(path) as new, new.open("w", encoding="utf-8", errors="replace", newline="") as file:
        csv.writer(file).writerows(map(cell, row) for row in rows)


def cell(value: Any) -> Any:
    """A value as it stands in a csv file: a text that a spreadsheet would run is kept from it by a quotation mark.

    Examples
    --------
    >>> [cell(value) for value in ("=1+1", "a=1", "-1", -0.5)]
    ["'=1+1", 'a=1', '-1', -0.5]
    """
    runs = isinstance(value, str) and value.startswith(FORMULA) and not NUMBER.fullmatch(value)
    return f"'{value}" if runs else value
