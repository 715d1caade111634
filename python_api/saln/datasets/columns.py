"""Which columns of a table are features, where they are not named: numbers and categories, but no index, no label,
no mark, no name of a row, no date, and nothing that gives the label away.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from saln.catalogue import Message, message
from saln.datasets.arrays import Arrays, as_float32, first_text
from saln.datasets.errors import Array, DataError, listed, listing
from saln.datasets.files import LABEL_KEYS, TEST_KEYS
from saln.datasets.groups import MISSING
from saln.datasets.leaks import leaks
from saln.datasets.tables import is_list, is_text, values
from saln.needs import extra_pilot

INDEX = re.compile(r"(unnamed: .*)?|__index_level_\d+__", re.IGNORECASE)
"""Names that pandas gives an index without one."""
IDS = re.compile(r"(?i:index|idx|(.*[ _.-])?(id|uuid|guid))|.*[a-z\u3040-\u9fff]I[dD]|.*識別子")
"""Names of whole numbers that name rows."""
NUMBERS = re.compile(r"(?i:row|no\.?|nr\.?|number|serial|key|rownames|row[ _.-]?(no|nr|num|number)|通し番号|番号)")
"""Names of whole numbers that name rows where no two are equal."""
DATE_NAMES = re.compile(r"(?i:(.*[ _.-])?(date|datetime|timestamp)|.*_at|日付|日時|.*年月日)")
DATE = r"^\d{1,4}[-/.年]\d{1,2}[-/.月]\d{1,4}日?([T ]?\d{1,2}[:時]\d{1,2}.*)?$"
MOST_CATEGORIES = 50
"""Different texts up to which a column is one of categories."""
ROWS_OF_A_CATEGORY = 3
"""Rows that a category has on average, at least."""
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Table:
    """Features side by side.

    Attributes
    ----------
    x : ndarray
        `[N, d]` float32, NaN where a number is missing.
    names : tuple of str
        Of the features.
    left_out : list of str
        Columns that are none, each with the reason.
    """

    x: Array
    names: tuple[str, ...]
    left_out: list[str]

    @property
    def notes(self) -> list[str]:
        if not self.left_out:
            return []
        return [message("data.columns", names=listed(self.left_out))]


@dataclass(frozen=True)
class _Feature:
    """A column's features `[N]` or `[N, categories]`, their names, and numbers by which it may give the label away."""

    values: Array
    names: list[str]
    numbers: Array


def named_columns(arrays: Arrays, names: Sequence[str]) -> Table:
    """The features of columns that the user named: numbers, categories, and dates as days since 1970.

    Raises
    ------
    DataError
        A column is not there, or holds something else.
    """
    features = []
    for name in names:
        column = arrays.column(name) if arrays.is_table else None
        if column is not None and is_text(column.type) and is_category(column):
            features.append(_categories(name, column))
            continue
        array = arrays.read(name)
        if array.ndim == 1 and array.dtype.kind == "M":
            array = np.where(np.isnat(array), np.nan, (array - np.datetime64(0, "D")) / DAY)
            features.append(_Feature(array, [name], array))
        else:
            features.append(_Feature(arrays.read_columns([name])[:, 0], [name], array))
    return _side_by_side(features, [])


def feature_columns(
    arrays: Arrays,
    skip: Collection[str | None],
    codes: npt.NDArray[np.int64] | None,
    targets: Array | None = None,
) -> Table:
    """The features of a table, and the columns that were left out.

    Features are the columns of one number or category a row, or, where there is none, the only column of lists.

    Parameters
    ----------
    arrays : Arrays
    skip : collection of str
        Columns that are known to be something else.
    codes : ndarray or None
        `[N]` class numbers.
    targets : ndarray or None
        `[N]` numbers to predict.

    Raises
    ------
    DataError
        No column is left, or several columns of lists; the message says why.
    """
    found: dict[str, _Feature] = {}
    lists: list[str] = []
    left_out: dict[str, str] = {}
    index = arrays.opened.index
    for name in arrays.names:
        if name in skip:
            continue
        reason: str | None = message("data.why.index") if name in index or INDEX.fullmatch(name) else _known(name)
        feature = None
        if reason is None:
            if is_list(arrays.kind(name)):
                lists.append(name)
                continue
            feature, reason = _feature(name, arrays.column(name), codes)
        if reason is not None:
            left_out[name] = reason
        elif feature is not None:
            found[name] = feature
    telling = leaks({name: each.numbers for name, each in found.items()}, codes, targets)
    left_out |= telling
    reasons: list[str] = [
        message("data.named", name=name, why=left_out[name]) for name in arrays.names if name in left_out
    ]
    if found:
        used = [name for name in found if name not in telling]
        reasons += [message("data.named", name=name, why=message("data.why.lists")) for name in lists]
        return _side_by_side([found[name] for name in used], reasons)
    if len(lists) == 1:
        x = arrays.read(lists[0])
        return Table(x, tuple(f"{lists[0]}[{place}]" for place in range(x.shape[1])), reasons)
    kept = [f"'{name}' (lists; name one)" for name in lists] + reasons
    raise DataError(f"{arrays.where}: no columns that are features; there are {listing(kept)}")


