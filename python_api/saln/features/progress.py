"""A bar of the rows done, on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

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
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
            tasks: dict[str, Any] = {}

            def show(what: str, done: int, total: int) -> None:
                if what not in tasks:
                    tasks[what] = bars.add_task(what, total=total)
                bars.update(tasks[what], completed=done)

            yield show
