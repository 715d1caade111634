"""What a pilot tells selectors, and what it takes from them: progress, fresh starts, weights, names."""

from __future__ import annotations

import pytest
import torch

from pilot_cases import TINY, blobs
from saln.pilot.config import PilotError
from saln.pilot.methods import make_methods
from saln.pilot.task import make_task
from saln.pilot.trainer import Method, run_method
from saln.selectors import Portfolio, SelectionReport
from saln.superbatch import SuperBatch


class Weighted:
    """Takes the first rows, with weights, and remembers what it was told."""

    def __init__(self, weight: float | None) -> None:
        self.weight = weight
        self.progress = 0.5
        self.told: list[float] = []
        self.resets = 0
        self.last_report: SelectionReport | None = None

    def select(self, super_batch: SuperBatch, size: int, *, generator: torch.Generator) -> torch.Tensor:
        self.told.append(self.progress)
        weights = None if self.weight is None else torch.full((size,), self.weight)
        self.last_report = SelectionReport(len(super_batch), 0, weights)
        return torch.arange(size)

    def reset(self) -> None:
        self.resets += 1

    def state_dict(self) -> dict[str, object]:
        return {}

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        pass


def accuracies(selector: Weighted) -> list[float]:
    run = run_method(Method("weighted", selector, frozenset({"features"})), make_task(blobs(), TINY, 0), TINY)
    return [point.accuracy for point in run.curve]


def test_selectors_hear_how_far_training_is_and_start_every_run_afresh() -> None:
    selector = Weighted(None)
    accuracies(selector)
    assert selector.told == pytest.approx([step / TINY.steps for step in range(TINY.steps)])
    accuracies(selector)
    assert selector.told[TINY.steps] == 0
    assert selector.resets == 2


def test_weights_are_what_losses_are_multiplied_with() -> None:
    plain = accuracies(Weighted(None))
    assert accuracies(Weighted(1.0)) == plain
    unlearned = accuracies(Weighted(0.0))
    assert unlearned == [unlearned[0]] * len(unlearned)
    assert plain[-1] > plain[0]


def test_wrapped_methods_are_made_by_name() -> None:
    methods = {method.name: method for method in make_methods(["guard:jest", "portfolio"])}
    assert list(methods) == ["uniform", "guard:jest", "portfolio"]
    assert methods["guard:jest"].needs == {"features", "labels", "losses", "reference_losses"}
    assert isinstance(methods["portfolio"].selector, Portfolio)
    with pytest.raises(PilotError, match="no method named 'guard:jets'"):
        make_methods(["guard:jets"])
