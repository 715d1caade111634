"""Which column is what: label, test mark, text, image, features. Usual names tell first, then what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, Literal

import numpy as np

from saln.datasets.arrays import Arrays
from saln.datasets.columns import is_category, names_rows
from saln.datasets.errors import DataError, listing
from saln.datasets.files import FEATURE_KEYS, LABEL_KEYS, TEST_KEYS
from saln.datasets.images import IMAGES_KEY, MOSAIC_KEYS
from saln.datasets.pictures import SUFFIXES, fault
from saln.datasets.tables import is_image_file, is_list, is_number, is_text
from saln.needs import extra_pilot

Kind = Literal["table", "images", "texts"]

MORE_LABEL_KEYS = (
    *LABEL_KEYS, "category", "classes", "categories", "class_label", "coarse_label", "intent", "sentiment", "outcome",
    "ラベル", "正解", "正解ラベル", "クラス", "分類", "カテゴリ", "カテゴリー", "判定",
)  # fmt: skip
TEXT_KEYS = (
    "text", "texts", "sentence", "sentences", "question", "questions", "review", "reviews", "content", "document",
    "utterance", "tweet", "テキスト", "文章", "本文", "文", "質問", "質問文", "内容", "レビュー",
)  # fmt: skip
MORE_TEXT_KEYS = (
    "body", "message", "comment", "comments", "query", "prompt", "title", "headline", "description", "コメント", "件名",
    "タイトル", "説明",
)  # fmt: skip
IMAGE_KEYS = (
    "image", "images", "img", "picture", "photo", "image_path", "img_path", "image_file", "image_name", "file",
    "filename", "file_name", "filepath", "file_path", "path", "画像", "画像ファイル", "ファイル", "ファイル名", "パス",
)  # fmt: skip
"""Usual names, the most usual first. Those of MORE_TEXT_KEYS tell only where there are no numbers beside them."""

SAMPLE = 1000
"""Rows from which it is told what a column of texts holds."""
FILES = 20
"""Files from which it is told what a column of bytes holds."""
WORDS, LETTERS = 4, 15
"""Words a row, or letters a row in scripts that put no blanks between words, from which texts are sentences."""


@dataclass(frozen=True)
class Roles:
    """Which column is what.

    Attributes
    ----------
    kind : {"table", "images", "texts"}
    content : str or None
        The column of images or texts, or the array of features; None: the columns of a table, or mosaics of images.
    label, test : str or None
    """

    kind: Kind
    content: str | None
    label: str | None
    test: str | None


def find_roles(
    arrays: Arrays,
    *,
    label: str | None = None,
    image: str | None = None,
    text: str | None = None,
    features: str | None = None,
    test: str | None = None,
    columns: Sequence[str] = (),
) -> Roles:
    """Which column is what, by what the user named, usual names, and content.

    Raises
    ------
    DataError
        A name is not there, or is named for two things, or nothing tells what the rows are.
    """
    given = [name for name in (label, image, text, features, test) if name is not None]
    for name in [*given, *columns]:
        arrays.require(name)
    label = label or arrays.known(MORE_LABEL_KEYS)
    test = test or arrays.known(TEST_KEYS)
    for mark in (label, test):
        if mark is not None and mark in (*columns, image, text, features):
            raise DataError(f"{arrays.where}: '{mark}' holds labels or test marks; wanted other features")
    what = [each for each in (image, text, features) if each is not None]
    if len(what) + bool(columns) > 1:
        raise DataError(f"{arrays.where}: image, text, features and columns: two of them were named; wanted one")
    skip = (label, test)
    if columns:
        return Roles("table", None, label, test)
    if features is not None:
        return Roles("table", features, label, test)
    if text is not None:
        return Roles("texts", text, label or _only_category(arrays, (text, test)), test)
    if image is not None:
        return Roles("images", image, label or _only_category(arrays, (image, test)), test)
    kind, content = _content(arrays, skip)
    if kind != "table" and label is None:
        label = _only_category(arrays, (content, test))
    return Roles(kind, content, label, test)


def holds_pictures(arrays: Arrays, name: str) -> bool:
    """Whether a column holds images, or names their files."""
    if is_image_file(arrays.kind(name)):
        return _may_be_pictures(arrays.column(name).slice(0, FILES).to_pylist())
    if not is_text(arrays.kind(name)):
        return False
    names = [each for each in _sample(arrays.column(name)) if each]
    return bool(names) and all(_is_picture(each) for each in names)


def _may_be_pictures(files: Sequence[Any]) -> bool:
    """Whether one of some files, as bytes or Hugging Face's bytes and path, is an image: they may be sounds."""
    given = [each if isinstance(each, dict) else {"bytes": each, "path": None} for each in files if each is not None]
    return any(
        fault(each["bytes"]) is None if each["bytes"] is not None else _is_picture(each["path"] or "") for each in given
    )


