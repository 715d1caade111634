"""What a pilot tells selectors, and what it takes from them: progress, fresh starts, weights, names."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from pilot_cases import TINY, blobs
from saln.pilot.builtin import BuiltinJob
from saln.pilot.builtin.task import make_task
from saln.pilot.config import PilotError
from saln.pilot.training.methods import make_methods
from saln.pilot.training.run import Method, run_method
from saln.selectors import SELECTORS, Offer, Portfolio, Selector

MIXED = "portfolio:arms=uniform+jest:reward=probe"


class Weighted(Selector):
    """Takes the first rows, with weights, and remembers what it was told."""

    name = "weighted"

    def __init__(self, weight: float | None) -> None:
        self.weight = weight
        self.progress = 0.5
        self.told: list[float] = []
        self.resets = 0

    def _choose(self, offer: Offer, size: int) -> torch.Tensor:
        self.told.append(self.progress)
        self._give_weights(None if self.weight is None else torch.full((size,), self.weight))
        return torch.arange(size)

    def reset(self) -> None:
        super().reset()
        self.resets += 1


def accuracies(selector: Weighted) -> list[float]:
    method = Method("weighted", selector, frozenset({"features"}))
    run = run_method(method, make_task(blobs(), TINY, 0), TINY, n_steps=TINY.steps)
    assert run is not None
    return [point.score for point in run.curve]


def test_selectors_hear_how_far_training_is_and_start_every_run_afresh() -> None:
    selector = Weighted(None)
    accuracies(selector)
    assert selector.told == pytest.approx([step / TINY.steps for step in range(TINY.steps)])
    accuracies(selector)
    assert selector.told[TINY.steps] == 0
    assert selector.resets >= 2


def test_weights_are_what_losses_are_multiplied_with() -> None:
    plain = accuracies(Weighted(None))
    assert accuracies(Weighted(1.0)) == plain
    unlearned = accuracies(Weighted(0.0))
    assert unlearned == [unlearned[0]] * len(unlearned)
    assert plain[-1] > plain[0]


def test_wrapped_methods_are_made_by_name() -> None:
    methods = {method.name: method for method in make_methods(["guard:jest", "portfolio"])}
    assert list(methods) == ["uniform", "guard:jest", "portfolio"]
    assert methods["guard:jest"].needs == {"labels", "losses", "reference_losses"}
    assert isinstance(methods["portfolio"].selector, Portfolio)
    with pytest.raises(PilotError, match=r"'guard:jets': no selector is called 'jets' \(did you mean 'jest'"):
        make_methods(["guard:jets"])


def test_methods_take_options() -> None:
    guarded, drawn, mixed = make_methods(
        ["guard:floor=0.8:jest:temperature=2", "gradient_logdet:quality=learnability:temperature=1", MIXED]
    )[1:]
    assert guarded.selector.floor == 0.8  # type: ignore[union-attr]
    assert guarded.selector.method.temperature == 2  # type: ignore[union-attr]
    assert drawn.selector.quality == "learnability"  # type: ignore[union-attr]
    assert drawn.needs == {"features", "losses", "reference_losses", "residuals"}
    assert isinstance(mixed.selector, Portfolio)
    assert mixed.selector.arms == ("uniform", "jest")
    assert [method.name for method in make_methods(["saln", "saln:keep=positive"])] == [
        "uniform",
        "saln",
        "saln:keep=positive",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("saln:kep=abs", "methods: 'saln:kep=abs': saln has no option 'kep'; it has keep"),
        ("saln:keep=some", "keep is 'some'"),
        ("saln:keep=abs:keep=positive", "option keep of saln is given twice"),
        ("saln:jest", "saln wraps no other method"),
        ("keep=abs", "option 'keep=abs' comes first"),
        ("guard:gradient_logdet:quality=given", "needs quality, which there is not here"),
        ("gradient_logdet:quality=given", "needs quality, which there is not here"),
        ("jest:n_chunks=many", "jest:n_chunks=many"),
    ],
)
def test_wrong_options_are_named(text: str, words: str) -> None:
    with pytest.raises(PilotError) as error:
        make_methods([text], BuiltinJob(blobs()).provides)
    assert words in str(error.value)


@pytest.mark.parametrize("name", sorted(SELECTORS))
def test_methods_said_to_read_no_features_read_none(name: str) -> None:
    """Features without a number in them make no difference to such a method, and stop any other from choosing."""
    method = make_methods([name])[-1]
    if method.selector is None or "features" in method.needs:
        return
    selector = getattr(method.selector, "method", method.selector)
    if selector.name == "uniform":
        return
    task = make_task(blobs(), TINY, 0)
    blank = dataclasses.replace(task, features=torch.full_like(task.features, torch.nan))
    bare = Method(name, selector, method.needs)
    assert torch.equal(run_method(bare, task, TINY).chosen, run_method(bare, blank, TINY).chosen)


def test_a_portfolio_is_rewarded_by_the_probe() -> None:
    """The rewards are the falls of the loss on reference rows, one for each step, and their cost is selection's."""
    portfolio = Portfolio(["uniform", "herding"], reward="probe")
    rewards: list[float] = []
    inner = portfolio.update
    portfolio.update = lambda reward: (rewards.append(reward), inner(reward))[1]  # type: ignore[method-assign]
    task = make_task(blobs(), TINY, 0)
    run = run_method(Method("portfolio", portfolio, frozenset({"features"})), task, TINY)
    assert len(rewards) == TINY.steps
    assert sum(reward > 0 for reward in rewards) > TINY.steps * 0.7
    assert sum(portfolio.counts.values()) == TINY.steps
    assert run.final.selection_seconds > 0
    reference = {tuple(row) for row in task.x_probe.tolist()}
    assert not reference & {tuple(row) for row in task.x_train.tolist()}


def test_the_default_is_told_by_what_runs_are_judged() -> None:
    made = make_methods(["auto", "auto:metric=accuracy"], metric="balanced_accuracy")
    assert [each.selector.metric for each in made[1:]] == ["balanced_accuracy", "accuracy"]
    assert make_methods(["auto"], metric="rmse")[1].selector.metric == "accuracy"
