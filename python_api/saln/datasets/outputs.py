"""Outputs that would destroy what they are made from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from saln.datasets.errors import DataError


def refuse_input(output: Path, inputs: Iterable[Path]) -> None:
    """Raise a DataError if the output is one of the inputs, through whatever links."""
    for path in inputs:
        if output.exists() and path.exists() and output.samefile(path):
            raise DataError(f"{output}: is the input {path} and would overwrite it; name another file to write")
