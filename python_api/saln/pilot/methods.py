"""The registry's selectors as methods of a pilot."""

from __future__ import annotations

from collections.abc import Sequence

from saln.pilot.config import PilotError
from saln.pilot.trainer import Method
from saln.selectors import SELECTORS, make_selector


def make_methods(names: Sequence[str]) -> list[Method]:
    """Methods by their registered names, with default options; uniform is added where it is not named.

    "guard:jest" is the guard, or another method that wraps methods, around JEST.

    Raises
    ------
    PilotError
        There is no method of that name.
    """
    for name in names:
        if not all(part in SELECTORS for part in name.split(":")):
            raise PilotError(f"methods: no method named '{name}'; there are {', '.join(SELECTORS)}")
    return [_method(name) for name in (names if "uniform" in names else ("uniform", *names))]


def _method(name: str) -> Method:
    if name == "uniform":
        return Method(name, None)
    selector = make_selector(name)
    return Method(name, selector, frozenset({"features", *selector.needs}))
