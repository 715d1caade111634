"""What is said of how well wrong labels are found is the area under the curve, ties and all."""

from __future__ import annotations

import csv

import torch
from sklearn.metrics import roc_auc_score

from bench.credibility import FILE, area_under_roc, summary


def test_the_area_is_that_of_scikit_learn() -> None:
    source = torch.Generator().manual_seed(0)
    values = torch.randint(8, (200,), generator=source).double() / 8  # with ties
    wrong = torch.rand(200, generator=source) < 0.3 + 0.4 * (1 - values)
    assert abs(area_under_roc(values, wrong) - roc_auc_score(wrong.numpy(), 1 - values.numpy())) < 1e-12


def test_the_page_s_ranges_are_those_of_the_file() -> None:
    with FILE.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    clean = [row for row in rows if row["condition"] != "noise"]
    assert len(clean) == 160
    assert not any(int(row["judged"]) for row in clean)
    assert "| CIFAR-10, features | noise | 0.31 to 0.34 | 10 of 10 | 0.97 to 0.98 |" in summary(rows)
