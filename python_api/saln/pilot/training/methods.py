"""The registry's selectors as methods of a pilot, by name and options as in `saln.selectors.support.grammar`."""

from __future__ import annotations

from collections.abc import Sequence

from saln.pilot.config import PilotError
from saln.pilot.training.trainer import Method
from saln.selectors import make_selector

KNOWN = frozenset({"features", "losses", "reference_losses", "labels", "indices", "residuals"})
"""What a pilot can give a method."""


def make_methods(names: Sequence[str]) -> list[Method]:
    """Methods as they are written; uniform is added where it is not named.

    Parameters
    ----------
    names : sequence of str
        Each in the grammar of `saln.selectors.support.grammar`.

    Raises
    ------
    PilotError
        There is no method of that name, or it has no such option or value.

    Examples
    --------
    >>> from saln.pilot.training.methods import make_methods
    >>> methods = make_methods(["saln:keep=positive", "guard:jest"])
    >>> [method.name for method in methods], methods[1].selector.keep
    (['uniform', 'saln:keep=positive', 'guard:jest'], 'positive')
    """
    return [_method(name) for name in (names if "uniform" in names else ("uniform", *names))]


def _method(text: str) -> Method:
    if text == "uniform":
        return Method(text, None)
    try:
        selector = make_selector(text)
    except (TypeError, ValueError) as error:
        raise PilotError(f"methods: '{text}': {error}") from error
    # Methods that read residuals go by what the learner's last layer sees in place of features.
    needs = frozenset(selector.needs) - ({"features"} if "residuals" in selector.needs else set())
    if not needs <= KNOWN:
        raise PilotError(f"methods: '{text}' needs {', '.join(sorted(needs - KNOWN))}, which a pilot does not have")
    return Method(text, selector, needs)
