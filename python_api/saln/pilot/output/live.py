"""Learning curves in TensorBoard while a pilot runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saln.pilot.config import PilotError
from saln.pilot.training.point import Point
from saln.pilot.training.watch import Watcher


class TensorBoard(Watcher):
    """Scalars of every evaluation, a TensorBoard run for each method and seed.

    Parameters
    ----------
    folder : Path
        What `tensorboard --logdir` is given.

    Raises
    ------
    PilotError
        TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise PilotError(f"tensorboard: not installed ({error}); pip install tensorboard") from error
        self._make = SummaryWriter
        self._folder = folder
        self._share = 1.0
        self._writers: dict[tuple[str, int, float], Any] = {}

    def begin(self, methods: object, steps: int | None, share: float, done: object) -> None:
        """As in `Watcher`."""
        self._share = share

    def point(self, method: str, seed: int, point: Point) -> None:
        """As in `Watcher`."""
        key = method, seed, self._share
        if key not in self._writers:
            stage = "" if self._share == 1.0 else f"stage-{self._share:g}"
            self._writers[key] = self._make(str(self._folder / stage / method.replace(":", "-") / f"seed-{seed}"))
        writer = self._writers[key]
        for name, value in point.metrics.items():
            writer.add_scalar(name, value, point.step)
        writer.add_scalar("seconds", point.seconds, point.step)
        if point.seconds:
            writer.add_scalar("share of time selecting", point.selection_seconds / point.seconds, point.step)
        writer.flush()

    def end(self) -> None:
        """As in `Watcher`."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()
