"""Tables in JSON: an object a line, a list of objects, or an object of lists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from saln.datasets.charset import decode, guess_note
from saln.datasets.errors import DataError
from saln.datasets.tables import BLOCK, Opened, open_table
from saln.needs import extra_pilot

DEEPEST = 500
"""Lists and objects within one another; far more than any table has, and few enough for every reader's stack."""
STEP = 1 << 24
WANTED = "wanted a list of objects, an object a line, or an object of lists"


def open_json_lines(path: Path, encoding: str | None = None) -> Opened:
    """Columns of a file with a JSON object a line; what an object lacks is missing."""
    with extra_pilot():
        import pyarrow
        import pyarrow.json

    text, found = decode(path.read_bytes(), str(path), encoding)
    if not text.strip():
        raise DataError(f"{path}: is empty; {WANTED}")
    content = text.encode()
    if depth(content) > DEEPEST:  # Arrow would run out of stack, and the program with it
        raise DataError(f"{path}: is nested too deep; {WANTED}")
    try:
        table = pyarrow.json.read_json(
            pyarrow.BufferReader(content), read_options=pyarrow.json.ReadOptions(block_size=BLOCK)
        )
    except pyarrow.ArrowInvalid as error:
        raise DataError(f"{path}: {str(error).splitlines()[0]}; wanted a JSON object a line") from error
    return open_table(table, guess_note(path.name, found, encoding))


def open_json(path: Path, encoding: str | None = None) -> Opened:
    """Columns of a JSON file: a list of objects, an object of lists, or an object with such a list as its only one."""
    with extra_pilot():
        import pyarrow

    text, found = decode(path.read_bytes(), str(path), encoding)
    try:
        content = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            return open_json_lines(path, encoding)
        raise DataError(f"{path}: line {error.lineno}: {error.msg}; {WANTED}") from error
    except RecursionError as error:
        raise DataError(f"{path}: is nested too deep; {WANTED}") from error
    rows = _rows(content)
    if rows is None:
        raise DataError(f"{path}: {WANTED}")
    try:
        table = pyarrow.table(rows) if isinstance(rows, dict) else pyarrow.Table.from_pylist(_complete(rows))
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError) as error:
        raise DataError(f"{path}: a column of several kinds: {str(error).splitlines()[0]}") from error
    return open_table(table, guess_note(path.name, found, encoding))


def depth(content: bytes) -> int:
    r"""How many lists and objects lie within one another at most, in any number of documents.

    Examples
    --------
    >>> depth(b'{"a": [1, {"b": "[[[["}]}'), depth(rb'["\\\"[[", "\\\\"]')
    (3, 1)
    """
    plain = np.frombuffer(content.replace(b"\\\\", b"").replace(b'\\"', b""), dtype=np.uint8)
    deepest, level, quoted = 0, 0, 0
    for start in range(0, len(plain), STEP):
        part = plain[start : start + STEP]
        in_text = (np.cumsum(part == ord('"'), dtype=np.int32) + quoted) % 2
        opens, closes = (np.isin(part, np.frombuffer(each, np.uint8)).astype(np.int8) for each in (b"[{", b"]}"))
        levels = level + np.cumsum(np.where(in_text, 0, opens - closes), dtype=np.int64)
        deepest, level, quoted = max(deepest, int(levels.max())), int(levels[-1]), int(in_text[-1])
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, in which no name may stand twice: one of the values would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"'{next(name for name in names if names.count(name) > 1)}' stands twice in one object")
    return found


def _rows(content: Any) -> list[dict[str, Any]] | dict[str, Any] | None:
    if isinstance(content, list) and content and all(isinstance(each, dict) for each in content):
        return content
    if not isinstance(content, dict):
        return None
    lists = [each for each in content.values() if isinstance(each, list)]
    if len(lists) == len(content) > 1 and len(set(map(len, lists))) == 1:
        return content
    return _rows(lists[0]) if len(lists) == 1 else None


def _complete(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first object with the keys of all: Arrow looks at it alone."""
    names = dict.fromkeys(name for row in rows for name in row)
    return [{name: rows[0].get(name) for name in names}, *rows[1:]]
