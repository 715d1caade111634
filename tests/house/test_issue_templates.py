"""What people are asked for in an issue is there to be had."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from saln.cli import app

TEMPLATES = Path(__file__).parents[2] / ".github" / "ISSUE_TEMPLATE"


def test_a_report_of_a_fault_asks_for_the_diagnosis() -> None:
    text = (TEMPLATES / "bug.yml").read_text(encoding="utf-8")
    [(command, option)] = set(re.findall(r"`saln (\w+) (--\w+)`", text))
    known = typer.main.get_command(app).commands[command]  # type: ignore[attr-defined]
    assert option in {each for parameter in known.params for each in parameter.opts}


def test_every_field_has_a_name_of_its_own() -> None:
    for template in ("bug.yml", "feature.yml"):
        names = re.findall(r"^    id: (\w+)$", (TEMPLATES / template).read_text(encoding="utf-8"), re.MULTILINE)
        assert len(names) >= 3
        assert len(set(names)) == len(names)
