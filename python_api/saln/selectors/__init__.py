"""Selectors: one file a method, one protocol, one registry that the command line and the documentation read."""

from __future__ import annotations

import difflib
from typing import Any

from saln.selectors.jest import JEST
from saln.selectors.protocol import SelectionReport, Selector
from saln.selectors.saln import SALN
from saln.selectors.spectral_candidates import SpectralCandidates
from saln.selectors.uniform import Uniform

SELECTORS: dict[str, type[Selector]] = {cls.name: cls for cls in (Uniform, SALN, JEST, SpectralCandidates)}
"""Name to class; each class carries `name`, `description`, `paper` and `needs`."""


def make_selector(name: str, **options: Any) -> Selector:
    """The selector of that name with these options.

    Raises
    ------
    ValueError
        If there is no such selector, or an option has no such value.
    TypeError
        If the selector has no such option.

    Examples
    --------
    >>> from saln.selectors import make_selector
    >>> make_selector("saln", keep="both_ends").keep
    'both_ends'
    """
    if name not in SELECTORS:
        close = difflib.get_close_matches(name, SELECTORS, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise ValueError(f"no selector is called {name!r}{hint}; there are {', '.join(SELECTORS)}")
    return SELECTORS[name](**options)


__all__ = [
    "JEST",
    "SALN",
    "SELECTORS",
    "SelectionReport",
    "Selector",
    "SpectralCandidates",
    "Uniform",
    "make_selector",
]
