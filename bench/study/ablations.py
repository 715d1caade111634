"""Methods of the study that are no part of the package: what the default is made of, and the most there is to gain."""

from __future__ import annotations

import torch
from torch import Tensor

from saln.pilot.problem.pool import Pool
from saln.pilot.problem.task import Task
from saln.pilot.training.methods import make_methods
from saln.pilot.training.trainer import Method
from saln.selectors.base import Offer
from saln.selectors.one_pass import OnePass
from saln.superbatch import SuperBatch

NEVER = 1e-6
"""What a sample with a wrong label is worth to one who knows."""


class Oracle(OnePass):
    """The default, told which labels are wrong and which rows are copies."""

    name = "oracle"

    def __init__(self, pool: Pool) -> None:
        super().__init__()
        self._pool = pool

    def look(self, pool: SuperBatch) -> tuple[Tensor, float | None]:
        """Worth of the rows by what was done to them."""
        _, which, counts = self._pool.rows.unique(return_inverse=True, return_counts=True)
        known = torch.where(self._pool.wrong, NEVER, 1.0).double()
        return (known / counts[which]).to(pool.device), float(self._pool.wrong.double().mean())


class Drawn(OnePass):
    """The default without turns: every batch drawn anew, in proportion to worth."""

    name = "drawn"

    def _choose(self, offer: Offer, size: int) -> Tensor:
        assert self.worth is not None
        return offer.draw(self.worth[offer["indices"]].log(), size)


def made(name: str, task: Task) -> Method:
    """The method of that name; `drawn` and `oracle` are this file's."""
    if name == Oracle.name:
        return Method(name, Oracle(task.pool))
    if name == Drawn.name:
        return Method(name, Drawn())
    return make_methods([name])[-1]
