"""What files cost: the program runs, and its figures are of what it ran."""

import json
from pathlib import Path

import pytest
import torch

from bench import offline
from saln import SpectralBatchSampler


def test_a_small_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "WIDTH", 16)
    offline.main(["--rows", "700", "--candidates", "50", "--output", str(tmp_path)])
    (file,) = tmp_path.glob("*.json")
    runs = json.loads(file.read_text(encoding="utf-8"))["runs"]
    epoch = len(SpectralBatchSampler(torch.zeros(700, 16), offline.SIZE))
    assert [(run["command"], run["batches"], run["from"]) for run in runs] == [
        ("score", 50, "disk"), ("score", 50, "cache"), ("select", epoch, "disk"), ("select", epoch, "cache"),
    ]  # fmt: skip
    for run in runs:
        assert run["cpu"] > 0
        assert run["seconds"] > 0
        assert run["anonymous"] > 10 << 20
    (page,) = tmp_path.glob("*.md")
    assert page.read_text(encoding="utf-8").count("\n| s") == 4


def test_a_command_that_fails_is_no_measurement(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ended with status 2"):
        offline.watch(["score", str(tmp_path / "absent.npy"), "c.npy"])
