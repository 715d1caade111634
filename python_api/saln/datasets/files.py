"""Named arrays in files: npy, npz, safetensors, parquet, csv. Nothing is ever unpickled."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

SUFFIXES = (".npy", ".npz", ".safetensors", ".parquet", ".csv")
NPY_NAME = "array"
"""The name under which the only array of an npy file is known."""


class DataError(ValueError):
    """A file, array or column that cannot be used; the message is one line that names it."""


def array_names(path: Path) -> list[str]:
    """Names of the arrays (npz, safetensors) or columns (parquet, csv) in a file."""
    with _one_line(path):
        return list(_reader(path)[0](path))


def read_array(path: Path, name: str) -> Array:
    """One array of a file.

    Parameters
    ----------
    path : Path
        An npy, npz, safetensors, parquet or csv file.
    name : str
        The array, tensor or column; `NPY_NAME` for npy files.

    Returns
    -------
    ndarray
        bfloat16 tensors come as float32; a parquet list column comes as a matrix `[rows, length]`.

    Raises
    ------
    DataError
        The file is missing, broken or of another kind, or holds no such array.
    """
    names = array_names(path)
    if name not in names:
        raise DataError(f"{path}: no array or column named '{name}'; it has {_listing(names)}")
    with _one_line(path, name):
        array = _reader(path)[1](path, name)
    if array.dtype == object:
        raise DataError(f"{path}: '{name}' holds Python objects, which are not read")
    return array


def read_columns(path: Path, names: Sequence[str]) -> Array:
    """Scalar columns side by side, `[rows, len(names)]` float32; nulls become NaN."""
    columns = []
    for name in names:
        column = read_array(path, name)
        if column.ndim != 1 or column.dtype.kind not in "fiub":
            raise DataError(f"{path}: column '{name}' is {describe(column)}; wanted one number a row")
        columns.append(column.astype(np.float32))
    return np.stack(columns, axis=1)


def describe(array: Array) -> str:
    """Type and shape in words, for messages."""
    return f"{array.dtype} {list(array.shape)}"


def _listing(names: Sequence[str], limit: int = 12) -> str:
    shown = ", ".join(names[:limit]) or "nothing"
    return shown if len(names) <= limit else f"{shown}, … ({len(names)} in all)"


def _reader(path: Path) -> tuple[Callable[[Path], Sequence[str]], Callable[[Path, str], Array]]:
    readers: dict[str, tuple[Callable[[Path], Sequence[str]], Callable[[Path, str], Array]]] = {
        ".npy": (lambda _: [NPY_NAME], _read_npy),
        ".npz": (_npz_names, _read_npz),
        ".safetensors": (_safetensors_names, _read_safetensors),
        ".parquet": (_parquet_names, _read_parquet),
        ".csv": (_csv_names, _read_csv),
    }
    if not path.exists():
        raise DataError(f"{path}: no such file")
    if not path.is_file():
        raise DataError(f"{path}: not a file")
    if path.suffix.lower() not in readers:
        raise DataError(f"{path}: unknown ending '{path.suffix}'; wanted one of {', '.join(SUFFIXES)}")
    return readers[path.suffix.lower()]


@contextmanager
def _one_line(path: Path, name: str | None = None) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except KeyboardInterrupt:
        raise
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _unreadable(path, name, error) from error
    except Exception as error:
        # safetensors and pyarrow have their own exception trees, and are imported only where they are needed.
        if type(error).__module__.split(".")[0] in ("safetensors", "safetensors_rust", "pyarrow", "builtins"):
            raise _unreadable(path, name, error) from error
        raise


def _unreadable(path: Path, name: str | None, error: Exception) -> DataError:
    if "allow_pickle" in str(error):
        return DataError(f"{path}: '{name or NPY_NAME}' holds Python objects, which are not read")
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return DataError(f"{path}: cannot be read or written: {reason}")


def _read_npy(path: Path, name: str) -> Array:
    return np.asarray(np.load(path, allow_pickle=False))


def _npz_names(path: Path) -> Sequence[str]:
    with np.load(path, allow_pickle=False) as archive:
        return list(archive.files)


def _read_npz(path: Path, name: str) -> Array:
    with np.load(path, allow_pickle=False) as archive:
        return np.asarray(archive[name])


def _safetensors_names(path: Path) -> Sequence[str]:
    from safetensors import safe_open

    with safe_open(str(path), framework="pt") as tensors:
        return list(tensors.keys())


def _read_safetensors(path: Path, name: str) -> Array:
    import torch
    from safetensors import safe_open

    with safe_open(str(path), framework="pt") as tensors:
        tensor = tensors.get_tensor(name)
    return np.asarray((tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy())


def _parquet_names(path: Path) -> Sequence[str]:
    import pyarrow.parquet

    return [str(name) for name in pyarrow.parquet.read_schema(str(path)).names]


def _read_parquet(path: Path, name: str) -> Array:
    import pyarrow.parquet

    column = pyarrow.parquet.read_table(str(path), columns=[name]).column(name).combine_chunks()
    types = pyarrow.types
    if types.is_list(column.type) or types.is_large_list(column.type) or types.is_fixed_size_list(column.type):
        values = np.asarray(column.flatten().to_numpy(zero_copy_only=False))
        rows = len(column)
        width = values.shape[0] // rows if rows else 0
        lengths = np.asarray(column.value_lengths().to_numpy(zero_copy_only=False))
        if not np.all(lengths == width):
            raise DataError(f"{path}: the lists of column '{name}' differ in length or are null")
        return values.reshape(rows, width)
    if types.is_string(column.type) or types.is_large_string(column.type) or types.is_dictionary(column.type):
        if column.null_count:
            raise DataError(f"{path}: column '{name}' has {column.null_count} empty values")
        return np.asarray(column.to_pylist(), dtype=np.str_)
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _csv_names(path: Path) -> Sequence[str]:
    import pyarrow.csv

    with pyarrow.csv.open_csv(str(path)) as rows:
        return [str(name) for name in rows.schema.names]


def _read_csv(path: Path, name: str) -> Array:
    """Texts stay texts, an empty one too; empty numbers are NaN."""
    import pyarrow.csv

    options = pyarrow.csv.ConvertOptions(include_columns=[name])
    column = pyarrow.csv.read_csv(str(path), convert_options=options).column(name).combine_chunks()
    if pyarrow.types.is_string(column.type):
        return np.asarray(column.to_pylist(), dtype=np.str_)
    return np.asarray(column.to_numpy(zero_copy_only=False))
