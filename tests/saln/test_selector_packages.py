"""Selectors of other packages: known by name wherever a method is named, once the package is installed."""

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint

import numpy as np
import pytest
import torch

from saln import SELECTORS, SuperBatch, make_selector
from saln.selectors import Offer, Selector, register
from saln.selectors.jest import JEST

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


PROGRAM = """
import json, sys
from typer.testing import CliRunner
import saln
from saln.cli import app

assert repr(saln.make_selector("jest")) == "JEST()"
assert "highest_loss" not in sys.modules, "it is loaded before it is named"


def output(*arguments):
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


folder = sys.argv[1]
method = "guard:floor=0:highest_loss:ends=low"
listed = json.loads(output("methods", "--json"))["methods"]
output(
    *("select", f"{folder}/x.npy", "-o", f"{folder}/rows.npy", "--losses", f"{folder}/losses.npy", "--method", method),
    *("--batch-size", "4"),
)
sizes = {"seeds": 2, "steps": 6, "batch-size": 8, "evaluations": 2}
pilot = ["pilot", "digits", "--methods", method, "--output", f"{folder}/pilot", "--json"]
piloted = json.loads(output(*pilot, *(f"--{name}={value}" for name, value in sizes.items())))
print(json.dumps({"listed": listed[-1], "piloted": piloted["config"]["methods"]}))
"""


def test_the_command_line_knows_an_installed_package_s_selector(tmp_path):
    """What an installer leaves of a package: its module, and the entry points of its metadata."""
    (tmp_path / "highest_loss.py").write_text(MODULE)
    information = tmp_path / "highest_loss-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: highest-loss\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[saln.selectors]\nhighest_loss = highest_loss:HighestLoss\n")
    losses = np.random.default_rng(0).random(20, dtype=np.float32)
    np.save(tmp_path / "x.npy", np.zeros((20, 2), dtype=np.float32))
    np.save(tmp_path / "losses.npy", losses)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {
        "listed": {
            "name": "highest_loss",
            "description": "the largest losses",
            "paper": "another package",
            "needs": ["losses"],
        },
        "piloted": ["uniform", "guard:floor=0:highest_loss:ends=low"],
    }
    assert sorted(np.load(tmp_path / "rows.npy")[0]) == sorted(np.argsort(losses)[:4])


def install(monkeypatch, *values: str) -> None:
    """As if packages with these entries for "highest_loss" were installed."""
    package = type("Package", (), {"name": "losses"})()
    entries = [EntryPoint("highest_loss", value, "saln.selectors")._for(package) for value in values]
    SELECTORS._look()
    monkeypatch.setattr(SELECTORS, "_others", {"highest_loss": entries})


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("json:HighestLoss", "selector 'highest_loss' of json:HighestLoss (package losses) cannot be loaded: module"),
        ("nowhere:HighestLoss", "cannot be loaded: No module named 'nowhere'"),
        ("fractions:Fraction", "is <class 'fractions.Fraction'>, want a subclass of saln.selectors.Selector"),
        ("saln.selectors.jest:JEST", "its class calls itself 'jest', want one name"),
    ],
)
def test_a_package_whose_entry_is_wrong_is_named_and_disturbs_no_other(monkeypatch, value, words):
    install(monkeypatch, value)
    assert SELECTORS["jest"] is JEST
    with pytest.raises((TypeError, ValueError, RuntimeError)) as raised:
        make_selector("highest_loss")
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_two_selectors_of_one_name_are_refused_and_both_named(monkeypatch):
    install(monkeypatch, "one:HighestLoss", "another:Highest")
    assert SELECTORS["jest"] is JEST
    with pytest.raises(ValueError, match="several selectors are called 'highest_loss', want one: ") as raised:
        make_selector("highest_loss")
    assert "one:HighestLoss (package losses), another:Highest (package losses)" in str(raised.value)


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
        with pytest.raises(TypeError, match="want a subclass of"):
            register(Offer)
