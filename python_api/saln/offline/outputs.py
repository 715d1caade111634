"""A finished result under its own name, in the format that its ending asks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from saln.datasets import DataError
from saln.datasets.outputs import refuse_input
from saln.journal import Journal, Unfinished
from saln.needs import extra_pilot
from saln.writing import named, sync

ENDINGS = (".npy", ".npz", ".parquet")
BLOCK = 1 << 20
"""Rows written to parquet at once, one row group."""


def check_output(output: Path, inputs: Iterable[Path]) -> None:
    """A DataError if no such file can be written, or it is one of the inputs."""
    refuse_input(output, inputs)
    if output.suffix.lower() not in ENDINGS:
        raise DataError(f"{output}: unknown ending '{output.suffix}' of the output; wanted {', '.join(ENDINGS)}")


def publish(work: Unfinished, journal: Journal, output: Path, name: str, column: str) -> None:
    """Give a finished journal's rows the output's name, at once, and remove the folder.

    An npz file holds them as the array `name`; a parquet file as `column`: lists, or numbers after a column `candidate`
    that counts.
    """
    new = work.folder / f"output{output.suffix}"
    with named(output):
        new.unlink(missing_ok=True)
        if output.suffix.lower() == ".npy":
            journal.copy_to(new)
        elif output.suffix.lower() == ".npz":
            arrays: dict[str, Any] = {name: journal.array()}
            np.savez(new, **arrays)
        else:
            _write_parquet(new, journal.array(), column)
        sync(new)
        new.replace(output)
    work.discard()


def _write_parquet(path: Path, rows: npt.NDArray[Any], column: str) -> None:
    with extra_pilot():
        import pyarrow.parquet

    element = pyarrow.from_numpy_dtype(rows.dtype)
    kind = element if rows.ndim == 1 else pyarrow.list_(element, rows.shape[1])
    fields = [("candidate", pyarrow.int64())] if rows.ndim == 1 else []
    schema = pyarrow.schema([*fields, (column, kind)])
    with pyarrow.parquet.ParquetWriter(str(path), schema) as writer:
        for start, block in _blocks(rows):
            columns = [pyarrow.array(np.arange(start, start + len(block)))] if rows.ndim == 1 else []
            flat = pyarrow.array(block.reshape(-1))
            if rows.ndim > 1:
                flat = pyarrow.FixedSizeListArray.from_arrays(flat, rows.shape[1])
            writer.write_table(pyarrow.table([*columns, flat], schema=schema))


def _blocks(rows: npt.NDArray[Any]) -> Iterator[tuple[int, npt.NDArray[Any]]]:
    step = max(1, BLOCK // max(1, int(np.prod(rows.shape[1:], dtype=np.int64))))
    for start in range(0, len(rows), step):
        yield start, rows[start : start + step]
