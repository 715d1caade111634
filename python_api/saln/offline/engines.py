"""Who computes the rows of a result that are not finished: this process, or those of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import numpy.typing as npt

from saln.journal import Journal
from saln.selectors.support.choices import one_of

Array = npt.NDArray[Any]
ENGINES = ("local", "ray")


class Task(Protocol):
    """Rows of a result by their numbers: the same whatever else was computed before, where, and in what blocks.

    Travels to other processes by pickle, before anything is opened.
    """

    def block(self, memory: int) -> int:
        """How many rows to compute at once in that much memory."""
        ...

    def prepare(self, start: int, stop: int) -> Any:
        """Read what the rows from start to stop need; may run in a thread of its own, one block ahead of `compute`."""
        ...

    def compute(self, prepared: Any) -> Array:
        """The rows."""
        ...


def finish(
    task: Task,
    journal: Journal,
    *,
    engine: str,
    block: int,
    progress: Callable[[int, int], None],
    before_record: Callable[[int], None] = lambda _: None,
) -> None:
    """Compute and record what the journal does not hold.

    Parameters
    ----------
    task : Task
    journal : Journal
    engine : {"local", "ray"}
    block : int
        Rows at once, at least 1.
    progress : callable
        Called with the rows finished and the rows in all, at first and after every block.
    before_record : callable
        Called with the number of the row after each block, before it is recorded.
    """
    one_of("engine", engine, ENGINES)
    progress(journal.n_done, journal.n_rows)
    blocks = list(journal.missing(block))
    if engine == "ray":
        from saln.offline.ray_engine import on_ray

        results = on_ray(task, blocks)
    else:
        results = here(task, blocks)
    for start, rows in results:
        before_record(start + len(rows))
        journal.record(start, rows)
        progress(journal.n_done, journal.n_rows)


def here(task: Task, blocks: Iterable[tuple[int, int]]) -> Iterator[tuple[int, Array]]:
    """Compute block after block, reading the next one meanwhile."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="saln-read") as reader:
        ahead: tuple[int, Future[Any]] | None = None
        for start, stop in blocks:
            following = start, reader.submit(task.prepare, start, stop)
            if ahead is not None:
                yield ahead[0], task.compute(ahead[1].result())
            ahead = following
        if ahead is not None:
            yield ahead[0], task.compute(ahead[1].result())
