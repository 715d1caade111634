"""Methods as they are written: names and options, joined by colons.

A method is a name of `saln.selectors.SELECTORS`, then `option=value` as often as wanted; after a method that wraps
another (guard, curriculum) the name and options of that one follow.

    saln:keep=positive
    gradient_logdet:quality=learnability:temperature=1.0
    guard:floor=0.8:jest:temperature=0.5
    portfolio:arms=uniform+jest:reward=probe

A value is read as its option is annotated: a number, `true` or `false` (`yes` or `no`), `none`, a list joined by `+`,
or text.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import isnan
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import saln_kernels

BOOLS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
WANTED = {bool: "true or false", int: "a whole number", float: "a number", NoneType: "none", str: "text"}
ANY = int | float | bool | None | str
"""What an option without an annotation is read as: the first of these that its text is."""


@dataclass(frozen=True)
class Part:
    """One name in a method with the options that follow it, as they are written."""

    name: str
    options: dict[str, str] = field(default_factory=dict)


def parse_method(text: str) -> list[Part]:
    """The names in a method, outermost first, each with its options; whether there are such is not looked at.

    Raises
    ------
    ValueError
        If an option comes before any name, or twice.

    Examples
    --------
    >>> from saln.selectors.support.grammar import parse_method
    >>> parse_method("guard:floor=0.8:jest")
    [Part(name='guard', options={'floor': '0.8'}), Part(name='jest', options={})]
    """
    parts: list[Part] = []
    for piece in text.split(":"):
        name, is_option, value = (each.strip() for each in piece.partition("="))
        if not is_option:
            parts.append(Part(name))
        elif not parts:
            raise ValueError(f"option {piece.strip()!r} comes first, want the name of a method before it")
        elif name in parts[-1].options:
            raise ValueError(f"option {name} of {parts[-1].name} is given twice, want it once")
        else:
            parts[-1].options[name] = value
    return parts


def read_options(cls: type, options: Mapping[str, str]) -> dict[str, Any]:
    """The values of written options, each of the type that the class's `__init__` or those it inherits name.

    Options that they leave to the scores are of the type that `saln_kernels.score_batches` names.

    Raises
    ------
    ValueError
        If a value is not of its option's type.

    Examples
    --------
    >>> from saln.selectors import SpectralCandidates
    >>> from saln.selectors.support.grammar import read_options
    >>> read_options(SpectralCandidates, {"n_candidates": "1e3", "center": "no", "laplacian": "none"})
    {'n_candidates': 1000, 'center': False, 'laplacian': None}
    """
    kinds = get_type_hints(saln_kernels.score_batches)
    for each in reversed(cls.__mro__):
        if inspect.isfunction(vars(each).get("__init__")):
            kinds.update(get_type_hints(vars(each)["__init__"]))
    name = getattr(cls, "name", cls.__name__)
    found = {}
    for option, text in options.items():
        kind = kinds.get(option, Any)
        try:
            found[option] = _read(text, kind)
        except ValueError as error:
            raise ValueError(f"{option} of {name} is {text!r}, want {_wanted(kind)}") from error
    return found


def _read(text: str, kind: Any) -> Any:
    """The text as a value of that type; a ValueError if it is none."""
    kind = ANY if kind is Any else kind
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        for each in sorted(inner, key=lambda each: (each is str, each is not NoneType)):  # everything is a text
            with suppress(ValueError):
                return _read(text, each)
    elif inspect.isclass(origin) and issubclass(origin, Sequence):
        return [_read(each.strip(), inner[0]) for each in text.split("+")]
    elif kind is str:
        return text
    elif kind is NoneType and text.lower() == "none":
        return None
    elif kind is bool and text.lower() in BOOLS:
        return BOOLS[text.lower()]
    elif kind is int:
        return _whole(text)
    elif kind is float and not isnan(float(text)):
        return float(text)
    raise ValueError(text)


def _whole(text: str) -> int:
    """3, and 1e3."""
    try:
        return int(text)
    except ValueError:
        if not float(text).is_integer():
            raise
        return int(float(text))


def _wanted(kind: Any) -> str:
    """A type in words; what cannot be written is left out."""
    if kind in WANTED:
        return WANTED[kind]
    inner = [_wanted(each) for each in get_args(kind)]
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(each for each in inner if each)
    return f"{inner[0]}, joined by +" if inner else ""
