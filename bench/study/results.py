"""The results file of the study: what was asked for in its first line, then a finished run a line."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, NamedTuple

import torch

from saln.pilot.training.trainer import Point, Run


class Key(NamedTuple):
    """Which run."""

    set: str
    condition: str
    method: str
    seed: int


Runs = dict[Key, Run]
POINTS = tuple(field.name for field in dataclasses.fields(Point))


def read(file: Path) -> tuple[dict[str, Any], Runs]:
    """The first line and the finished runs; nothing where there is no file. What a stop cut off is left out."""
    if not file.exists():
        return {}, {}
    first, *lines = file.read_text(encoding="utf-8").split("\n")
    # A whole line ends in a line break, so that the last piece is empty or half a line.
    return json.loads(first), dict(_run(json.loads(line)) for line in lines[:-1])


def start(file: Path, about: dict[str, Any]) -> Runs:
    """Finished runs of a file with these settings; the file is made, or rid of half a line.

    Raises
    ------
    ValueError
        The file's runs were made with other settings.
    """
    first = json.dumps(about)
    if not file.exists():
        file.write_text(first + "\n", encoding="utf-8")
    found, runs = read(file)
    sets = {key.set for key in runs}
    if runs and _of_sets(found, sets) != _of_sets(json.loads(first), sets):
        raise ValueError(f"{file}: its runs were made with other settings; give another file")
    lines = file.read_text(encoding="utf-8").split("\n")[1:-1]
    file.write_text("\n".join([first, *lines, ""]), encoding="utf-8")
    return runs


def _of_sets(about: dict[str, Any], sets: set[str]) -> dict[str, Any]:
    """Settings without those of sets that have no runs."""
    settings: dict[str, Any] = about["settings"]
    return {**settings, "sets": {name: settings["sets"].get(name) for name in sorted(sets)}}


def line(key: Key, run: Run) -> str:
    """A run as a line of the file."""
    curve = {name: [_short(getattr(point, name)) for point in run.curve] for name in POINTS}
    return json.dumps({**key._asdict(), "setup_seconds": _short(run.setup_seconds), **curve}) + "\n"


def _run(found: dict[str, Any]) -> tuple[Key, Run]:
    key = Key(*(found[name] for name in Key._fields))
    curve = tuple(Point(*values) for values in zip(*(found[name] for name in POINTS), strict=True))
    nothing = torch.empty(0)
    return key, Run(key.method, key.seed, curve, found["setup_seconds"], nothing, nothing, nothing)


def _short(value: float) -> float:
    return value if isinstance(value, int) else round(value, 5)
