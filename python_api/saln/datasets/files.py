"""Named arrays in files: npy, npz, safetensors, parquet, csv. Nothing is ever unpickled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from saln.datasets.errors import Array, DataError, describe, listing, one_line
from saln.datasets.tables import Opened, open_csv, open_parquet

NPY_NAME = "array"
"""The name under which the only array of an npy file is known."""
TABLES = (".parquet", ".csv")

FEATURE_KEYS = ("features", "X", "x", "embeddings", "embedding", "images", "data")
LABEL_KEYS = ("labels", "label", "y", "target", "class")
TEST_KEYS = ("is_test", "test", "split")
CANDIDATE_KEYS = ("candidates", "indices", "batches")
PREDICTION_KEYS = ("predictions", "predicted", "y_pred")
CLASS_NAMES = "class_names"
"""Usual names of arrays, the most usual first."""


class ArrayFile:
    """The arrays, tensors or columns of a file by name, each read when it is asked for; a csv file is parsed once.

    Parameters
    ----------
    path : Path
        An npy, npz, safetensors, parquet or csv file.
    ignore : sequence of str
        Names to do without, as if the file had no such arrays.

    Attributes
    ----------
    names : list of str

    Raises
    ------
    DataError
        The file is missing, broken or of another kind, two arrays have one name, or one to ignore is not there.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> path = Path(tempfile.mkdtemp()) / "d.npz"
    >>> np.savez(path, features=np.eye(3), y=np.arange(3))
    >>> file = ArrayFile(path)
    >>> file.names, file.find("labels", LABEL_KEYS), file.read("y").tolist()
    (['features', 'y'], 'y', [0, 1, 2])
    """

    def __init__(self, path: Path, *, ignore: Sequence[str] = ()) -> None:
        self.path = path
        if not path.exists():
            raise DataError(f"{path}: no such file")
        if not path.is_file():
            raise DataError(f"{path}: not a file")
        open_file = _OPEN.get(path.suffix.lower())
        if open_file is None:
            raise DataError(f"{path}: unknown ending '{path.suffix}'; wanted one of {', '.join(_OPEN)}")
        with one_line(path):
            self.names, self._read = open_file(path)
        twice = next((name for name, times in Counter(self.names).items() if times > 1), None)
        if twice is not None:
            raise DataError(f"{path}: more than one array or column is called '{twice}'; wanted names that differ")
        self._there = set(self.names)
        for name in ignore:
            self._require(name)
        self._there -= set(ignore)
        self.names = [name for name in self.names if name in self._there]

    def read(self, name: str) -> Array:
        """One array: texts as str, bfloat16 tensors as float32, list columns as a matrix `[rows, length]`.

        Missing values of a column are NaN among numbers, and empty among texts. A DataError names what is not there,
        or cannot be read.
        """
        self._require(name)
        with one_line(self.path, name):
            array = self._read(name)
            if array.dtype.kind == "S":
                array = np.char.decode(array, "utf-8")
        if array.dtype.hasobject:
            raise DataError(f"{self.path}: '{name}' holds Python objects, which are not read")
        return array

    def known(self, keys: Sequence[str]) -> str | None:
        """The first of these names that the file has."""
        return next((key for key in keys if key in self.names), None)

    def find(self, what: str, keys: Sequence[str], name: str | None = None, *, only: bool = True) -> str:
        """The array that was named, or is known by its name, or is the `only` one; a DataError where none is."""
        if name is not None:
            self._require(name)
            return name
        found = self.known(keys) or (self.names[0] if only and len(self.names) == 1 else None)
        if found is None:
            raise DataError(
                f"{self.path}: which array holds the {what}? None of {', '.join(keys)} is in it; name one of "
                f"{listing(self.names)}"
            )
        return found

    def read_columns(self, names: Sequence[str]) -> Array:
        """Columns of one number a row side by side, `[rows, len(names)]` float32; what is missing is NaN."""
        columns = []
        for name in names:
            column = self.read(name)
            if column.ndim != 1 or column.dtype.kind not in "fiub":
                raise DataError(f"{self.path}: column '{name}' is {_kind(column)}; wanted one number a row")
            columns.append(as_float32(column))
        return np.stack(columns, axis=1)

    def _require(self, name: str) -> None:
        if name not in self._there:
            raise DataError(f"{self.path}: no array or column named '{name}'; it has {listing(self.names)}")


def as_float32(array: Array) -> Array:
    """Numbers as float32, infinite where they are too large for it."""
    with np.errstate(over="ignore"):
        return array.astype(np.float32)


def _kind(column: Array) -> str:
    """What a column is that holds no numbers; of texts, the first that is none."""
    if column.dtype.kind != "U" or column.ndim != 1:
        return describe(column)
    row, value = first_text(column)
    return f"text, '{value}' in row {row}"


def first_text(column: Array) -> tuple[int, str]:
    """Row and value of the first text that is no number."""
    for row, value in enumerate(column.tolist()):
        try:
            float(value or "nan")
        except ValueError:
            return row, value
    return 0, str(column[0]) if len(column) else ""


def _open_npy(path: Path) -> Opened:
    return [NPY_NAME], lambda _: np.asarray(np.load(path, allow_pickle=False))


def _open_npz(path: Path) -> Opened:
    def read(name: str) -> Array:
        with np.load(path, allow_pickle=False) as archive:
            return np.asarray(archive[name])

    with np.load(path, allow_pickle=False) as archive:
        return list(archive.files), read


def _open_safetensors(path: Path) -> Opened:
    import torch
    from safetensors import safe_open

    def read(name: str) -> Array:
        with safe_open(str(path), framework="pt") as tensors:
            tensor = tensors.get_tensor(name)
        return np.asarray((tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy())

    with safe_open(str(path), framework="pt") as tensors:
        return list(tensors.keys()), read


_OPEN: Mapping[str, Callable[[Path], Opened]] = {
    ".npy": _open_npy,
    ".npz": _open_npz,
    ".safetensors": _open_safetensors,
    ".parquet": open_parquet,
    ".csv": open_csv,
}
