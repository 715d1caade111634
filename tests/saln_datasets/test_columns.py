"""Which columns of a table become features: no index, no second label, no name of a row, and nothing without a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from saln.cli import app
from saln.datasets import DataError, load_dataset

N = 60
NOISE = np.random.default_rng(0).normal(size=N)
LABEL = np.repeat([0, 1, 2], N // 3)
ORDER = np.random.default_rng(1).permutation(N)


def parquet(folder: Path, metadata: dict[str, str] | None = None, **columns: Any) -> Path:
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), folder / "t.parquet")
    return folder / "t.parquet"


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("__index_level_0__", ORDER, "an index"),
        ("Unnamed: 0", ORDER, "an index"),
        ("Unnamed: 0.1", ORDER, "an index"),
        ("", ORDER, "an index"),
        ("target", LABEL, "another label"),
        ("y", LABEL + 0.5, "another label"),
        ("test", LABEL % 2, "another test mark"),
        ("species", LABEL * 7 - 3, "the label in other numbers"),
        ("species", LABEL.astype(float), "the label in other numbers"),
        ("id", ORDER, "names of rows"),
        ("ID", ORDER.astype(float), "names of rows"),
        ("index", ORDER, "names of rows"),
        ("sample_id", ORDER // 2, "names of rows"),
        ("PassengerId", ORDER, "names of rows"),
        ("site", [f"s{i}" for i in ORDER], f"texts, 's{ORDER[0]}' in row 0"),
        ("day", pa.array(ORDER.astype(np.int32), pa.date32()), "dates"),
        ("gap", [None] * N, "empty"),
        ("tree", [{"a": 1}] * N, "holds struct<a: int64>; wanted numbers, texts, or lists of numbers"),
        ("embedded", [[1.0, 2.0]] * N, "lists"),
    ],
)
def test_a_column_that_is_no_feature_is_left_out_and_named(tmp_path: Path, name: str, values: Any, why: str) -> None:
    marks = {"is_test": [False] * N} if name == "test" else {}
    data = load_dataset(parquet(tmp_path, a=NOISE, label=LABEL, **{name: values}, **marks))
    assert np.array_equal(data.x, NOISE.astype(np.float32)[:, None])
    assert data.notes == (f"Columns left out of the features: '{name}' ({why}). Naming columns takes others.",)


@pytest.mark.parametrize(
    ("name", "values"),
    [("index", NOISE), ("width", LABEL // 2), ("grid", ORDER), ("x", NOISE), ("data", NOISE), ("humid", ORDER)],
)
def test_other_numbers_are_features(tmp_path: Path, name: str, values: Any) -> None:
    data = load_dataset(parquet(tmp_path, a=NOISE, label=LABEL, **{name: values}))
    assert data.x.shape == (N, 2)
    assert data.notes == ()


def test_what_pandas_wrote_down_as_index_is_none_of_the_features(tmp_path: Path) -> None:
    path = parquet(tmp_path, {"pandas": '{"index_columns": ["when"]}'}, a=NOISE, when=ORDER, label=LABEL)
    assert load_dataset(path).x.shape == (N, 1)
    path = parquet(tmp_path, {"pandas": '{"index_columns": [{"kind": "range"}]}'}, a=NOISE, when=ORDER, label=LABEL)
    assert load_dataset(path).x.shape == (N, 2)


def test_an_index_in_csv_is_left_out(tmp_path: Path) -> None:
    lines = [f"{i},{NOISE[i]},{LABEL[i]}" for i in range(N)]
    (tmp_path / "t.csv").write_text("\n".join([",a,label", *lines]))
    assert load_dataset(tmp_path / "t.csv").x.shape == (N, 1)


def test_names_decide_over_what_is_found(tmp_path: Path) -> None:
    path = parquet(tmp_path, a=NOISE, id=ORDER, label=LABEL, target=LABEL % 2)
    assert load_dataset(path, columns=["id", "a"]).x[:, 0].tolist() == ORDER.tolist()
    other = load_dataset(path, label_key="target")
    assert other.n_classes == 2
    assert other.x.shape == (N, 1)
    assert load_dataset(path, ignore=["label", "a"], columns=["id"]).n_classes == 2
    with pytest.raises(DataError, match=r"no array or column named 'b'; it has a, id, label, target"):
        load_dataset(path, ignore=["b"])
    with pytest.raises(DataError, match="'label' holds labels or test marks; wanted other features"):
        load_dataset(path, columns=["a", "label"])


def test_a_column_that_is_named_and_holds_texts_is_an_error(tmp_path: Path) -> None:
    path = parquet(tmp_path, a=[*map(str, range(N - 1)), "-"], label=LABEL)
    with pytest.raises(DataError, match="column 'a' is text, '-' in row 59; wanted one number a row"):
        load_dataset(path, columns=["a"])


def test_the_only_column_of_lists_is_the_features(tmp_path: Path) -> None:
    data = load_dataset(parquet(tmp_path, vector=[[i, i] for i in NOISE], id=ORDER, label=LABEL))
    assert np.array_equal(data.x, np.stack([NOISE, NOISE], axis=1).astype(np.float32))
    assert data.notes == ("Columns left out of the features: 'id' (names of rows). Naming columns takes others.",)
    assert load_dataset(parquet(tmp_path, embedding=[[i, i] for i in NOISE], label=LABEL)).features_given


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"site": ["x"] * N}, "no columns that are features; there are 'site' (texts, 'x' in row 0)"),
        ({"u": [[1.0]] * N, "v": [[1.0]] * N}, "there are 'u' (lists; name one), 'v' (lists; name one)"),
        ({}, "no columns that are features; there are nothing"),
    ],
)
def test_a_table_without_features_says_what_it_has(tmp_path: Path, columns: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError) as caught:
        load_dataset(parquet(tmp_path, label=LABEL, **columns))
    assert words in str(caught.value)


def test_the_pilot_says_what_was_left_out(tmp_path: Path) -> None:
    path = parquet(tmp_path, a=NOISE, b=NOISE[::-1], id=ORDER, target=LABEL, label=LABEL)
    command = ["pilot", str(path), "--methods", "uniform", "--seeds", "2", "--steps", "2", "--batch-size", "4"]
    done = CliRunner().invoke(app, [*command, "--ignore", "b", "-o", str(tmp_path / "r.html")])
    assert done.exit_code == 0, done.output
    page = (tmp_path / "r.html").read_text("utf-8")
    assert "left out of the features" in page
    assert "names of rows" in page
    assert "another label" in page
