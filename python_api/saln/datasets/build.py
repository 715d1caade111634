"""A data set out of arrays or columns whose roles are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from saln.catalogue import message
from saln.datasets.arrays import Arrays
from saln.datasets.columns import Table, feature_columns, named_columns
from saln.datasets.errors import Array, DataError, describe, listed
from saln.datasets.image_columns import fault_note, faults, image_column
from saln.datasets.labels import class_numbers, is_target, read_marks, read_targets, split_validation
from saln.datasets.pictures import Images, Pictures
from saln.datasets.roles import Roles
from saln.datasets.rows import RowNames, Rows, Texts
from saln.datasets.source import Source
from saln.datasets.tables import is_list, is_text

PRETRAINED_KEYS = ("features", "embeddings", "embedding")
"""Arrays under these names are taken for features of a pretrained network, not for raw inputs."""


@dataclass(frozen=True)
class Labels:
    """Where labels are from, and how they are to be read.

    Attributes
    ----------
    arrays : Arrays
    name : str
    as_targets : bool
        They are numbers to predict.
    class_names : ndarray or None
        Names of the classes 0, 1, ...
    """

    arrays: Arrays
    name: str
    as_targets: bool = False
    class_names: Array | None = None

    @property
    def where(self) -> str:
        return f"{self.arrays.where}: '{self.name}'"

    def read(self) -> Array:
        """As they are stored, `[N]`."""
        if self.arrays.is_table:
            kind = self.arrays.column(self.name).type
            if is_list(kind) and is_text(kind.value_type):
                raise DataError(f"{self.where} holds lists of texts, several labels a row; wanted a label a row")
        return self.arrays.read(self.name)

    def unlabelled(self, found: Array) -> npt.NDArray[np.bool_]:
        """Rows `[N]` that Hugging Face's datasets mark as without a label."""
        marked = self.arrays.opened.class_names(self.name) is not None and found.dtype.kind in "iu"
        return found == -1 if marked else np.zeros(len(found), dtype=np.bool_)

    def classes(
        self, found: Array
    ) -> tuple[npt.NDArray[np.int64] | None, tuple[str, ...], npt.NDArray[np.float32] | None]:
        """Class numbers and the names of the classes, or targets."""
        if self.as_targets or is_target(found):
            return None, (), read_targets(found, self.where)
        written = self.arrays.opened.class_names(self.name)
        names = self.class_names if written is None else np.asarray(written)
        return *class_numbers(found, self.where, names), None


def build_source(arrays: Arrays, roles: Roles, labels: Labels | None = None, columns: Sequence[str] = ()) -> Source:
    """The data set.

    Parameters
    ----------
    arrays : Arrays
    roles : Roles
    labels : Labels, optional
        Of the same arrays, or of others.
    columns : sequence of str
        What the features of a table are made of; empty: what can be features.

    Raises
    ------
    DataError
        Naming what is missing or does not fit.
    """
    notes = list(arrays.opened.notes)
    images = image_column(arrays, roles.content) if roles.kind == "images" else None
    x = arrays.read(roles.content) if roles.kind == "table" and roles.content is not None else None
    n = _length(arrays, roles, columns, images, x)
    found = None if labels is None else labels.read()
    is_test, validation = _marks(arrays, roles.test)
    for what, each in (("labels", found), ("test marks", is_test)):
        if each is not None and len(each) != n:
            raise DataError(f"{arrays.where}: {what} are {list(each.shape)}; wanted one for each of the {n} rows")
    keep = np.ones(n, dtype=np.bool_)
    if labels is not None and found is not None:
        _leave_out(labels.unlabelled(found), keep, "unlabelled", notes)
    if is_test is not None and (is_test & ~validation & keep).any():
        _leave_out(validation, keep, "validation", notes)
    if images is not None:
        _leave_out_faults(images, keep, arrays.where, notes)
    rows = np.flatnonzero(keep)
    kept = arrays
    if len(rows) < n:
        kept = arrays.taken(rows)
        found, is_test, x = (None if each is None else each[rows] for each in (found, is_test, x))
    codes, class_names, targets = (None, (), None) if labels is None or found is None else labels.classes(found)
    own_label = labels.name if labels is not None and labels.arrays is arrays else None
    names: tuple[str, ...] = ()
    content: Rows | Texts | Pictures
    if images is not None:
        content = Pictures(images, rows)
    elif roles.kind == "texts":
        content = _texts(kept, str(roles.content))
    elif x is not None:
        content = Rows(_numbers(x, f"{arrays.where}: features '{roles.content}'"))
    else:
        table = _table(kept, columns, (own_label, roles.test), codes, targets)
        content, names = Rows(table.x), table.names
        notes += table.notes
    if arrays.is_table:
        notes += _unused(arrays, labels, (roles.content, own_label, roles.test) if roles.kind != "table" else None)
    return Source(
        name=Path(arrays.where).absolute().name if arrays.folder is not None else arrays.where,
        kind=roles.kind,
        rows=content,
        labels=None if codes is None else torch.from_numpy(codes),
        targets=None if targets is None else torch.from_numpy(targets),
        class_names=class_names,
        is_test=None if is_test is None or not is_test.any() else torch.from_numpy(is_test),
        notes=tuple(notes),
        ids=_ids(arrays, images, rows),
        feature_names=names,
        features_given=roles.content in PRETRAINED_KEYS and roles.kind == "table",
    )


