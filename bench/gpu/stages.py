"""Stages of a run: each a program of its own with a time limit, whose end, whatever it is, is recorded."""

import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.machine import ROOT

Status = Literal["passed", "failed", "out of time", "left out"]
TAIL = 4000  # characters of output that are kept of a stage that did not pass


@dataclass(frozen=True)
class Stage:
    """What to run."""

    name: str
    command: tuple[str, ...]
    limit: float  # seconds
    environment: dict[str, str] = field(default_factory=dict)
    proves: bool = False  # that results are right: where it fails, what is measured is marked
    fails_with: int | None = None  # the status that says so; with another it could not run. None: any but 0
    cannot: str = "\0"  # what it says where it could not run, whatever the status


@dataclass(frozen=True)
class Ended:
    """How a stage ended."""

    name: str
    status: Status
    seconds: float
    summary: str
    tail: str = ""


class Clock:
    """Seconds left of a run."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Never below zero."""
        return max(0.0, self._end - time.monotonic())


def run(stage: Stage, clock: Clock) -> Ended:
    """Run a stage for as long as it may and as there is time; its whole process group is ended after that."""
    limit = min(stage.limit, clock.left)
    if limit < 1:
        return Ended(stage.name, "left out", 0.0, "no time was left")
    began = time.monotonic()
    try:
        process = subprocess.Popen(
            stage.command,
            cwd=ROOT,
            env=os.environ | stage.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        return Ended(stage.name, "left out", 0.0, str(error))
    try:
        output, _ = process.communicate(timeout=limit)
        status: Status = _status(stage, process.returncode, output)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        status = "out of time"
    return Ended(
        stage.name, status, time.monotonic() - began, _summary(output), output[-TAIL:] if status != "passed" else ""
    )


def _status(stage: Stage, code: int, output: str) -> Status:
    if code == 0:
        return "passed"
    return "failed" if stage.fails_with in (None, code) and stage.cannot not in output else "left out"


def _summary(output: str) -> str:
    """The line that says most: pytest's or the sanitizer's own, else the last."""
    found = re.findall(r"\d+ (?:passed|failed)[^\n]*|ERROR SUMMARY[^\n]*|RACECHECK SUMMARY[^\n]*", output)
    lines = [line for line in output.splitlines() if line.strip()]
    return (found or lines or ["no output"])[-1].strip("= ")[:300]


def read(file: Path) -> str:
    """A file a stage may have written; empty if it did not."""
    return file.read_text() if file.exists() else ""
