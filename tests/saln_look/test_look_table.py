"""The values of every row as a table: whole, readable, and safe to open in a spreadsheet."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas
import pytest

from look_cases import spoiled
from saln.datasets import DataError
from saln.inspection.columns import FARTHEST, standardised
from saln.inspection.look import look
from saln.inspection.table import in_figures
from saln.writing import cell

CASE = spoiled(n=120, wrong=6, copies=4)
N = len(CASE.labels)
NAMES = ["=1+1", "-dog", "猫"]


def test_the_table_has_every_value(tmp_path: Path) -> None:
    found = look(CASE.features, CASE.labels, class_names=NAMES, groups={"label": np.arange(N) % 2}, split=[False] * N)
    with open(found.to_csv(tmp_path / "look.csv", ids=[f"@{row}.png" for row in range(N)]), encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == N
    assert [int(each["row"]) for each in rows] == list(range(N))
    for name in ("label_quality", "outlier_score", "weight", "little"):
        assert np.array([float(each[name]) for each in rows]) == pytest.approx(getattr(found, name), abs=1e-5)
    assert [int(each["copy_group"]) for each in rows] == found.copy_group.tolist()
    assert [each["suspect"] == "True" for each in rows] == np.isin(np.arange(N), found.suspects).tolist()
    assert {each["label"] for each in rows} == {"'=1+1", "'-dog", "猫"}
    assert {each["group_label"] for each in rows} == {"0", "1"}
    assert rows[3]["id"] == "'@3.png"
    frame = found.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == [name for name in rows[0] if name != "id"]
    assert frame["label"].tolist() == np.asarray(NAMES)[CASE.labels].tolist()
    assert frame["weight"].tolist() == found.weight.tolist()


def test_no_cell_is_a_formula_and_numbers_stay_numbers() -> None:
    texts = ["=A1", "+1+1", "-1-1", "-dog", "－1", "@a", "\t=1", "\r=1"]
    assert [cell(each) for each in texts] == [f"'{each}" for each in texts]
    assert [cell(each) for each in ("a=1", "", "-1", "+1", "-1.5e3")] == ["a=1", "", "-1", "+1", "-1.5e3"]
    assert [cell(in_figures(each)) for each in (-0.25, float("inf"), -3, True)] == ["-0.25", "", -3, True]


def test_ids_are_as_many_as_rows(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"ids are 1; wanted {N}"):
        look(CASE.features).to_csv(tmp_path / "look.csv", ids=["a"])


def test_columns_of_a_table_are_standardised() -> None:
    import torch

    x = torch.randn(200, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor([1e-3, 1.0, 1e6, 0.0]) + 5
    x[3, 1] = x[4, 2] = torch.nan
    x[7, 0] = 1e4
    found, missing = standardised(x)
    assert missing == pytest.approx(2 / 800)
    assert found.isfinite().all()
    assert found[:, 1:3].mean(dim=0).abs().max() < 1e-5
    assert found[:, 1:3].std(dim=0).tolist() == pytest.approx([1.0, 1.0], abs=0.01)
    assert found[:, 3].tolist() == [0.0] * 200
    assert found[7, 0] == FARTHEST
