"""The page on pruning shows what the result files hold."""

from __future__ import annotations

import json

from bench.machine import ROOT
from bench.prune import means, tables

PAGE = (ROOT / "docs" / "prune.md").read_text(encoding="utf-8")


def test_accuracies_are_those_of_the_result_file() -> None:
    trials = json.loads((ROOT / "bench/results/prune-2026-11-27.json").read_text())["trials"]
    assert {each["seed"] for each in trials} == {0, 1, 2}
    assert means(trials) in PAGE
    assert tables(trials) in PAGE


def test_times_are_those_of_the_result_file() -> None:
    found = json.loads((ROOT / "bench/results/prune-pool-2026-11-27.json").read_text())
    assert (found["rows"], found["width"]) == (200_000, 512)
    for each in found["cases"]:
        cells = (
            each["method"], f"{each['kept']:,}".replace(",", " "), f"{each['cpu_seconds']:.0f} s",
            f"{each['peak_bytes'] / 2**20:.0f} MiB", f"{each['peak_anonymous_bytes'] / 2**20:.0f} MiB",
        )  # fmt: skip
        assert "| " + " | ".join(cells) + " |" in PAGE, cells
