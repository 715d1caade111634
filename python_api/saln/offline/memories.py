"""What a selector remembers of a selection under way, so that it goes on after a kill."""

from __future__ import annotations

import io

import torch

from saln.datasets import DataError, load_state
from saln.journal import Unfinished
from saln.sampling.chooser import Chooser


class Memories:
    """What a selector remembers after each block, kept until the next block is recorded."""

    def __init__(self, work: Unfinished, chooser: Chooser, resumed: int) -> None:
        self._work, self._memory, self._kept = work, chooser.memory, [resumed]
        if self._memory is None or not resumed:
            return
        kept = work.folder / self._name(resumed)
        if not kept.exists():
            raise RuntimeError(f"{kept} is missing, without which nothing can follow: begin anew with --restart")
        try:
            self._memory.load_state_dict(load_state(kept))
        except DataError as error:
            raise DataError(f"{error}; begin anew with --restart") from error

    def keep(self, n_chosen: int) -> None:
        """The block up to that batch is about to be recorded: all before it is."""
        if self._memory is None:
            return
        # A kill from here on leaves the journal at the former block or at this one, and the memory of either is there.
        for former in self._kept[:-1]:
            (self._work.folder / self._name(former)).unlink(missing_ok=True)
        buffer = io.BytesIO()
        torch.save(self._memory.state_dict(), buffer)
        self._work.keep(self._name(n_chosen), buffer.getvalue())
        self._kept = [self._kept[-1], n_chosen]

    def _name(self, n_chosen: int) -> str:
        return f"memory-{n_chosen}.pt"