def _length(arrays: Arrays, roles: Roles, columns: Sequence[str], images: Images | None, x: Array | None) -> int:
    if arrays.opened.n_rows is not None:
        return arrays.opened.n_rows
    if images is not None:
        return len(images)
    if x is not None:
        _numbers(x, f"{arrays.where}: features '{roles.content}'")
        return len(x)
    return len(arrays.read(columns[0] if columns else str(roles.content)))


def _marks(arrays: Arrays, name: str | None) -> tuple[npt.NDArray[np.bool_] | None, npt.NDArray[np.bool_]]:
    """Rows to test on, and which of them are for validation."""
    if name is None:
        return None, np.zeros(0, dtype=np.bool_)
    marks, validation = split_validation(arrays.read(name))
    return read_marks(marks, f"{arrays.where}: '{name}'"), validation


def _leave_out(wrong: npt.NDArray[np.bool_], keep: npt.NDArray[np.bool_], what: str, notes: list[str]) -> None:
    """Keep the other rows, if there are any."""
    if (wrong & keep).any() and (keep & ~wrong).any():
        notes.append(message(f"data.left_out.{what}", n=int((wrong & keep).sum()), of=len(keep)))
        keep &= ~wrong


def _leave_out_faults(images: Images, keep: npt.NDArray[np.bool_], where: str, notes: list[str]) -> None:
    found = faults(images, np.flatnonzero(keep))
    if not found:
        return
    notes.append(fault_note(found, images))
    keep[list(found)] = False
    if not keep.any():
        raise DataError(f"{where}: no image can be used. {notes[-1]}")


def _texts(arrays: Arrays, name: str) -> Texts:
    column = arrays.column(name)
    if not is_text(column.type):
        raise DataError(f"{arrays.where}: '{name}' holds {column.type}; wanted texts")
    return Texts(column)


def _numbers(x: Array, what: str) -> Array:
    if x.ndim < 2 or x.dtype.kind not in "fiub":
        raise DataError(f"{what} are {describe(x)}; wanted numbers [N, d]")
    return x


def _ids(arrays: Arrays, images: Images | None, rows: npt.NDArray[np.int64]) -> Sequence[str]:
    if images is not None:
        return images.ids(rows)
    files = arrays.opened.files
    return [files[row] for row in rows.tolist()] if files else RowNames(rows)


def _table(
    arrays: Arrays,
    columns: Sequence[str],
    skip: Sequence[str | None],
    codes: npt.NDArray[np.int64] | None,
    targets: Array | None,
) -> Table:
    """The features of a table, or columns of a file of arrays side by side."""
    if not columns:
        return feature_columns(arrays, skip, codes, targets)
    if arrays.is_table:
        return named_columns(arrays, columns)
    return Table(arrays.read_columns(columns), tuple(columns), [])


def _unused(arrays: Arrays, labels: Labels | None, used: Sequence[str | None] | None) -> list[str]:
    """What a reader should know of a table's columns; `used` are those of texts or images."""
    found: list[str] = []
    if labels is None and len(arrays.names) > 1:
        found.append(message("data.no_labels"))
    rest = [] if used is None else [f"'{name}'" for name in arrays.names if name not in used]
    return [*found, message("data.unused", names=listed(rest))] if rest else found
