"""Who wants to know how a pilot is getting on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from saln.pilot.training.point import Point


class Watcher:
    """Told of everything as it happens, outside the timed parts; does nothing by itself."""

    def begin(self, methods: Sequence[str], steps: int | None, share: float, done: dict[str, int]) -> None:
        """A stage begins: `steps` in all for each method where that is known, of which some are done already."""

    def known(self, steps: int) -> None:
        """The first run is over: so many steps it will be in all for each method."""

    def over(self, method: str, seed: int, steps: int) -> None:
        """A run is over: so many steps of it count, since the last evaluation says where it ends."""

    def left(self, seconds: float, runs: int, longer: int) -> None:
        """The first run took so long; so many more follow, and at most so many of uniform for as long as a method."""

    def step(self, method: str, seed: int) -> None:
        """A method has made a step."""

    def point(self, method: str, seed: int, point: Point) -> None:
        """A method has been evaluated."""

    def longer(self, seed: int) -> None:
        """Uniform has made a step of a longer run that gives it as much time as the methods had."""

    def end(self) -> None:
        """The pilot is over."""

    def outcome(self, result: Any) -> None:
        """What came of it, a `PilotResult`."""


class Watchers(Watcher):
    """Several at once."""

    def __init__(self, watchers: Sequence[Watcher]) -> None:
        self._watchers = tuple(watchers)

    def begin(self, methods: Sequence[str], steps: int | None, share: float, done: dict[str, int]) -> None:
        for each in self._watchers:
            each.begin(methods, steps, share, done)

    def known(self, steps: int) -> None:
        for each in self._watchers:
            each.known(steps)

    def over(self, method: str, seed: int, steps: int) -> None:
        for each in self._watchers:
            each.over(method, seed, steps)

    def left(self, seconds: float, runs: int, longer: int) -> None:
        for each in self._watchers:
            each.left(seconds, runs, longer)

    def step(self, method: str, seed: int) -> None:
        for each in self._watchers:
            each.step(method, seed)

    def point(self, method: str, seed: int, point: Point) -> None:
        for each in self._watchers:
            each.point(method, seed, point)

    def longer(self, seed: int) -> None:
        for each in self._watchers:
            each.longer(seed)

    def end(self) -> None:
        for each in self._watchers:
            each.end()

    def outcome(self, result: Any) -> None:
        for each in self._watchers:
            each.outcome(result)
