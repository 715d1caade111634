"""An evaluation of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Point:
    """Where a run stood, and what it had cost (evaluations themselves are not counted).

    Attributes
    ----------
    step : int
        Batches trained on.
    score : float
        The metric that runs are judged by, with the other sign where less is better.
    worst_class : float or None
        Share of right answers in the worst class, where the training reports that.
    selection_seconds, training_seconds : float
    metrics : dict of str to float
        All that the training reported, as it did.
    """

    step: int
    score: float
    worst_class: float | None
    selection_seconds: float
    training_seconds: float
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        return self.selection_seconds + self.training_seconds
