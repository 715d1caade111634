"""Tables in text come back as they were written, in every dialect."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saln.datasets import ArrayFile, DataError, read_source

SEPARATORS = (",", ";", "\t", "|")
CELLS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zs"]), max_size=6) | st.sampled_from(
    ["a,b", "1;2", 'say "so"', "two\nlines", "tab\tbed", "=1+1"]
)


def written(rows: list[list[str]], separator: str) -> str:
    file = io.StringIO()
    csv.writer(file, delimiter=separator, lineterminator="\n").writerows(rows)
    return file.getvalue()


@pytest.mark.parametrize("separator", SEPARATORS)
@given(cells=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_texts_come_back(tmp_path: Path, separator: str, cells: list[tuple[str, str]]) -> None:
    rows = [[f"t{a}", f"t{b}", "x"] for a, b in cells]
    path = tmp_path / "t.csv"
    path.write_text(written([["first", "second", "third"], *rows], separator), encoding="utf-8", newline="")
    file = ArrayFile(path)
    assert file.names == ["first", "second", "third"]
    assert file.read("first").tolist() == [row[0].strip() for row in rows]
    assert file.read("second").tolist() == [row[1].strip() for row in rows]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp932"])
@pytest.mark.parametrize("separator", SEPARATORS)
def test_a_japanese_table_in_every_encoding(tmp_path: Path, encoding: str, separator: str) -> None:
    rows = [["本文", "ラベル"], *([f"{i}番の鋼板に傷,があります", "不良" if i % 2 else "良品"] for i in range(6))]
    (tmp_path / "t.csv").write_bytes(written(rows, separator).encode(encoding))
    source = read_source(tmp_path / "t.csv")
    assert source.kind == "texts"
    assert source[3] == "3番の鋼板に傷,があります"
    assert source.class_names == ("不良", "良品")
    assert source.notes == (("t.csv was read as Shift-JIS (cp932).",) if encoding == "cp932" else ())


def test_decimal_commas(tmp_path: Path) -> None:
    text = "länge;menge;ort;label\n1,5;1.200,25;a,b;x\n-2;30;c;y\n;4,0;d;x\n0,25;1;e;y\n"
    (tmp_path / "t.csv").write_bytes(text.encode("latin-1"))
    file = ArrayFile(tmp_path / "t.csv")
    assert np.array_equal(file.read("länge"), [1.5, -2, np.nan, 0.25], equal_nan=True)
    assert file.read("menge").tolist() == [1200.25, 30, 4, 1]
    assert file.read("ort").tolist() == ["a,b", "c", "d", "e"]


def test_commas_between_commas_are_no_decimal_commas(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('pair,label\n"1,5",x\n"2,5",y\n')
    assert ArrayFile(tmp_path / "t.csv").read("pair").tolist() == ["1,5", "2,5"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('label\ttext\na\t"Who" is he\nb\t"Hello\na\tsay "so\n', ['"Who" is he', '"Hello', 'say "so']),
        ('label\ttext\na\t"one\ttwo"\nb\t"three\nfour"\n', ["one\ttwo", "three\nfour"]),
        ('label\ttext\n"a"\t"say ""so"""\n', ['say "so"']),
    ],
)
def test_quotation_marks_in_tsv(tmp_path: Path, text: str, wanted: list[str]) -> None:
    (tmp_path / "t.tsv").write_text(text)
    assert ArrayFile(tmp_path / "t.tsv").read("text").tolist() == wanted


def test_a_quotation_mark_within_a_value_opens_nothing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('size,label\n12" pipe,x\n7 pipe,y\n')
    assert ArrayFile(tmp_path / "t.csv").read("size").tolist() == ['12" pipe', "7 pipe"]


def test_commas_in_a_text_do_not_hide_the_tabs(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("text, as written\tlabel\nwell, yes, no\tx\nno\ty\n")
    assert ArrayFile(tmp_path / "t.csv").names == ["text, as written", "label"]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_ends_of_lines(tmp_path: Path, newline: str) -> None:
    (tmp_path / "t.csv").write_bytes(newline.join(["a,label", "1,x", "2,y", ""]).encode())
    assert ArrayFile(tmp_path / "t.csv").read("a").tolist() == [1, 2]


def test_a_formula_is_a_text(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('text,label\n"=HYPERLINK(""http://a.b"")",x\n@SUM(A1),y\n')
    assert ArrayFile(tmp_path / "t.csv").read("text").tolist() == ['=HYPERLINK("http://a.b")', "@SUM(A1)"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0.5,1.5\n1,2\n", "the first line holds numbers (0.5, 1.5); wanted the columns' names"),
        ("1,1,0\n1,2,3\n", "the first line holds numbers (1, 1, 0)"),
        ("a;b\n1;2\n3;4;5\n", "the header being row 1, row 3: Expected 2 columns, got 3: 3;4;5"),
    ],
)
def test_a_table_that_is_none_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        ArrayFile(tmp_path / "t.csv")
    assert str(caught.value).startswith(f"{tmp_path / 't.csv'}: {words}")


def test_numbered_columns_are_names(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("0,1,2\n5,6,7\n")
    assert ArrayFile(tmp_path / "t.csv").names == ["0", "1", "2"]


@pytest.mark.parametrize("name", ["d.pkl", "d.pt", "d.xlsx", "d.csv.gz", "d.zip", "d.doc"])
def test_files_that_are_not_read_say_what_to_do(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"anything")
    with pytest.raises(DataError, match=r"unpickled|save the sheet as csv|unpack it first|unknown ending") as caught:
        read_source(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
