"""A training that was edited is another; one that only stands elsewhere, or beside other things, is the same."""

from __future__ import annotations

import importlib
import logging
import os
import random
import re
import subprocess
import sys
import textwrap
import threading
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from saln.pilot.source import source_of

SCRIPT = """
# settings
import functools, os
import torch
import helper
from helper import Base
from saln.integrations.plain import job

RATE = 0.1
SIZES = {"hidden": [8, 4], "names": {"b", "a", "c"}}
X = torch.arange(12.0).view(6, 2)
SEEDS = 5

def made_by(size):
    def decorate(function):
        @functools.wraps(function)
        def inner(*args):
            return function(*args)
        return inner
    return decorate

class Net(Base):
    '''A network.'''
    def forward(self, x):
        return x * 2

def build(size=3):
    return Net(SIZES["hidden"][0] + size)

@made_by(4)
def loss(outputs, targets):
    return (outputs - targets) ** helper.power(2)

def optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=RATE)

@functools.lru_cache
def evaluate(model):
    from later import judge
    return {"accuracy": judge(model)}

def unused():
    return 1

class Whole:
    def __init__(self, rate):
        self.rate = rate
    def __call__(self, sampler, seed):
        return optimizer(build()), self.rate
    def fit(self, sampler, seed):
        return self.rate

train = job(build, X, loss=loss, make_optimizer=optimizer, evaluate=evaluate, epochs=3)
bound = Whole(2).fit
callable_ = Whole(2)
given = functools.partial(lambda rate, sampler, seed: rate * len(X), 7)
"""
HELPER = """
import torch

N = 2

def power(n):
    return n + N

def other():
    return 3

class Base(torch.nn.Module):
    def __init__(self, size):
        super().__init__()
        self.layer = torch.nn.Linear(size, 1)
"""
LATER = "def judge(model):\n    return 0.5\n"
NAMES = ("train", "bound", "callable_", "given")


def digests(
    folder: Path, script: str = SCRIPT, helper: str = HELPER, later: str = LATER, name: str = "job"
) -> list[str]:
    """Of the training made by `job`, a bound method, a callable and a partial."""
    folder.mkdir(exist_ok=True)
    for file, text in ((name, script), ("helper", helper), ("later", later)):
        (folder / f"{file}.py").write_text(text)
    before = dict(sys.modules)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        made = importlib.import_module(name)
        assert made.__file__ == str(folder / f"{name}.py")
        return [source_of(getattr(made, each)) for each in NAMES]
    finally:
        sys.path.remove(str(folder))
        for each in set(sys.modules) - set(before):
            del sys.modules[each]


def test_digests_are_the_same_in_every_process_and_folder(tmp_path: Path) -> None:
    moved = "\n\n# Another line.\n" + SCRIPT.replace("SEEDS = 5", "SEEDS = 50").replace("return 1", "return 'unused'")
    first = digests(tmp_path / "a")
    assert len(set(first)) == 4
    assert digests(tmp_path / "b", moved, HELPER.replace("return 3", "return 4")) == first
    # A file that has the name of one of the standard library's.
    assert (
        digests(tmp_path / "c", name="this")[1]
        != digests(tmp_path / "d", SCRIPT.replace("n self.r", "n -self.r"), name="this")[1]
    )
    ask = "import sys, job; from saln.pilot.source import source_of\n"
    ask += f"print(*(source_of(getattr(job, each)) for each in {NAMES}))"
    done = subprocess.run(
        [sys.executable, "-c", ask],
        cwd=tmp_path / "a",
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*sys.path, "."]), "PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == first


