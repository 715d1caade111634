"""Test marks are read strictly, wherever a file has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from saln.audit.inputs import read_evaluation, read_pool
from saln.datasets import DataError, load_dataset, read_groups
from saln.datasets.labels import read_marks


@pytest.mark.parametrize(
    "pair",
    [
        (False, True), (0, 1), (0.0, 1.0), ("train", "test"), ("False", "True"), ("no", "YES"), ("0", "1"),
        (" Train ", "Test"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["is_test", "test", "split"])
def test_marks_are_what_they_say(tmp_path: Path, pair: tuple[Any, Any], name: str) -> None:
    table = pa.table({"a": [float(i) for i in range(30)], "label": [i % 3 for i in range(30)], name: pair * 15})
    pq.write_table(table, tmp_path / "t.parquet")
    data = load_dataset(tmp_path / "t.parquet")
    assert data.is_test is not None
    assert data.is_test.tolist() == [False, True] * 15
    assert data.x.shape == (30, 1)


@pytest.mark.parametrize(
    ("marks", "words"),
    [
        (["", "train"], "is missing in 1 row (0)"),
        ([0.0, np.nan], "is missing in 1 row (1)"),
        ([0, 2], "is '2.0' in row 1"),
        ([0, -1], "is '-1.0' in row 1"),
        ([0.5, 1], "is '0.5' in row 0"),
        (["train", "validation"], "is 'validation' in row 1"),
        ([[0], [1]], "is int64 [2, 1]"),
        (np.array(["2020-01-01"] * 2, dtype="datetime64[D]"), "is datetime64[D] [2]"),
    ],
)
def test_other_marks_are_refused(marks: Any, words: str) -> None:
    with pytest.raises(DataError) as caught:
        read_marks(np.asarray(marks), "marks")
    assert words in str(caught.value)
    assert "wanted 0 or 1, true or false, yes or no, train or test" in str(caught.value)


def test_an_audit_reads_marks_alike(tmp_path: Path) -> None:
    marks = np.array(["train", "test"] * 10)
    arrays = {"site": np.array(["n", "s"] * 10), "labels": np.arange(20) % 2, "predictions": np.arange(20) % 2}
    np.savez(tmp_path / "g.npz", split=marks, **arrays)
    pool = read_pool(None, [str(tmp_path / "g.npz")])
    assert pool is not None
    assert pool.tolist() == [True, False] * 10
    groups, _ = read_groups([f"{tmp_path / 'g.npz'}:site"])
    evaluation, _ = read_evaluation(str(tmp_path / "g.npz"), groups, None)
    assert len(evaluation.labels) == 10
    np.savez(tmp_path / "g.npz", split=np.array(["train", "dev"] * 10), **arrays)
    with pytest.raises(DataError, match="'split' is 'dev' in row 1"):
        read_pool(None, [str(tmp_path / "g.npz")])
    with pytest.raises(DataError, match="'split' is 'dev' in row 1"):
        read_evaluation(str(tmp_path / "g.npz"), groups, None)
