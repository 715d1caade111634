"""The error for data that cannot be used, and how arrays and names are put in words."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from saln.catalogue import Message, message

Array = npt.NDArray[Any]
FOREIGN = ("safetensors", "safetensors_rust", "pyarrow", "builtins", "tokenize", "zlib", "struct", "numpy", "_pickle")
"""Modules of the exceptions that broken files lead readers to."""


class DataError(ValueError):
    """A file, array or column that cannot be used; the message is one line that names it."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.splitlines()))  # names and values of a file may have several


@contextmanager
def one_line(path: Path | str, name: str | None = None) -> Iterator[None]:
    """What readers of files raise, as a DataError of one line that names the file."""
    try:
        yield
    except (DataError, ImportError):  # of a library that is not there the file knows nothing
        raise
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _unreadable(path, name, error) from error
    except Exception as error:
        # These have their own exception trees, and some are imported only where they are needed.
        if type(error).__module__.split(".")[0] in FOREIGN:
            raise _unreadable(path, name, error) from error
        raise


def _unreadable(path: Path | str, name: str | None, error: Exception) -> DataError:
    if "allow_pickle" in str(error):
        return DataError(
            f"{path}: {'the array' if name is None else repr(name)} holds Python objects, which are not read"
        )
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return DataError(f"{path}: cannot be read: {reason}")


def describe(array: Array) -> str:
    """Type and shape in words, for messages."""
    return f"{array.dtype} {list(array.shape)}"


def listing(names: Sequence[str], limit: int = 12) -> str:
    """Names in a row, the first of many."""
    shown = ", ".join(names[:limit]) or "nothing"
    return shown if len(names) <= limit else f"{shown}, … ({len(names)} in all)"


def listed(names: Sequence[str], limit: int = 12) -> Message:
    """The same for a note, in every language."""
    more = ".more" if len(names) > limit else ""
    return message(f"data.names{more}", names=list(names[:limit]), n=len(names))


def rows_in_words(wrong: npt.NDArray[np.bool_], limit: int = 3) -> str:
    """How many rows are marked, and the first of them, counted from 0.

    >>> import numpy as np
    >>> rows_in_words(np.array([False, True, True, False, True, True]))
    '4 rows (1, 2, 4, …)'
    """
    rows = np.flatnonzero(wrong)
    more = ", …" if len(rows) > limit else ""
    return f"{len(rows)} {'row' if len(rows) == 1 else 'rows'} ({', '.join(map(str, rows[:limit].tolist()))}{more})"
