"""Batches chosen ahead, in a thread of their own, so that training need not wait for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

Place = tuple[int, int]
Chosen = TypeVar("Chosen")


class Ahead(Generic[Chosen]):
    """Computes what belongs to a place, and in the background what belongs to the places after it, in their order.

    Parameters
    ----------
    compute : callable
        Of a place; never called twice at the same time.
    after : callable
        The place that most likely follows a place.
    depth : int
        How many places ahead; 0 computes in the caller's thread.

    Examples
    --------
    >>> from saln.sampling.ahead import Ahead
    >>> squares = Ahead(lambda place: place[1] ** 2, lambda place: (place[0], place[1] + 1), depth=2)
    >>> [squares.take((0, step)) for step in (0, 1, 2)], len(squares)
    ([0, 1, 4], 2)
    >>> squares.discard()
    """

    def __init__(self, compute: Callable[[Place], Chosen], after: Callable[[Place], Place], depth: int) -> None:
        if depth < 0:
            raise ValueError(f"ahead is {depth}, want at least 0")
        self.depth = depth
        self._compute = compute
        self._after = after
        self._queue: deque[tuple[Place, Future[Chosen]]] = deque()
        self._thread: ThreadPoolExecutor | None = None

    def __len__(self) -> int:
        """Places computed, or to be, that nobody has taken."""
        return len(self._queue)

    def expects(self, place: Place) -> bool:
        """Whether what lies ready, if anything does, is of this place and those after it."""
        return not self._queue or self._queue[0][0] == place

    def take(self, place: Place) -> Chosen:
        """What belongs to the place, which must be the one expected; waits where it is not ready.

        An error raised while it was computed is raised here.
        """
        if self.depth == 0:
            return self._compute(place)
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="saln")
        if not self._queue:
            self._queue.append((place, self._thread.submit(self._compute, place)))
        while len(self._queue) <= self.depth:
            following = self._after(self._queue[-1][0])
            self._queue.append((following, self._thread.submit(self._compute, following)))
        return self._queue.popleft()[1].result()

    def discard(self) -> None:
        """Drop what lies ready or is under way; afterwards nothing is being computed."""
        for _, future in reversed(self._queue):
            if not future.cancel():
                future.exception()  # waits; an error in what nobody asked for is nobody's
        self._queue.clear()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_queue": deque(), "_thread": None}
