"""The registry's selectors, and others, as methods of a pilot."""

from __future__ import annotations

from collections.abc import Sequence

from saln.pilot.config import PilotError
from saln.pilot.source import source_of
from saln.pilot.training.run import Method
from saln.selectors import DEFAULT, Selector, make_selector
from saln.selectors.auto import METRICS

DATASET = "dataset"
"""Needed by methods that look at all rows before a run."""
REWARD = "reward"
"""Needed by methods that are told what each batch was worth."""


def make_methods(
    methods: Sequence[str | Selector], provides: frozenset[str] | None = None, metric: str | None = None
) -> list[Method]:
    """Methods as they are written, or selectors as they are; uniform is added where it is not named.

    Parameters
    ----------
    methods : sequence of str or Selector
        Each in the grammar of `saln.selectors.support.grammar`, or a selector, known by its name.
    provides : frozenset of str, optional
        What the job can give a method; everything where left out.
    metric : str, optional
        What runs are judged by: the default is told, if it knows it.

    Raises
    ------
    PilotError
        There is no method of that name, it has no such option or value, or it needs what the job cannot give.

    Examples
    --------
    >>> from saln.pilot.training.methods import make_methods
    >>> methods = make_methods(["saln:keep=positive", "guard:jest"])
    >>> [method.name for method in methods], methods[1].selector.keep
    (['uniform', 'saln:keep=positive', 'guard:jest'], 'positive')
    """
    made = [_method(each, provides, metric) for each in methods]
    return made if any(each.name == "uniform" for each in made) else [Method("uniform", None), *made]


def _method(given: str | Selector, provides: frozenset[str] | None, metric: str | None) -> Method:
    if given == "uniform":
        return Method("uniform", None)
    if isinstance(given, Selector):
        name, selector = given.name, given
    else:
        name = given
        try:
            selector = make_selector(given)
        except (TypeError, ValueError) as error:
            raise PilotError(f"methods: '{given}': {error}") from error
        if metric in METRICS and given == DEFAULT:
            selector.set_params(metric=metric)
    needs = frozenset(selector.needs) | ({DATASET} if selector.wants_dataset else set())
    wanted = needs | ({REWARD} if selector.wants_reward else set())
    if provides is not None and not wanted <= provides:
        raise PilotError(f"methods: '{name}' needs {', '.join(sorted(wanted - provides))}, which there is not here")
    source = source_of((type(given), given.get_params())) if isinstance(given, Selector) else ""
    return Method(name, selector, needs, source)
