"""A kind of file that is read, and what may come of it."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from saln.datasets import DataError


@dataclass(frozen=True)
class Target:
    """A kind of file.

    Attributes
    ----------
    name : str
    suffix : str
    seeds : list of bytes
        Whole files.
    read : callable
        Reads a path with everything that reads such files.
    errors : tuple of type
        The package's own.
    """

    name: str
    suffix: str
    seeds: list[bytes]
    read: Callable[[Path], object]
    errors: tuple[type[Exception], ...] = (DataError,)

    def fault(self, content: bytes, folder: Path) -> str | None:
        """What is wrong with how a content is read; None where nothing is."""
        path = folder / f"f{self.suffix}"
        path.write_bytes(content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.read(path)
        except self.errors as error:
            message = str(error)
            if str(path) not in message and str(folder) not in message:
                return f"the message does not name the file: {message}"
            return None if len(message.splitlines()) == 1 else f"the message has several lines: {message}"
        except Exception:
            return traceback.format_exc()
        return None
