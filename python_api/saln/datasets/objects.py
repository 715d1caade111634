"""Data sets in memory: DataFrames, arrays, dicts, lists, pairs, and those of Hugging Face and PyTorch."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from saln.datasets.arrays import Arrays
from saln.datasets.errors import Array, DataError, describe
from saln.datasets.files import NPY_NAME
from saln.datasets.folders import joined
from saln.datasets.images import CHANNELS, IMAGES_KEY
from saln.datasets.pictures import as_rgb
from saln.datasets.tables import Opened, open_table, values
from saln.needs import extra_pilot

WANTED = (
    "wanted a file or folder, a DataFrame, a Hugging Face dataset, an array, a dict of arrays, a list of dicts, or "
    "(X, y)"
)


def open_object(data: Any, *, folder: Path | None = None, ignore: Sequence[str] = ()) -> Arrays:
    """Columns or arrays of an object.

    Parameters
    ----------
    data : object
        Anything that gives itself as a table of Arrow (DataFrames of pandas and polars do); a dataset of Hugging Face,
        or a dict of its splits; an array of numpy, structured or not, or a tensor; a dict of arrays or lists; a list of
        dicts; a pair (X, y); a map-style dataset of PyTorch that gives pairs.
    folder : Path, optional
        Where files that a column names are looked for.

    Raises
    ------
    DataError
        It is something else.
    """
    where = f"the {type(data).__name__}"
    return Arrays(_opened(data, where), where, folder=folder, ignore=ignore)


def _opened(data: Any, where: str) -> Opened:
    if hasattr(data, "with_format") and hasattr(data, "column_names"):
        return _of_hugging_face(data, where)
    if hasattr(data, "__arrow_c_stream__"):
        return _of_table(data, where)
    if isinstance(data, np.ndarray) and data.dtype.names:
        return _of_dict({name: data[name] for name in data.dtype.names}, where)
    if _is_array(data):
        return _of_dict({_array_name(_array(data, where), alone=True): data}, where)
    if isinstance(data, Mapping):
        return _of_dict(data, where)
    if isinstance(data, tuple) and len(data) == 2:
        return _of_pair(data[0], data[1], where)
    if isinstance(data, list) and data and all(isinstance(each, Mapping) for each in data):
        names = dict.fromkeys(name for each in data for name in each)
        return _of_dict({name: [each.get(name) for each in data] for name in names}, where)
    if isinstance(data, list) and data and all(isinstance(each, str) for each in data):
        return _of_dict({"text": data}, where)
    if isinstance(data, list) and data and all(isinstance(each, tuple) and len(each) == 2 for each in data):
        return _of_pairs(data, where)
    if hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, str | bytes | list | tuple):
        return _of_pairs(data, where)
    raise DataError(f"{where} is no data set; {WANTED}")


def _of_hugging_face(data: Any, where: str) -> Opened:
    """Rows of a dataset, or of a dict of splits, with their choice and order of rows."""
    if isinstance(data, Mapping):
        return joined({str(name): _of_hugging_face(part, where) for name, part in data.items()}, where)
    if not hasattr(data, "__len__"):
        raise DataError(f"{where} is streamed; wanted one with a length (streaming=False)")
    return open_table(data.with_format("arrow")[:])


def _of_table(data: Any, where: str) -> Opened:
    with extra_pilot():
        import pyarrow

    try:
        return open_table(pyarrow.table(data))
    except (ValueError, TypeError, NotImplementedError) as error:
        message = " ".join(str(each) for each in reversed(error.args))
        raise DataError(f"{where}: is no table: {' '.join(message.split())}") from error


def _of_dict(data: Mapping[Any, Any], where: str) -> Opened:
    """Arrays as those of an npz file, or a table where each has one value a row and at least one is a list."""
    if any(not isinstance(name, str) for name in data):
        raise DataError(f"{where}: its names are no texts; wanted a dict of columns by name")
    if (all(_is_array(each) for each in data.values()) and len(data) == 1) or any(map(_is_matrix, data.values())):
        arrays = {name: _array_of(each, name, where) for name, each in data.items()}
        return Opened(list(arrays), lambda name: arrays[name])
    return _of_columns(data, where)


def _is_matrix(data: Any) -> bool:
    return _is_array(data) and data.ndim > 1


def _array_of(data: Any, name: str, where: str) -> Array:
    what = f"{where}: '{name}'"
    return _array(data, what) if _is_array(data) else values(_column(data, name, where), what)


def _of_columns(data: Mapping[str, Any], where: str) -> Opened:
    with extra_pilot():
        import pyarrow

    lengths = {name: len(each) for name, each in data.items()}
    if len(set(lengths.values())) != 1:
        shown = ", ".join(f"{name} {length}" for name, length in lengths.items()) or "nothing"
        raise DataError(f"{where}: columns differ in length ({shown}); wanted a value a row")
    return open_table(pyarrow.table({name: _column(each, name, where) for name, each in data.items()}))


def _column(data: Any, name: str, where: str) -> Any:
    with extra_pilot():
        import pyarrow

    if hasattr(data, "detach"):
        data = _array(data, f"{where}: '{name}'")
    elif not isinstance(data, str | bytes | np.ndarray) and not hasattr(data, "iloc"):
        data = [_plain(each) for each in data]
    try:
        return pyarrow.chunked_array([pyarrow.array(data, from_pandas=True)])
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, pyarrow.ArrowNotImplementedError) as error:
        raise DataError(f"{where}: '{name}' holds values of several kinds: {str(error).splitlines()[0]}") from error


def _of_pair(x: Any, y: Any, where: str) -> Opened:
    """Rows and labels."""
    if hasattr(x, "__arrow_c_stream__"):
        with extra_pilot():
            import pyarrow

        table = pyarrow.table(x)
        if len(y) != table.num_rows:
            raise DataError(f"{where}: X has {table.num_rows} rows and y {len(y)}; wanted a label a row")
        name = "label" if "label" not in table.column_names else "labels"
        column = y.to_list() if hasattr(y, "to_list") else y
        return open_table(table.append_column(name, _column(column, name, where)))
    if isinstance(x, np.ndarray) and x.dtype.names:
        return _of_dict({**{name: x[name] for name in x.dtype.names}, "label": y}, where)
    if isinstance(x, Mapping):
        return _of_dict({**x, "label": y}, where)
    if isinstance(x, list | tuple) and len(x) and isinstance(_plain(x[0]), str | bytes):
        return _of_columns({"text" if isinstance(x[0], str) else "image": x, "label": y}, where)
    array, labels = _array(x, f"{where}: X"), _array(y, f"{where}: y")
    return _of_dict({_array_name(array): array, "y": labels}, where)


def _of_pairs(data: Any, where: str) -> Opened:
    """A map-style dataset of PyTorch that gives pairs; labels are its `targets` or `labels`, if it has them."""
    first = data[0] if len(data) else None
    if not isinstance(first, tuple | list) or len(first) != 2:
        raise DataError(f"{where} gives {type(first).__name__} for a row; wanted pairs (x, y)")
    known = getattr(data, "targets", getattr(data, "labels", None))
    rows = [data[place] for place in range(len(data))]
    labels = [each[1] for each in rows] if known is None else known
    labels = [each.item() if hasattr(each, "item") else each for each in labels]
    x: Any = [each[0] for each in rows]
    if not isinstance(_plain(first[0]), str | bytes):
        x = np.stack([_array(each, where) for each in x])
    return _of_pair(x, np.asarray(labels), where)


def _plain(value: Any) -> Any:
    """A path as text, and a picture of Pillow as the bytes of a file."""
    if isinstance(value, Path):
        return str(value)
    if not (hasattr(value, "convert") and hasattr(value, "getbands")):
        return value
    file = io.BytesIO()
    as_rgb(value, "the image").save(file, "png", compress_level=1)
    return file.getvalue()


def _is_array(data: Any) -> bool:
    return isinstance(data, np.ndarray) or (hasattr(data, "detach") and hasattr(data, "numpy"))


def _array(data: Any, what: str) -> Array:
    """An array of numpy from one, a tensor, a column of a DataFrame, or a list."""
    if hasattr(data, "detach"):
        data = data.detach().cpu()
        data = (data.float() if str(data.dtype) == "torch.bfloat16" else data).numpy()
    array = np.asarray(data)
    if array.dtype.kind == "O":
        texts = array.ndim == 1 and all(isinstance(each, str) for each in array.tolist())
        if not texts:
            raise DataError(f"{what} is {describe(array)}, Python objects; wanted numbers or texts")
        array = array.astype(np.str_)
    return array


def _array_name(array: Array, *, alone: bool = False) -> str:
    """Whether an array without a name is images or features."""
    pixels = array.ndim == 4 and (array.shape[1] in CHANNELS or array.shape[3] in CHANNELS)
    if pixels or (array.ndim == 3 and array.dtype == np.uint8):
        return IMAGES_KEY
    return NPY_NAME if alone else "X"
