"""A data set from whatever people have it in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from saln.datasets.arrays import Arrays
from saln.datasets.build import Labels, build_source
from saln.datasets.errors import DataError, one_line
from saln.datasets.files import CLASS_NAMES, ArrayFile
from saln.datasets.folders import open_folder
from saln.datasets.objects import open_object
from saln.datasets.roles import MORE_LABEL_KEYS, Roles, find_roles
from saln.datasets.source import Source


def read_source(
    data: Any,
    *,
    label: str | None = None,
    target: str | None = None,
    image: str | None = None,
    text: str | None = None,
    features: str | None = None,
    test: str | None = None,
    columns: Sequence[str] = (),
    ignore: Sequence[str] = (),
    labels: Any = None,
    folder: str | Path | None = None,
    encoding: str | None = None,
) -> Source:
    """A data set from a file, a folder or an object, as people have it.

    Parameters
    ----------
    data : str, Path or object
        A folder of images in a folder a class; a csv, tsv, jsonl, json, parquet, npz, npy or safetensors file; a
        DataFrame of pandas or polars; arrays of numpy, tensors, a dict of them, or a pair (X, y); a dataset of Hugging
        Face, or the folder it was saved in. docs/data.md has them all.
    label, target : str, optional
        The column of classes, or of numbers to predict. By default one with a usual name (label, class, y, ...), and
        it is taken for numbers to predict where it holds many different ones that are not whole.
    image, text, features : str, optional
        The column of images (files, or names of files), of texts, or of lists of numbers. By default one with a usual
        name, else told by what it holds.
    test : str, optional
        The column that marks rows to test on: 0 and 1, true and false, or train and test.
    columns : sequence of str
        Columns that make the features of a table. By default all of numbers and categories, but those that name rows,
        are dates, or give the label away; the notes name them.
    ignore : sequence of str
        Columns to do without.
    labels : str, Path or array, optional
        Labels apart from the data, in the same order.
    folder : str or Path, optional
        Where images that a table names lie. By default its own folder.
    encoding : str, optional
        Of a table in text. By default it is told by its bytes.

    Raises
    ------
    DataError
        Naming the file, and the column or row that cannot be used.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "cars.csv"
    >>> _ = path.write_text("id;weight;label" + "; 1;1,5;a; 2;1,7;b; 3;1,9;a; 4;2,0;b".replace("; ", chr(10)))
    >>> source = read_source(path)
    >>> source.kind, source.feature_names, source[1].tolist(), source.labels.tolist()
    ('table', ('weight',), [1.7000000476837158], [0, 1, 0, 1])
    >>> source.notes
    ("Columns left out of the features: 'id' (names of rows). Naming columns takes others.",)
    """
    arrays = open_data(data, ignore=ignore, folder=folder, encoding=encoding)
    if label is not None and target is not None:
        raise DataError(f"{arrays.where}: label '{label}' and target '{target}' were both named; wanted one")
    named = None if labels is not None else label or target
    roles = find_roles(arrays, label=named, image=image, text=text, features=features, test=test, columns=columns)
    return build_source(arrays, roles, find_labels(arrays, roles, labels, label or target, target is not None), columns)


def open_data(
    data: Any,
    *,
    ignore: Sequence[str] = (),
    folder: str | Path | None = None,
    encoding: str | None = None,
) -> Arrays:
    """The arrays or columns of a file, a folder or an object."""
    if not isinstance(data, str | Path):
        return open_object(data, folder=None if folder is None else Path(folder), ignore=ignore)
    path = Path(data)
    if path.is_dir():
        with one_line(path):
            arrays = open_folder(path, ignore=ignore, encoding=encoding)
    else:
        arrays = ArrayFile(path, ignore=ignore, encoding=encoding)
    arrays.folder = arrays.folder if folder is None else Path(folder)
    return arrays


def find_labels(
    arrays: Arrays, roles: Roles, apart: Any = None, name: str | None = None, as_targets: bool = False
) -> Labels | None:
    """The labels of arrays, or apart from them in a file or an array; None where there are none."""
    if apart is None:
        label_arrays, label = arrays, roles.label
    else:
        label_arrays = open_data(apart if isinstance(apart, str | Path) else {"labels": apart})
        label = label_arrays.find("labels", MORE_LABEL_KEYS, name)
    names = arrays.read(CLASS_NAMES) if CLASS_NAMES in arrays.names and not arrays.is_table else None
    return None if label is None else Labels(label_arrays, label, as_targets, names)
