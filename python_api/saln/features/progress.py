"""A bar of the rows done, on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from saln.needs import extra_pilot

Progress: TypeAlias = Callable[[str, int, int], None]
"""What is counted, how many of it are finished, and how many there are."""


@contextmanager
def shown(progress: bool | Progress) -> Iterator[Progress]:
    """What is to be told: a bar of our own, somebody else's, or nobody."""
    if callable(progress):
        yield progress
    elif not progress:
        yield lambda what, done, total: None
    else:
        with extra_pilot():
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=error_console(), transient=True) as bars:
            tasks: dict[str, Any] = {}

            def show(what: str, done: int, total: int) -> None:
                if what not in tasks:
                    tasks[what] = bars.add_task(what, total=total)
                bars.update(tasks[what], completed=done)

            yield show


def error_console() -> Any:
    """Standard error for bars: moving on a terminal, and where there is none, in a notebook say, told at the end.

    rich takes a notebook for a terminal, or wants ipywidgets there, and draws each movement below the one before.
    """
    with extra_pilot():
        from rich.console import Console

    return Console(stderr=True, force_jupyter=False, force_terminal=sys.stderr.isatty())
