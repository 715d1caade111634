"""Named arrays and columns in files. Nothing is ever unpickled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from saln.datasets.arrays import Arrays
from saln.datasets.delimited import open_delimited
from saln.datasets.errors import Array, DataError, one_line
from saln.datasets.json_files import open_json, open_json_lines
from saln.datasets.npy import npz_names, read_npy, read_npz
from saln.datasets.parquet import open_parquet
from saln.datasets.tables import Opened, open_arrow
from saln.needs import extra_pilot

NPY_NAME = "array"
"""The name under which the only array of an npy file is known."""

FEATURE_KEYS = ("features", "X", "x", "embeddings", "embedding", "images", "data")
LABEL_KEYS = ("labels", "label", "y", "target", "class")
TEST_KEYS = ("is_test", "test", "split")
CANDIDATE_KEYS = ("candidates", "indices", "batches")
PREDICTION_KEYS = ("predictions", "predicted", "y_pred")
CLASS_NAMES = "class_names"
"""Usual names of arrays, the most usual first."""


class ArrayFile(Arrays):
    """The arrays, tensors or columns of a file by name, each read when it is asked for; a table in text is parsed once.

    Parameters
    ----------
    path : Path
        An npy, npz, safetensors, parquet, csv, tsv, jsonl, json or arrow file.
    ignore : sequence of str
        Names to do without, as if the file had no such arrays.
    encoding : str, optional
        Of a table in text, where it is known.

    Attributes
    ----------
    path : Path
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

    def __init__(self, path: Path, *, ignore: Sequence[str] = (), encoding: str | None = None) -> None:
        self.path = path
        if not path.exists():
            raise DataError(f"{path}: no such file")
        if not path.is_file():
            raise DataError(f"{path}: not a file")
        suffix = path.suffix.lower()
        if suffix in ADVICE:
            raise DataError(f"{path}: {ADVICE[suffix]}")
        with one_line(path):
            if suffix in IN_TEXT:
                opened = IN_TEXT[suffix](path, encoding)
            elif suffix in _OPEN:
                opened = _OPEN[suffix](path)
            else:
                raise DataError(f"{path}: unknown ending '{path.suffix}'; wanted one of {', '.join(ENDINGS)}")
        super().__init__(opened, str(path), folder=path.parent, ignore=ignore)


def _open_npy(path: Path) -> Opened:
    return Opened([NPY_NAME], lambda _: read_npy(path))


def _open_npz(path: Path) -> Opened:
    # What an array is comes first, and then its values.
    return Opened(npz_names(path), lru_cache(maxsize=1)(partial(read_npz, path)))


def _open_safetensors(path: Path) -> Opened:
    import torch

    with extra_pilot():
        from safetensors import safe_open

    def read(name: str) -> Array:
        with safe_open(str(path), framework="pt") as tensors:
            tensor = tensors.get_tensor(name)
        return np.asarray((tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy())

    with safe_open(str(path), framework="pt") as tensors:
        return Opened(list(tensors.keys()), read)


IN_TEXT: Mapping[str, Callable[[Path, str | None], Opened]] = {
    ".csv": open_delimited,
    ".tsv": open_delimited,
    ".jsonl": open_json_lines,
    ".ndjson": open_json_lines,
    ".json": open_json,
}
"""What opens a table in text, by the file's ending; all of it is read at once."""
_OPEN: Mapping[str, Callable[[Path], Opened]] = {
    ".npy": _open_npy,
    ".npz": _open_npz,
    ".safetensors": _open_safetensors,
    ".parquet": open_parquet,
    ".arrow": open_arrow,
}
TABLES = (".parquet", ".arrow", *IN_TEXT)
"""Endings of tables."""
ENDINGS = (*_OPEN, *IN_TEXT)
_PICKLED = "is unpickled to be read, which can run any program in it; save the arrays as npz or safetensors"
ADVICE = {
    **dict.fromkeys((".pkl", ".pickle", ".pt", ".pth", ".joblib"), _PICKLED),
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "is a spreadsheet; save the sheet as csv"),
    **dict.fromkeys((".zip", ".gz", ".tar", ".tgz", ".bz2", ".xz", ".zst", ".7z"), "is packed; unpack it first"),
}
"""What to do about files that are not read, by their endings."""
