"""The program of logits runs, and its scores are right."""

import json
from pathlib import Path

import pytest

from bench import logits


def test_a_small_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logits.main(["--smoke", "--rounds", "2", "--output", str(tmp_path)])
    (file,) = tmp_path.glob("*.json")
    results = json.loads(file.read_text(encoding="utf-8"))
    assert [row["threads"] for row in map(lambda rows: rows[0], results["ways"])] == [1, 2]
    for target in logits.judge(results):
        if target.name.endswith(("error", "memory over inputs")):
            assert target.met, target
    assert capsys.readouterr().out.count("over svdvals") == 4
