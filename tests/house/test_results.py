"""Results of benchmarks: they are of any machine, and say nothing of where its files lay."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.machine import command

ROOT = Path(__file__).parents[2]
RESULTS = [each for each in (ROOT / "bench/results").iterdir() if each.suffix in (".json", ".jsonl", ".md", ".csv")]
ABSOLUTE = re.compile(r"""(?:^|[\s"'=])(/\w[^\s"']*/[^\s"']+)""", re.MULTILINE)


def test_no_result_has_a_path_of_a_machine() -> None:
    assert len(RESULTS) > 20
    found = {each.name: ABSOLUTE.findall(each.read_text(encoding="utf-8")) for each in RESULTS}
    assert {name: paths for name, paths in found.items() if paths} == {}


def test_a_command_keeps_the_last_part_of_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ABSOLUTE.findall('"python -m bench.look /home/me/data copies"') == ["/home/me/data"]
    monkeypatch.setattr("sys.argv", ["look.py", "/home/me/data", "--seeds", "3"])
    assert command("bench.look") == "python -m bench.look data --seeds 3"
