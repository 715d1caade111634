"""Options that are one of a few words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Number = TypeVar("Number", int, float)


def one_of(name: str, value: str, allowed: Sequence[str]) -> str:
    """`value` if it is allowed, or a ValueError that names the option, what came and what was wanted.

    >>> from saln.selectors.support.choices import one_of
    >>> one_of("keep", "abs", ("abs", "positive"))
    'abs'
    """
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}, want one of {', '.join(map(repr, allowed))}")
    return value


def positive(name: str, value: float) -> float:
    """`value` if it is above zero and finite, or a ValueError.

    >>> from saln.selectors.support.choices import positive
    >>> positive("temperature", 0.5)
    0.5
    """
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} is {value}, want a positive number")
    return value


def at_least(name: str, value: Number, least: float) -> Number:
    """`value` if it is at least so much and finite, or a ValueError.

    >>> from saln.selectors.support.choices import at_least
    >>> at_least("n_chunks", 0, 1)
    Traceback (most recent call last):
    ...
    ValueError: n_chunks is 0, want at least 1
    """
    if not least <= value < float("inf"):
        raise ValueError(f"{name} is {value}, want at least {least}")
    return value