def names_rows(name: str) -> bool:
    """Whether a name is that of an index, an identifier or a date."""
    return any(each.fullmatch(name) for each in (INDEX, IDS, DATE_NAMES))


def is_category(column: Any) -> bool:
    """Whether a column of texts holds few enough different ones, each often enough."""
    with extra_pilot():
        import pyarrow.compute as pc

    n_kinds = pc.count_distinct(column.cast("large_string")).as_py()
    return bool(0 < n_kinds <= MOST_CATEGORIES and ROWS_OF_A_CATEGORY * n_kinds <= len(column))


def _feature(name: str, column: Any, codes: npt.NDArray[np.int64] | None) -> tuple[_Feature | None, str | None]:
    """What a column is as a feature, or why it is none."""
    if is_text(column.type):
        return _text_feature(name, column, codes)
    try:
        array = values(column, name)
    except DataError as error:
        return None, str(error).removeprefix(f"{name} ")
    reason = _no_number(name, array, codes)
    return (None, reason) if reason else (_Feature(array, [name], array), None)


def _text_feature(name: str, column: Any, codes: npt.NDArray[np.int64] | None) -> tuple[_Feature | None, str | None]:
    with extra_pilot():
        import pyarrow.compute as pc

    texts = column.cast("large_string")
    given = texts.drop_null()
    if not len(given):
        return None, message("data.why.empty")
    if pc.all(pc.match_substring_regex(given, DATE)).as_py():
        return None, message("data.why.dates")
    row, value = first_text(texts.slice(0, 10_000).to_pylist())
    shown = message("data.why.texts", text=value if len(value) <= 40 else value[:39] + "…", row=row)
    if IDS.fullmatch(name) and not is_category(texts):
        return None, message("data.why.rows")
    if not is_category(texts) or pc.count_distinct(texts).as_py() == 1:
        return None, shown
    feature = _categories(name, column)
    if codes is not None and _same_classes(feature.numbers, codes):
        return None, message("data.why.label_words")
    return feature, None


def _categories(name: str, column: Any) -> _Feature:
    """A feature a category, 1 where the row is of it; a missing one is a category, too."""
    encoded = column.cast("large_string").fill_null("").combine_chunks().dictionary_encode()
    kinds = [each.as_py() or MISSING for each in encoded.dictionary]
    order = np.argsort(np.asarray(kinds, dtype=np.str_))
    numbers = np.argsort(order)[encoded.indices.to_numpy(zero_copy_only=False)]
    hot = (numbers[:, None] == np.arange(len(kinds))).astype(np.float32)
    return _Feature(hot, [f"{name}={kinds[place]}" for place in order.tolist()], numbers)


def _side_by_side(features: Sequence[_Feature], left_out: list[str]) -> Table:
    parts = [as_float32(each.values.reshape(len(each.values), -1)) for each in features]
    x = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
    return Table(x, tuple(name for each in features for name in each.names), left_out)


def _known(name: str) -> Message | None:
    plain = name.lower() if len(name) > 1 else name
    kind = "label" if plain in LABEL_KEYS else "mark" if plain in TEST_KEYS else None
    return None if kind is None else message(f"data.why.{kind}")


def _no_number(name: str, column: Array, codes: npt.NDArray[np.int64] | None) -> str | None:
    """Why a column is no feature; None if it is one."""
    if column.dtype.kind == "M":
        return message("data.why.dates")
    if column.dtype.kind not in "fiub":
        return str(column.dtype)
    if column.dtype.kind == "f" and np.isnan(column).all():
        return message("data.why.empty")
    whole = column.dtype.kind != "f" or bool(np.all(column == np.round(column)))
    if whole and (IDS.fullmatch(name) or (NUMBERS.fullmatch(name) and len(np.unique(column)) == len(column))):
        return message("data.why.rows")
    if whole and column.dtype.kind != "b" and DATE_NAMES.fullmatch(name):
        return message("data.why.dates")
    same = codes is not None and whole and _same_classes(column, codes)
    return message("data.why.label_numbers") if same else None


def _same_classes(column: Array, codes: npt.NDArray[np.int64]) -> bool:
    """Each class has a value of its own, and each value its class; with few rows that says nothing."""
    n_classes = int(codes.max()) + 1
    values, found = np.unique(column, return_inverse=True)
    same = len(values) == n_classes and len(codes) >= 2 * n_classes
    return same and len(np.unique(found * n_classes + codes)) == n_classes
