"""Progress bars of a pilot."""

from __future__ import annotations

from collections.abc import Sequence

from rich.progress import Progress, TaskID

from saln.pilot.training.watch import Watcher


class Bars(Watcher):
    """A bar for each method, and one for uniform's longer run, which goes on until it has taken as long as they did."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}
        self._longer: TaskID | None = None

    def begin(self, methods: Sequence[str], steps: int | None, share: float, done: dict[str, int]) -> None:
        """As in `Watcher`."""
        stage = "" if share == 1.0 else f" ({share:g} of the rows)"
        self._bars = {
            name: self._progress.add_task(name + stage, total=steps, completed=done[name]) for name in methods
        }
        if len(methods) > 1:
            self._longer = self._progress.add_task(f"uniform for as long{stage}", total=None)

    def known(self, steps: int) -> None:
        """As in `Watcher`."""
        for bar in self._bars.values():
            self._progress.update(bar, total=steps)

    def step(self, method: str, seed: int) -> None:
        """As in `Watcher`."""
        self._progress.advance(self._bars[method])

    def longer(self, seed: int) -> None:
        """As in `Watcher`."""
        if self._longer is not None:
            self._progress.advance(self._longer)
