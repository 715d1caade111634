"""Tables in JSON, as programs write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from saln.datasets import ArrayFile, DataError, read_source

ROWS: list[dict[str, Any]] = [
    {"text": "東京はどこですか", "label": "場所", "n": 1},
    {"text": "what is\na film", "label": "thing"},
    {"text": "=1+1", "label": "thing", "n": 2.5},
]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.jsonl", "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS)),
        ("t.ndjson", "\n".join(json.dumps(row) for row in ROWS) + "\n\n"),
        ("t.json", "\n".join(json.dumps(row) for row in ROWS)),
        ("t.json", json.dumps(ROWS)),
        ("t.json", json.dumps({"version": "1", "data": ROWS})),
        ("t.json", json.dumps({name: [row.get(name) for row in ROWS] for name in ("text", "label", "n")})),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_every_way_to_write_rows(tmp_path: Path, name: str, text: str, encoding: str) -> None:
    (tmp_path / name).write_bytes(text.encode(encoding))
    source = read_source(tmp_path / name)
    assert source.kind == "texts"
    assert [source[place] for place in range(3)] == [row["text"] for row in ROWS]
    assert source.class_names == ("thing", "場所")
    assert ArrayFile(tmp_path / name).read("n")[[0, 2]].tolist() == [1, 2.5]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("t.json", "[1, 2]", "wanted a list of objects, an object a line, or an object of lists"),
        ("t.json", "{", "line 1: Expecting property name"),
        ("t.json", "[" * 100_000, "is nested too deep"),
        ("t.json", '[{"a": 1}, {"a": "x"}]', "a column of several kinds"),
        ("t.json", '{"a": [1, 2], "b": [1]}', "wanted a list of objects"),
        ("t.jsonl", '{"a": 1}\n{"a": "x"}\n', "wanted a JSON object a line"),
        ("t.jsonl", '{"a": 1}\nx\n', "wanted a JSON object a line"),
        ("t.jsonl", "\n", "is empty"),
    ],
)
def test_what_is_no_table_is_named(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError) as caught:
        read_source(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
