"""Property tests on many examples: `python -m bench.fuzz --minutes 15`, or `--examples 1000000`, in rounds of a seed.

A round tries tests/properties on so many examples that the tree of those tried stays small, from a seed of its own:
`python -m pytest tests/properties --hypothesis-seed=SEED` with its SALN_EXAMPLES tries the same. The first round that
fails ends it, with status 1 and what it said. `--output FILE` writes what was tried, property by property, as JSON; a
file that is there already is gone on with, so that many examples need not be tried in one go.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from bench.machine import ROOT, describe

TIMES = 20  # as many examples as in `make test`, a round
COUNTS = re.compile(r"^(tests/\S+):$|^ +- (\d+) passing, (\d+) failing, and (\d+) invalid", re.MULTILINE)


class Round(NamedTuple):
    """What one seed said."""

    passed: Counter[str]  # examples, by property
    invalid: int  # drawn, but no case of the property
    failed: str  # what was said; empty where nothing failed


def run(seed: int) -> Round:
    """All properties, in as many processes as there are cores."""
    command = [sys.executable, "-m", "pytest", "tests/properties", "-p", "no:benchmark", "-n", "auto", "--dist"]
    command += ["worksteal", "--hypothesis-show-statistics", f"--hypothesis-seed={seed}"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "SALN_EXAMPLES": str(TIMES)}
    )
    passed, invalid, name = Counter[str](), 0, ""
    for found in COUNTS.finditer(done.stdout):
        if found[1]:
            name = found[1].removeprefix("tests/properties/")
        else:
            passed[name] += int(found[2])
            invalid += int(found[4])
    return Round(passed, invalid, done.stdout + done.stderr if done.returncode else "")


def main() -> None:
    """Rounds until there is enough."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="no round begins after that")
    parser.add_argument("--examples", type=int, default=0, help="that all properties together are to be tried on")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the first round; by default the time")
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    if not given.examples and given.minutes == float("inf"):
        parser.error("wanted --minutes, --examples or both")
    tried = Tried(given.output)
    begun = time.monotonic()
    for seed in itertools.count(given.seed):
        minutes = (time.monotonic() - begun) / 60
        if minutes >= given.minutes or (given.examples and tried.passed.total() >= given.examples):
            break
        found = run(seed)
        if found.failed:
            sys.exit(f"{found.failed}\nseed {seed}, SALN_EXAMPLES={TIMES}")
        tried.add(seed, found)
        minutes = (time.monotonic() - begun) / 60
        print(f"seed {seed}: {tried.passed.total()} examples passed, {minutes:.0f} min", flush=True)


class Tried:
    """What was tried so far, in a file where one is named."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        known = json.loads(path.read_text()) if path is not None and path.exists() else {}
        self.passed = Counter[str](known.get("by_property", {}))
        self._invalid = known.get("invalid", 0)
        self._seeds: dict[str, list[int]] = known.get("seeds", {})  # by commit
        self._about = describe("bench.fuzz")

    def add(self, seed: int, found: Round) -> None:
        """A round that passed."""
        self.passed += found.passed
        self._invalid += found.invalid
        self._seeds.setdefault(self._about["git"]["commit"], []).append(seed)
        if self._path is None:
            return
        report = {
            **self._about,
            "times": TIMES,
            "seeds": self._seeds,
            "examples": self.passed.total(),
            "failing": 0,
            "invalid": self._invalid,
            "by_property": dict(sorted(self.passed.items())),
        }
        self._path.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
