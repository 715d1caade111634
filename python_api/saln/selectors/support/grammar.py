"""Methods as they are written: names and options, joined by colons.

A method is a name of `saln.selectors.SELECTORS`, then `option=value` as often as wanted; after a method that wraps
another (guard, curriculum) the name and options of that one follow.

    saln:keep=positive
    gradient_logdet:quality=learnability:temperature=1.0
    guard:floor=0.8:jest:temperature=0.5
    portfolio:arms=uniform+jest:reward=probe

Values are numbers, `true`, `false`, `none`, lists joined by `+`, or text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

WORDS: dict[str, Any] = {"true": True, "false": False, "none": None}


@dataclass(frozen=True)
class Part:
    """One name in a method with the options that follow it."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)


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
    [Part(name='guard', options={'floor': 0.8}), Part(name='jest', options={})]
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
            parts[-1].options[name] = parse_value(value)
    return parts


def parse_value(text: str) -> Any:
    """A number, a truth value, None, a list joined by +, or text.

    >>> from saln.selectors.support.grammar import parse_value
    >>> [parse_value(text) for text in ("3", "1e+2", "none", "uniform+jest", "probe")]
    [3, 100.0, None, ['uniform', 'jest'], 'probe']
    """
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return [parse_value(each) for each in text.split("+")] if "+" in text else text
