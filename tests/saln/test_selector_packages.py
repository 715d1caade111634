"""Selectors of other packages: known by name wherever a method is named, once the package is installed."""

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import torch

from saln import SELECTORS, SuperBatch, make_selector
from saln.selectors import Offer, Selector, register
from saln.selectors.jest import JEST
from saln.selectors.registry import Registry

MODULE = '''
"""A selector of another package."""

from saln.selectors import Selector


class HighestLoss(Selector):
    name, description, paper = "highest_loss", "the largest losses", "another package"
    reads = ("losses",)

    def __init__(self, *, ends: str = "high") -> None:
        self.ends = ends

    def _choose(self, offer, size):
        return offer["losses"].argsort(descending=self.ends == "high", stable=True)[:size]
'''


def install(folder: Path, distribution: str = "highest-loss", value: str = "highest_loss:HighestLoss") -> None:
    """What an installer leaves of a package with one entry point."""
    (folder / "highest_loss.py").write_text(MODULE)
    information = folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[saln.selectors]\nhighest_loss = {value}\n")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(folder), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def test_the_command_line_knows_an_installed_package_s_selector(tmp_path):
    install(tmp_path)
    listed = run(tmp_path, "-m", "saln.cli", "methods", "--json")
    assert {"name": "highest_loss", "description": "the largest losses", "paper": "another package"}.items() <= {
        name: value
        for each in json.loads(listed.stdout)["methods"]
        if each["name"] == "highest_loss"
        for name, value in each.items()
    }.items()
    losses = np.random.default_rng(0).random(20, dtype=np.float32)
    np.save(tmp_path / "x.npy", np.zeros((20, 2), dtype=np.float32))
    np.save(tmp_path / "losses.npy", losses)
    options = ["--method", "guard:floor=0:highest_loss:ends=low", "--losses", str(tmp_path / "losses.npy")]
    output = tmp_path / "rows.npy"
    sizes = ["--batch-size", "4", "--filter-ratio", "0.8"]
    done = run(tmp_path, "-m", "saln.cli", "select", str(tmp_path / "x.npy"), "-o", str(output), *options, *sizes)
    assert done.returncode == 0, done.stderr
    assert sorted(np.load(output)[0]) == sorted(np.argsort(losses)[:4])
    piloted = run(
        tmp_path,
        "-m",
        "saln.cli",
        *"pilot digits --methods highest_loss --seeds 2 --steps 6 --batch-size 8 --evaluations 2 --json".split(),
        "--output",
        str(tmp_path / "pilot"),
    )
    assert piloted.returncode == 0, piloted.stderr
    assert "highest_loss" in json.loads(piloted.stdout)["config"]["methods"]


def test_nothing_is_loaded_before_it_is_named(tmp_path):
    install(tmp_path)
    program = (
        "import sys, saln; assert 'highest_loss' not in sys.modules; saln.make_selector('jest'); "
        "assert 'highest_loss' not in sys.modules; print(saln.make_selector('highest_loss:ends=low'))"
    )
    assert run(tmp_path, "-c", program).stdout.strip() == "HighestLoss(ends='low')"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("highest_loss:Lowest", "selector 'highest_loss' of highest_loss:Lowest (package highest-loss) cannot be loaded"),
        ("nowhere:HighestLoss", "cannot be loaded: No module named 'nowhere'"),
        ("pathlib:Path", "is <class 'pathlib.Path'>, want a subclass of saln.selectors.Selector"),
        ("saln.selectors.jest:JEST", "its class calls itself 'jest', want one name"),
    ],
)
def test_a_package_whose_entry_is_wrong_is_named_and_disturbs_no_other(monkeypatch, value, words):
    registry = Registry()
    registry._look()
    entry = EntryPoint("highest_loss", value, "saln.selectors")
    entry = entry._for(type("Package", (), {"name": "highest-loss"})())
    monkeypatch.setitem(registry._others, "highest_loss", [entry])
    if value.startswith("highest_loss"):
        monkeypatch.setitem(sys.modules, "highest_loss", type(sys)("highest_loss"))
    with pytest.raises((TypeError, ValueError, RuntimeError)) as raised:
        registry["highest_loss"]
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_two_selectors_of_one_name_are_refused_and_both_named(tmp_path):
    install(tmp_path)
    install(tmp_path, "higher-loss", "highest_loss:Higher")
    program = "import saln; saln.make_selector('jest'); saln.make_selector('highest_loss')"
    error = run(tmp_path, "-c", program).stderr.splitlines()[-1]
    assert error.startswith("ValueError: several selectors are called 'highest_loss', want one: ")
    assert "highest_loss:HighestLoss (package highest-loss)" in error
    assert "highest_loss:Higher (package higher-loss)" in error


class TestRegister:
    """Classes that are to be known in this process alone."""

    def made(self, **facts: str) -> type[Selector]:
        body = {"name": "first", "description": "the first rows", "paper": "a test", "__module__": "notebook", **facts}
        return type("First", (Selector,), {**body, "_choose": lambda self, offer, size: torch.arange(size)})

    def test_it_is_made_by_name(self, monkeypatch):
        monkeypatch.setattr(SELECTORS, "_others", {})
        cls = register(self.made())
        assert make_selector("guard:floor=0:first").select(SuperBatch(torch.eye(4)), 2).tolist() == [0, 1]
        assert list(SELECTORS)[-1] == "first"
        again = register(self.made())  # as a cell of a notebook does that is run again
        assert type(make_selector("first")) is again is not cls

    @pytest.mark.parametrize("name", ["jest", "auto", "first"])
    def test_a_name_that_is_taken_is_refused_and_stays_who_had_it(self, monkeypatch, name):
        monkeypatch.setattr(SELECTORS, "_others", {})
        register(self.made(__qualname__="Earlier"))
        before = make_selector(name)
        with pytest.raises(ValueError, match=f"several selectors are called '{name}', want one: .*notebook:First"):
            register(self.made(name=name))
        assert type(make_selector(name)) is type(before)
        assert SELECTORS["jest"] is JEST

    @pytest.mark.parametrize("fact", ["name", "description", "paper"])
    def test_facts_are_wanted(self, fact):
        with pytest.raises(TypeError, match=f"First has no {fact}, want a text"):
            register(self.made(**{fact: ""}))
        with pytest.raises(TypeError, match="want a subclass of saln.selectors.Selector"):
            register(Offer)
