"""The commands of README and docs run as they are written, in a folder with the files that they name.

Pilots make fewer steps: options that come later count. Not run are two commands that fetch a model, and one on a
dataset that only the library datasets writes (tests/integrations reads such ones).
"""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import page_data
from house.test_pages import PRESENT, of_page
from saln.cli import app

LINE = re.compile(r"^ {0,4}(saln [^#\n]*)", re.MULTILINE)
INLINE = re.compile(r"`(saln \w+ (?=[^`]*[./])(?![^`]*(?:NAME|<|…))[^`]+)`")
"""Commands in a sentence or a table that name a file."""
LEFT_OUT = ("--model timm:resnet18", "--model sentence-transformers:all-MiniLM-L6-v2", "pilot saved/")
SMALL = {"job": ["--seeds", "2"], "pilot": ["--seeds", "2", "--steps", "14", "--evaluations", "2"]}
MAY_END = {"pilot": (0, 1, 3), "audit": (0, 1)}
"""Statuses that are answers: of gates and limits."""


def commands_of(page: Path) -> list[str]:
    """Those that stand on lines of their own, and those in a sentence that name a file."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    indented = "\n".join(re.findall(r"^    saln .*$", text, re.MULTILINE))
    fenced = "\n".join(re.findall(r"^```\n(saln .*?)^```$", text, re.MULTILINE | re.DOTALL))
    return [line.strip() for line in [*LINE.findall(f"{indented}\n{fenced}"), *INLINE.findall(text)]]


WITH_COMMANDS = [page for page in PRESENT if commands_of(page)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands name, and a finished pilot."""
    folder = tmp_path_factory.mktemp("files")
    page_data.write(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done = run("saln pilot data.npz --methods jest -o report.html")
    assert done.exit_code == 0, done.output
    return folder


def run(command: str) -> object:
    """In this process."""
    name, *arguments = shlex.split(command)[1:]
    if name == "pilot":
        arguments += SMALL["job" if any(".py:" in each for each in arguments) else "pilot"]
        arguments += ["--image-size", "16", "--width", "2", "--seeds", "1"] if "resnet" in arguments else []
        arguments += [] if "--methods" in arguments else ["--methods", "uniform,jest"]
    return CliRunner().invoke(app, [name, *arguments], env={"COLUMNS": "200"})


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=of_page)
def test_commands_run(page: Path, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "here"
    shutil.copytree(files, folder)
    monkeypatch.chdir(folder)
    for command in commands_of(page):
        if any(each in command for each in LEFT_OUT):
            continue
        if command.startswith("saln extract"):
            Path("features.npy").unlink(missing_ok=True)  # a file from elsewhere is not written over
        done = run(command)
        assert done.exit_code in MAY_END.get(command.split()[1], (0,)), f"{command}\n{done.output}\n{done.exception}"
        for output in re.findall(r"(?:-o|--output|--csv|--keep) ([\w.]+\.\w+)", command):
            if not re.fullmatch(r"0\.\d+", output):
                assert (folder / output).exists(), command


def test_pages_have_commands_and_few_are_left_out() -> None:
    commands = [command for page in WITH_COMMANDS for command in commands_of(page)]
    assert len(commands) > 30
    left_out = [command for command in commands if any(each in command for each in LEFT_OUT)]
    assert len(set(left_out)) <= 4
    assert all(any(each in command for command in left_out) for each in LEFT_OUT)
    assert {command.split()[1] for command in commands} == {
        "audit",
        "explain",
        "extract",
        "look",
        "pilot",
        "prune",
        "score",
        "select",
    }
