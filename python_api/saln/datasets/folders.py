"""Folders as data sets: images or texts in a folder a class, tables in parts, and what Hugging Face's datasets save."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

from saln.catalogue import message
from saln.datasets.arrays import Arrays
from saln.datasets.charset import decode
from saln.datasets.errors import DataError, listed, listing, one_line
from saln.datasets.files import TABLES, TEST_KEYS, ArrayFile
from saln.datasets.labels import VALIDATION
from saln.datasets.pictures import SUFFIXES
from saln.datasets.tables import Opened, open_arrow, open_table
from saln.needs import extra_pilot

SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(VALIDATION, "validation"),
}
"""Names of folders and parts of file names that say what rows are for."""
METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
"""Tables beside images, as Hugging Face's datasets name them."""
SAVED, SAVED_SPLITS = "state.json", "dataset_dict.json"
MARK = TEST_KEYS[0]
SHOWN = 3


def open_folder(path: Path, *, ignore: Sequence[str] = (), encoding: str | None = None) -> Arrays:
    """The rows of a folder as columns of a table.

    Parameters
    ----------
    path : Path
        Holds images, or texts (txt), in a folder a class, these perhaps in folders `train`, `test` and `validation`;
        images and a table `metadata.csv` with their names; tables of one kind, whose names may begin with `train` or
        `test`; or a data set of Hugging Face's, or several splits of one, saved by `save_to_disk`.

    Raises
    ------
    DataError
        It holds nothing of the kind.
    """
    if (path / SAVED_SPLITS).is_file():
        written = _json(path / SAVED_SPLITS)
        splits = _names(written.get("splits", []), path / SAVED_SPLITS)
        opened = joined({split: _open_saved(path / split) for split in splits}, str(path))
    elif (path / SAVED).is_file():
        opened = _open_saved(path)
    elif (table := next((path / name for name in METADATA if (path / name).is_file()), None)) is not None:
        return ArrayFile(table, ignore=ignore, encoding=encoding)
    else:
        opened = _open_files(path, encoding)
    return Arrays(opened, str(path), folder=path, ignore=ignore)


def joined(parts: Mapping[str, Opened], where: str) -> Opened:
    """Tables one after the other, with a column that says which split a row is of."""
    with extra_pilot():
        import pyarrow

    tables, marks = [], []
    for name, part in parts.items():
        if part.column is None:
            raise DataError(f"{where}: {name} is no table")
        columns = {each: part.column(each) for each in part.names}
        tables.append(pyarrow.table(columns))
        marks += [_split(name)] * tables[-1].num_rows
    if not tables:
        raise DataError(f"{where}: holds no data")
    try:
        table = pyarrow.concat_tables(tables, promote_options="permissive")
    except pyarrow.ArrowInvalid as error:
        raise DataError(f"{where}: its parts do not fit: {str(error).splitlines()[0]}") from error
    if any(marks) and MARK not in table.column_names:
        if None in marks:
            unknown = next(name for name in parts if _split(name) is None)
            raise DataError(f"{where}: '{unknown}' is no name of a split; wanted train, test or validation for all")
        table = table.append_column(MARK, pyarrow.array(marks))
    first = next(iter(parts.values()))
    notes = list(dict.fromkeys(note for part in parts.values() for note in part.notes))
    return open_table(table.replace_schema_metadata(dict(first.metadata)), notes)


def _names(found: Sequence[Any], where: Path) -> list[str]:
    """Names of what lies in the same folder; a DataError about one that leads elsewhere."""
    wrong = [each for each in found if not isinstance(each, str) or PurePath(each).name != each]
    if wrong:
        raise DataError(f"{where}: names {wrong[0]!r}; wanted the name of something in its folder")
    return [str(each) for each in found]


def _split(name: str) -> str | None:
    return SPLITS.get(re.split(r"[-_.\s]", name.lower())[0])


def _open_saved(folder: Path) -> Opened:
    with extra_pilot():
        import pyarrow

    state = _json(folder / SAVED)
    files = state.get("_data_files", [])
    names = _names([each.get("filename") for each in files], folder / SAVED)
    if state.get("_indices_files"):
        raise DataError(f"{folder}: its rows are in another order; load it with datasets.load_from_disk and give that")
    if not names:
        raise DataError(f"{folder}: {SAVED} names no data files in it")
    tables = []
    for name in names:
        with one_line(folder / name):
            tables.append(_table(open_arrow(folder / name)))
    return open_table(pyarrow.concat_tables(tables))


