"""A few damaged files of every kind; `make fuzz` tries many more, guided by coverage."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz import seeds
from fuzz.read_files import at_random
from fuzz.target import Target
from saln.datasets import DataError

TARGETS = {each.name: each for each in seeds.targets()}


@pytest.mark.parametrize("name", TARGETS)
def test_a_damaged_file_is_read_or_named(name: str) -> None:
    target = TARGETS[name]
    count, faults = at_random(target, seconds=60, seed=0, n=25)
    assert count == 25
    assert faults == {}


@pytest.mark.parametrize("name", TARGETS)
def test_whole_files_are_read(name: str, tmp_path: Path) -> None:
    """Or a fault would hide behind an error that comes before it."""
    target = TARGETS[name]
    refused = 0
    for content in target.seeds:
        path = tmp_path / f"f{target.suffix}"
        path.write_bytes(content)
        try:
            target.read(path)
        except target.errors:
            refused += 1
    assert refused <= (name in ("state", "saved"))  # a plain pickle, and no split at all


def test_what_is_no_error_of_the_package_is_a_fault(tmp_path: Path) -> None:
    def read(path: Path) -> None:
        raise {b"a": ZeroDivisionError("x"), b"b": DataError("no name"), b"c": DataError(f"{path}: x")}[
            path.read_bytes()
        ]

    target = Target("t", ".t", [b"a"], read)
    found = [target.fault(content, tmp_path) for content in (b"a", b"b", b"c")]
    assert "ZeroDivisionError" in str(found[0])
    assert "does not name the file" in str(found[1])
    assert found[2] is None
    assert at_random(target, 60, 0, n=200)[1]  # keys that are not there
