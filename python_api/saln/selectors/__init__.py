"""Selectors: one file a method, one base class, one registry that the command line and the documentation read.

Every method's class can be imported from here by its name.
"""

from __future__ import annotations

from typing import Any

from saln.selectors.base import Offer, SelectionReport, Selector
from saln.selectors.registry import DEFAULT, SELECTORS, as_selector, make_selector, register

__all__ = ["DEFAULT", "SELECTORS", "Offer", "SelectionReport", "Selector", "as_selector", "make_selector", "register"]


def __getattr__(name: str) -> Any:
    for cls in SELECTORS.own().values():
        if cls.__name__ == name:
            return cls
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
