"""Files that `python -m fuzz.read_files` found to be read wrongly, each the smallest that shows it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from saln.datasets import DataError, read_groups, read_source
from saln.offline.row_groups import RowGroups


def test_a_label_that_is_infinite(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,label\n1,0\n2,1e999\n")
    with pytest.raises(DataError, match=r"t\.csv: 'label' is inf in row 1; wanted whole numbers"):
        read_source(tmp_path / "t.csv")


@pytest.mark.parametrize("code", [0x110000, 0xFFFFFFFF, 0xD800])
def test_a_text_of_characters_that_there_are_not(tmp_path: Path, code: int) -> None:
    np.save(tmp_path / "x.npy", np.array([97, code], dtype=np.uint32).view("<U1"))
    for read in (read_source, lambda path: read_groups([str(path)])):
        with pytest.raises(DataError, match=r"x\.npy: holds texts with characters that there are not"):
            read(tmp_path / "x.npy")


def test_a_row_group_that_ends_before_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq.write_table(pa.table({"x": [1.0, 2.0]}), tmp_path / "x.parquet")
    rows = RowGroups(tmp_path / "x.parquet", ("x",), side_by_side=False)
    monkeypatch.setattr(rows._file, "iter_batches", lambda **_: iter(()), raising=False)
    with pytest.raises(DataError, match=r"x\.parquet: ends before row 0; it says that it has 2 rows"):
        rows.fill(np.array([0]), np.empty((1, 1)))
