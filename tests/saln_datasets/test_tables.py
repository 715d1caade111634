"""Columns of csv and parquet files: every kind as it is read, parsed once, and what is wrong named by its place."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from saln.datasets import ArrayFile, DataError, load_dataset, read_groups

NAN = float("nan")


def csv(folder: Path, text: str | bytes) -> Path:
    path = folder / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def parquet(folder: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), folder / "t.parquet")
    return folder / "t.parquet"


def rows(columns: str, line: Callable[[int], str], n: int = 30) -> str:
    return "\n".join([columns, *(line(i) for i in range(n))]) + "\n"


def test_a_question_mark_is_a_missing_number(tmp_path: Path) -> None:
    data = load_dataset(csv(tmp_path, rows("a,b,c,label", lambda i: f"{i},{'?' if i == 3 else i},{i},{i % 3}")))
    assert data.x.shape == (30, 3)
    assert data.x.isnan().nonzero().tolist() == [[3, 1]]
    assert data.notes == ("1 of 90 values are missing, infinite or too large for float32.",)


def test_what_is_left_out_is_noted_with_the_first_value_that_is_no_number(tmp_path: Path) -> None:
    data = load_dataset(csv(tmp_path, rows("a,b,label", lambda i: f"{i},{'-' if i == 7 else i},{i % 3}")))
    assert data.x.tolist() == [[float(i)] for i in range(30)]
    assert data.notes == ("Columns left out of the features: 'b' (texts, '-' in row 7). Naming columns takes others.",)


@pytest.mark.parametrize("words", ["NA", "N/A", "nan", "NULL", "", "?", " NA", "#N/A"])
def test_words_for_missing_are_nan_among_numbers_and_empty_among_texts(tmp_path: Path, words: str) -> None:
    file = ArrayFile(csv(tmp_path, f"n,t\n1,x\n{words},{words}\n3,y\n"))
    assert np.array_equal(file.read("n"), [1, NAN, 3], equal_nan=True)
    assert file.read("t").tolist() == ["x", "", "y"]


def test_a_csv_file_is_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed, real = [], pa.csv.read_csv
    monkeypatch.setattr(pa.csv, "read_csv", lambda *a, **k: (parsed.append(1), real(*a, **k))[1])
    monkeypatch.setattr(pa.csv, "open_csv", None)
    header = ",".join([*(f"p{j}" for j in range(100)), "label"])
    path = csv(tmp_path, rows(header, lambda i: ",".join([*(str(i * j) for j in range(100)), str(i % 3)])))
    assert load_dataset(path).x.shape == (30, 100)
    assert len(parsed) == 1
    read_groups([f"{path}:label,p3,p4"])
    assert len(parsed) == 2


def test_a_parquet_file_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = parquet(tmp_path, **{f"p{j}": A for j in range(50)}, label=Y)
    opened, real = [], pq.ParquetFile
    monkeypatch.setattr(pq, "ParquetFile", lambda *a, **k: (opened.append(1), real(*a, **k))[1])
    monkeypatch.setattr(pq, "read_table", None)
    assert load_dataset(path).x.shape == (30, 50)
    assert len(opened) == 1


def test_blanks_around_names_and_values_do_not_count(tmp_path: Path) -> None:
    data = load_dataset(csv(tmp_path, rows("a, label", lambda i: f"{i}, {'xyz'[i % 3]}{' ' * (i % 2)}")))
    assert data.class_names == ("x", "y", "z")


def test_empty_lines_of_a_single_column_are_missing_values(tmp_path: Path) -> None:
    assert ArrayFile(csv(tmp_path, "label\nx\n\ny\n")).read("label").tolist() == ["x", "", "y"]
    assert ArrayFile(csv(tmp_path, "a,label\n1,x\n\n2,y\n")).read("label").tolist() == ["x", "y"]


def test_quoted_values_may_hold_commas_and_lines(tmp_path: Path) -> None:
    file = ArrayFile(csv(tmp_path, '"a","t"\n"1","x,\ny"\n"","z"\n'))
    assert np.array_equal(file.read("a"), [1, NAN], equal_nan=True)
    assert file.read("t").tolist() == ["x,\ny", "z"]


def test_a_line_may_be_longer_than_a_megabyte(tmp_path: Path) -> None:
    names = [f"a_long_name_of_a_gene_{j:06d}" for j in range(50_000)]
    file = ArrayFile(csv(tmp_path, ",".join(names) + "\n" + ",".join(["1"] * len(names)) + "\n"))
    assert file.names == names
    assert file.read(names[-1]).tolist() == [1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n3\n", "row 3: Expected 2 columns, got 1: 3"),
        ("a,a,label\n1,2,3\n", "more than one array or column is called 'a'"),
        ("a, a\n1,2\n", "more than one array or column is called 'a'"),
        ("a,label\n", "'label' has no rows"),
        ("", "Empty CSV"),
        ('a,label\n1,"x\n2,y\n', "a quotation mark is opened and not closed"),
        ("a,label\n1,x\n2,\n3,NA\n4,y\n5,x\n", "'label' is missing in 2 rows (1, 2); wanted a label for every row"),
    ],
)
def test_a_csv_file_that_cannot_be_used_is_named_with_the_place(tmp_path: Path, text: str | bytes, words: str) -> None:
    path = csv(tmp_path, text)
    with pytest.raises(DataError) as caught:
        load_dataset(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert words in message
    assert "\n" not in message


A, Y = [float(i) for i in range(30)], [i % 3 for i in range(30)]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([Decimal(i) for i in Y], ("0", "1", "2")),
        (pa.array(["xyz"[i] for i in Y], pa.string_view()), ("x", "y", "z")),
        (pa.array(["xyz"[i] for i in Y], pa.large_string()), ("x", "y", "z")),
        (pa.array(["xyz"[i] for i in Y]).dictionary_encode(), ("x", "y", "z")),
        ([i > 0 for i in Y], ("False", "True")),
        (pa.array(Y, pa.uint64()), ("0", "1", "2")),
        (pa.array(Y, pa.float16()), ("0", "1", "2")),
    ],
)
def test_every_kind_of_label_is_read(tmp_path: Path, labels: Any, names: tuple[str, ...]) -> None:
    assert load_dataset(parquet(tmp_path, a=A, label=labels)).class_names == names


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([None] + [True, False, True] * 9 + [True] * 2, "'label' is missing in 1 row (0)"),
        ([None, *Y[1:]], "'label' is missing in 1 row (0)"),
        ([None, *("xyz"[i] for i in Y[1:])], "'label' is missing in 1 row (0)"),
        (["", *("xyz"[i] for i in Y[1:])], "'label' is missing in 1 row (0)"),
        ([None] * 30, "'label' is missing in 30 rows (0, 1, 2, …)"),
        ([0.5, *Y[1:]], "'label' is 0.5 in row 0; wanted whole numbers or texts"),
        ([{"a": 1}] * 30, "column 'label' holds struct<a: int64>; wanted numbers, texts, or lists of numbers"),
        (pa.array(Y, pa.date32()), "'label' is datetime64[D] [30]; wanted a label a row"),
        ([[1, 2]] * 30, "'label' is int64 [30, 2]; wanted a label a row"),
    ],
)
def test_labels_that_are_missing_or_none_are_named(tmp_path: Path, labels: Any, words: str) -> None:
    with pytest.raises(DataError) as caught:
        load_dataset(parquet(tmp_path, a=A, label=labels))
    assert words in str(caught.value)


def test_columns_of_any_kind_of_number_are_features(tmp_path: Path) -> None:
    columns = {
        "a": pa.array([1, None, 3, 4], pa.uint8()),
        "b": [True, None, False, True],
        "c": [Decimal("1.5"), None, Decimal(2), Decimal(3)],
        "d": pa.array([1.0, 2.0, 3.0, 4.0], pa.float16()),
    }
    path = parquet(tmp_path, **columns, label=list("uvuv"))
    want = [[1, 1, 1.5, 1], [NAN, NAN, NAN, 2], [3, 0, 2, 3], [4, 1, 3, 4]]
    assert np.array_equal(load_dataset(path).x, want, equal_nan=True)


def test_bytes_are_texts_in_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "b.npz", X=np.eye(4), y=np.array([b"a", "ü".encode(), b"a", b"a"]))
    assert load_dataset(tmp_path / "b.npz").class_names == ("a", "ü")