def holds_sentences(column: Any) -> bool:
    """Whether a column holds texts as people write them, most of them different."""
    if not is_text(column.type) or is_category(column):
        return False
    texts = [each for each in _sample(column) if each]
    if not texts or len(set(texts)) < len(texts) / 2 or all(_is_picture(each) for each in texts):
        return False
    return _are_sentences(texts)


def _are_sentences(texts: Sequence[str]) -> bool:
    words = float(np.mean([len(each.split()) for each in texts]))
    foreign = float(np.mean([sum(letter > "\u2e80" for letter in each) for each in texts]))
    return words >= WORDS or foreign >= LETTERS


def _content(arrays: Arrays, skip: Sequence[str | None]) -> tuple[Kind, str | None]:
    """What the rows are, where nobody named it."""
    names = [name for name in arrays.names if name not in skip]
    if not arrays.is_table:
        return _of_arrays(arrays, names)
    known = next((key for key in FEATURE_KEYS if key in names and is_list(arrays.kind(key))), None)
    if known is not None:
        return "table", known
    types = {name: arrays.kind(name) for name in names}
    numbers = [name for name in names if is_number(types[name]) and not names_rows(name)]
    image = _first(IMAGE_KEYS, names, lambda name: holds_pictures(arrays, name))
    if image is not None:
        return "images", image
    text = _first(
        TEXT_KEYS + (() if numbers else MORE_TEXT_KEYS), names, lambda name: _may_be_text(arrays.column(name))
    )
    if text is not None:
        return "texts", text
    pictures = [name for name in names if holds_pictures(arrays, name)]
    if len(pictures) == 1:
        return "images", pictures[0]
    sentences = [] if numbers else [name for name in names if holds_sentences(arrays.column(name))]
    if len(sentences) > 1:
        raise DataError(f"{arrays.where}: which column holds the texts? name one (text) of {listing(sentences)}")
    return ("texts", sentences[0]) if sentences else ("table", None)


def _of_arrays(arrays: Arrays, names: Sequence[str]) -> tuple[Kind, str | None]:
    known = [name for name in FEATURE_KEYS if name in names]
    mosaics = all(key in arrays.names for key in MOSAIC_KEYS)
    if mosaics and not known:
        return "images", None
    if known in ([], [IMAGES_KEY]) and IMAGES_KEY in names and arrays.read(IMAGES_KEY).ndim > 2:
        return "images", IMAGES_KEY
    if known:
        return "table", known[0]
    text = next((name for name in TEXT_KEYS if name in names and arrays.read(name).dtype.kind == "U"), None)
    if text is not None:
        return "texts", text
    return "table", arrays.find("features", FEATURE_KEYS)


def _first(keys: Sequence[str], names: Sequence[str], fits: Any) -> str | None:
    lower = {name.lower(): name for name in reversed(names)}
    return next((lower[key] for key in keys if key in lower and fits(lower[key])), None)


def _may_be_text(column: Any) -> bool:
    """Whether a column with the name of one holds texts; sentences may be repeated, and words may not."""
    if not is_text(column.type):
        return False
    texts = [each for each in _sample(column) if each]
    if not texts or all(map(_is_picture, texts)):
        return False
    return _are_sentences(texts) or not is_category(column)


def _only_category(arrays: Arrays, skip: Sequence[str | None]) -> str | None:
    """The only other column, if it can be classes."""
    others = [name for name in arrays.names if name not in skip]
    if len(others) != 1 or not arrays.is_table:
        return None
    with extra_pilot():
        import pyarrow

    column = arrays.column(others[0])
    types = pyarrow.types
    if is_text(column.type):
        return others[0] if is_category(column) else None
    return others[0] if types.is_integer(column.type) or types.is_boolean(column.type) else None


def _sample(column: Any) -> list[str]:
    return [each or "" for each in column.slice(0, SAMPLE).cast("large_string").to_pylist()]


def _is_picture(text: str) -> bool:
    path = PureWindowsPath(text) if "\\" in text else PurePosixPath(text)
    return path.suffix.lower() in SUFFIXES and "\n" not in text