@pytest.mark.parametrize(
    ("file", "before", "after", "which"),
    [
        ("script", "epochs=3", "epochs=4", "train"),
        ("script", "RATE = 0.1", "RATE = 0.2", "train callable_"),
        ("script", "[8, 4]", "[9, 4]", "train callable_"),
        ("script", '"c"}', '"d"}', "train callable_"),
        ("script", "arange(12.0)", "arange(1.0, 13.0)", "train given"),
        ("script", "x * 2", "x * 3", "train callable_"),
        ("script", "size=3", "size=4", "train callable_"),
        ("script", "outputs - targets", "outputs + targets", "train"),
        ("script", "SGD", "Adam", "train callable_"),
        ("script", "judge(model)}", "-judge(model)}", "train"),
        ("script", "Whole(2)", "Whole(3)", "bound callable_"),
        ("script", "return self.rate", "return -self.rate", "bound callable_"),
        ("script", "seed: rate", "seed: -rate", "given"),
        ("script", ", 7)", ", 8)", "given"),
        ("helper", "n + N", "n - N", "train"),
        ("helper", "N = 2", "N = 3", "train"),
        ("helper", "Linear(size, 1)", "Linear(size, 2)", "train callable_"),
        ("later", "0.5", "0.6", "train"),
    ],
)
def test_what_a_training_is_made_of_counts(
    tmp_path: Path, unedited: list[str], file: str, before: str, after: str, which: str
) -> None:
    texts = {"script": SCRIPT, "helper": HELPER, "later": LATER}
    assert before in texts[file]
    found = digests(tmp_path / "edited", **{**texts, file: texts[file].replace(before, after)})
    changed = {name for name, old, new in zip(NAMES, unedited, found, strict=True) if old != new}
    # Methods of a class count with it.
    assert changed >= set(which.split())
    assert changed <= {*which.split(), "bound"}


@pytest.fixture(scope="module")
def unedited(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return digests(tmp_path_factory.mktemp("unedited"))


def outer(value: Any) -> Any:
    return lambda: value


@lru_cache
def cached(value: int) -> int:
    return value


def test_values_of_all_kinds_are_told_apart() -> None:
    class Slotted:
        __slots__ = ("a",)

        def __init__(self, a: int) -> None:
            self.a = a

    pairs: list[tuple[Any, Any]] = [
        (0, False), (1, 1.0), ("1", 1), ("a", b"a"), ([1, 2], [[1], 2]), ((1,), [1]), ({1: 2}, {2: 1}),
        (np.arange(3), np.arange(3.0)), (np.zeros((2, 3)), np.zeros((3, 2))), (torch.zeros(2), torch.ones(2)),
        (torch.zeros(2).bfloat16(), torch.zeros(2).half()), (np.array(["a", 1], object), np.array(["a", 2], object)),
        (random.Random(0), random.Random(1)), (np.random.default_rng(0), np.random.default_rng(1)),
        (torch.Generator().manual_seed(0), torch.Generator().manual_seed(1)), (re.compile("a"), re.compile("b")),
        (Slotted(1), Slotted(2)), (torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)), (cached, partial(cached, 1)),
        (Path("a"), Path("b")), (slice(1), slice(2)), (torch.nn.ReLU(), torch.nn.GELU()), (int, float),
        (outer(1), outer(2)), ("a".upper, "b".upper), (torch.float16, torch.float32), (list[int], list[str]),
    ]  # fmt: skip
    for first, second in pairs:
        assert source_of(first) == source_of(first)
        assert source_of(first) != source_of(second), (first, second)
        assert source_of(outer(first)) != source_of(outer(second)), (first, second)


def test_what_cannot_be_looked_into_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop: list[Any] = []
    loop.append(loop)
    deep: list[Any] = []
    for _ in range(10_000):
        deep = [deep]
    with (tmp_path / "file").open("w") as file:
        for each in (threading.Lock(), (row for row in loop), logging.getLogger(), os.environ, file, loop, deep, sys):
            assert source_of(each) == source_of(each)
    before = source_of(partial(cached, os.environ))
    monkeypatch.setitem(os.environ, "UNHEARD_OF", "1")
    assert source_of(partial(cached, os.environ)) == before


def test_a_mapped_file_is_known_by_its_last_change(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.zeros((4, 2)))
    before = source_of(np.load(path, mmap_mode="r"))
    assert source_of(np.load(path, mmap_mode="r")) == before
    assert source_of(np.load(path, mmap_mode="r")[2:]) != source_of(np.load(path, mmap_mode="r")[:3])
    np.save(path, np.ones((5, 2)))
    assert source_of(np.load(path, mmap_mode="r")) != before


def test_what_looks_names_up_counts_with_its_file(tmp_path: Path) -> None:
    text = textwrap.dedent("""
        RATE = 1
        def train(sampler, seed):
            return globals()["RA" + "TE"]
        bound = callable_ = given = train
    """)
    first = digests(tmp_path / "a", text)
    assert digests(tmp_path / "b", text.replace("RATE = 1", "RATE = 2")) != first
