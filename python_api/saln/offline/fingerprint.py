"""What tells a file from another, and one machine's arithmetic from another's, at the cost of a few reads."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import saln_kernels
from saln.journal import differences

PIECES = 64
PIECE = 4096


def fingerprint(path: Path) -> dict[str, int]:
    """Size in bytes, checksum of 64 pieces of 4 KiB spread evenly, and time of the last change in ns.

    The first two go with a copy of the file, the time betrays a change that the pieces do not hold.
    """
    status = path.stat()
    checksum = 0
    with path.open("rb") as file:
        for start in np.linspace(0, max(0, status.st_size - PIECE), PIECES, dtype=np.int64).tolist():
            file.seek(start)
            checksum = zlib.crc32(file.read(PIECE), checksum)
    return {"bytes": status.st_size, "checksum": checksum, "modified": status.st_mtime_ns}


def arithmetic(backend: str | None) -> dict[str, str]:
    """What the bits of a result depend on beside inputs and options."""
    info = saln_kernels.build_info()
    return {
        "backend": backend or "cpu",
        "saln_kernels": saln_kernels.__version__,
        "instruction set": info.cpu_isa_in_use,
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


@dataclass(frozen=True)
class Conditions:
    """Files and arithmetic of a run, against which every process that takes part compares its own.

    Attributes
    ----------
    files : mapping
        Path and fingerprint, by the argument's name.
    backend : str or None
    arithmetic : dict
    """

    files: Mapping[str, tuple[Path, dict[str, int]]]
    backend: str | None
    arithmetic: dict[str, str]

    @classmethod
    def now(cls, files: Mapping[str, Path], backend: str | None) -> Conditions:
        """As they are here."""
        found = {name: (path, fingerprint(path)) for name, path in files.items()}
        return cls(found, backend, arithmetic(backend))

    def facts(self) -> dict[str, Any]:
        """Ready for JSON; without paths, so that files may be moved."""
        return {**{name: found for name, (_, found) in self.files.items()}, "arithmetic": self.arithmetic}

    def check(self, *, copies: bool) -> None:
        """Raise a RuntimeError if they are others here and now; copies of the files may have other times."""
        now = Conditions.now({name: path for name, (path, _) in self.files.items()}, self.backend)
        lines = [line for line in differences(self.facts(), now.facts()) if not (copies and " modified was " in line)]
        if lines:
            raise RuntimeError(f"inputs or machines are not what the run was begun with: {'; '.join(lines)}")


def plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as JSON takes them: what it does not know, in words."""
    return {
        name: value if isinstance(value, bool | int | float | str) else repr(value) for name, value in options.items()
    }
