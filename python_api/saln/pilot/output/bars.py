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
        self._done: dict[str, int] = {}  # steps of each method's finished runs

    def begin(self, methods: Sequence[str], steps: int | None, share: float, done: dict[str, int]) -> None:
        """As in `Watcher`."""
        self._done = dict(done)
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

    def over(self, method: str, seed: int, steps: int) -> None:
        """As in `Watcher`."""
        self._done[method] += steps
        if not self._progress.console.is_terminal:  # where bars are drawn at the end alone
            self._progress.console.print(f"{method}, seed {seed}: {steps} steps are over", highlight=False)
        self._progress.update(self._bars[method], completed=self._done[method])

    def left(self, seconds: float, runs: int, longer: int) -> None:
        """As in `Watcher`; methods take longer than uniform, and uniform is then given as long."""
        also = f", and up to {longer} of uniform for as long as a method took" if longer else ""
        least, most = _duration(seconds * runs), _duration(seconds * (runs + longer))
        time = f"{least} or more" if least == most else f"{least} to {most} or more"
        self._progress.console.print(
            f"The first training took {_duration(seconds)}; {runs} more follow{also}: {time}", highlight=False
        )

    def step(self, method: str, seed: int) -> None:
        """As in `Watcher`."""
        self._progress.advance(self._bars[method])

    def longer(self, seed: int) -> None:
        """As in `Watcher`."""
        if self._longer is not None:
            self._progress.advance(self._longer)


def _duration(seconds: float) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.2g} s"