def _table(opened: Opened) -> Any:
    with extra_pilot():
        import pyarrow

    assert opened.column is not None
    return pyarrow.table({name: opened.column(name) for name in opened.names}).replace_schema_metadata(
        dict(opened.metadata)
    )


def _json(path: Path) -> dict[str, Any]:
    with one_line(path):
        found = json.loads(path.read_text("utf-8"))
    if not isinstance(found, dict):
        raise DataError(f"{path}: holds no JSON object")
    return found


def _open_files(path: Path, encoding: str | None) -> Opened:
    files = sorted(_files(path))
    images = [each for each in files if each.suffix.lower() in SUFFIXES]
    tables = [each for each in files if each.suffix.lower() in TABLES]
    if images:
        others = [str(each) for each in files if each.suffix.lower() not in SUFFIXES]
        return _class_folders(path, images, others, encoding)
    texts = [each for each in files if each.suffix.lower() == ".txt"]
    if texts and not tables:
        others = [str(each) for each in files if each.suffix.lower() != ".txt"]
        return _class_folders(path, texts, others, encoding)
    if not tables:
        shown = listing([str(each) for each in files], SHOWN)
        raise DataError(f"{path}: holds no images and no tables ({', '.join(TABLES)}), but {shown}")
    if len({each.suffix.lower() for each in tables}) > 1:
        raise DataError(f"{path}: holds tables of several kinds, {listing([str(each) for each in tables])}; name one")
    parts: dict[str, Opened] = {}
    for each in tables:
        split = next((SPLITS[part] for part in each.parts[:-1] if part.lower() in SPLITS), None)
        name = f"{split}-{each}" if split else each.name
        parts[name if name not in parts else f"{name} {each}"] = ArrayFile(path / each, encoding=encoding).opened
    if len(parts) > 1 and not all(map(_split, parts)) and any(map(_split, parts)):
        unknown = [name for name in parts if not _split(name)]
        raise DataError(f"{path}: {listing(unknown)} beside train and test; name one file")
    return joined(parts, str(path))


def _files(folder: Path) -> Iterator[PurePath]:
    """Files in it and its folders, relative to it, without hidden ones; links to folders are not followed."""
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        base = Path(here).relative_to(folder)
        yield from (base / name for name in names if not name.startswith(".") and not _is_pipe(Path(here) / name))


def _is_pipe(path: Path) -> bool:
    """Whether it is a pipe, a device or a socket, which may never end."""
    return path.exists() and not path.is_file()


def _class_folders(path: Path, files: list[PurePath], others: list[str], encoding: str | None) -> Opened:
    """Images or texts with their folder as label, and what the folder above it says they are for."""
    with extra_pilot():
        import pyarrow

    what = "images" if files[0].suffix.lower() in SUFFIXES else "texts"
    inner = [each.parts for each in files]
    while len({parts[0] for parts in inner}) == 1 and inner[0][0].lower() not in SPLITS and min(map(len, inner)) > 2:
        inner = [parts[1:] for parts in inner]  # a folder that holds nothing but one folder
    above = {parts[0].lower() for parts in inner if len(parts) > 1}
    split_up = bool(above) and above <= set(SPLITS)
    labels = [parts[split_up] if len(parts) > split_up + 1 else None for parts in inner]
    columns: dict[str, Any] = {"file": list(map(str, files)), "label": labels}
    if split_up:
        columns[MARK] = [SPLITS.get(parts[0].lower(), "train") for parts in inner]
    notes: list[str] = [message(f"data.left_out.other_{what}", names=listed(others, SHOWN))] if others else []
    table = pyarrow.table(columns)
    if len({each for each in labels if each is not None}) < 2:
        notes.append(message(f"data.no_classes.{what}", path=str(path)))
        table = table.drop_columns("label")
    else:
        outside = [str(each) for each, label in zip(files, labels, strict=True) if label is None]
        if outside:
            notes.append(message(f"data.left_out.outside_{what}", names=listed(outside, SHOWN)))
        table = table.filter(table["label"].is_valid())
    if what == "texts":
        whole = [path / each for each in table["file"].to_pylist()]
        texts = [decode(each.read_bytes(), str(each), encoding)[0] for each in whole]
        table = table.set_column(0, "text", pyarrow.array(texts, pyarrow.large_string()))
        return replace(open_table(table, notes), files=list(map(str, whole)))
    return open_table(table, notes)
