"""The registry's selectors as methods of a pilot, by name and options.

A method is parts joined by colons: a registered name, then `option=value` as often as wanted; after a method that wraps
another (guard, curriculum) the name and options of that one follow. Methods are separated by commas.

    saln:keep=positive
    gradient_logdet:quality=learnability:temperature=1.0
    guard:floor=0.8:jest:temperature=0.5
    portfolio:arms=uniform+jest:reward=probe

Values are numbers, `true`, `false`, `none`, lists joined by `+`, or text.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from saln.pilot.config import PilotError
from saln.pilot.trainer import Method
from saln.selectors import SELECTORS, Selector, make_selector
from saln.selectors.quality import READS

READ_NO_FEATURES = frozenset({"uniform", "jest", "rho_loss", "selective_backprop", "infobatch", "one_pass"})
"""Methods that look at no features of a super-batch."""
KNOWN = frozenset({"features", "losses", "reference_losses", "labels", "indices", "residuals"})
"""What a pilot can give a method."""
WORDS: dict[str, Any] = {"true": True, "false": False, "none": None}


@dataclass
class Part:
    """One name in a method with the options that follow it."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)


def make_methods(names: Sequence[str]) -> list[Method]:
    """Methods as they are written; uniform is added where it is not named.

    Parameters
    ----------
    names : sequence of str
        Each in the grammar of this module.

    Raises
    ------
    PilotError
        There is no method of that name, or it has no such option or value.

    Examples
    --------
    >>> from saln.pilot.methods import make_methods
    >>> methods = make_methods(["saln:keep=positive", "guard:jest"])
    >>> [method.name for method in methods], methods[1].selector.keep
    (['uniform', 'saln:keep=positive', 'guard:jest'], 'positive')
    """
    return [_method(name) for name in (names if "uniform" in names else ("uniform", *names))]


def _method(text: str) -> Method:
    if text == "uniform":
        return Method(text, None)
    parts = parse_method(text)
    selector = _make(parts, text)
    # `needs` is that of the default options, which another rule of quality changes.
    quality = READS.get(str(getattr(selector, "quality", "none")), ())
    needs = frozenset((*selector.needs, *quality)) | ({"features"} if reads_features(selector) else frozenset())
    if not needs <= KNOWN:
        raise PilotError(f"methods: '{text}' needs {', '.join(sorted(needs - KNOWN))}, which a pilot does not have")
    return Method(text, selector, needs)


def reads_features(selector: Selector) -> bool:
    """Whether a method needs the features; one that wraps another does where that does.

    Methods that read residuals go by what the learner's last layer sees instead.

    >>> from saln.pilot.methods import make_methods, reads_features
    >>> [reads_features(method.selector) for method in make_methods(["guard:jest", "saln"])[1:]]
    [False, True]
    """
    inner = getattr(selector, "method", None)
    if inner is not None:
        return reads_features(inner)
    return selector.name not in READ_NO_FEATURES and "residuals" not in selector.needs


def parse_method(text: str) -> list[Part]:
    """The names in a method, outermost first, each with its options.

    >>> from saln.pilot.methods import parse_method
    >>> parse_method("guard:floor=0.8:jest")
    [Part(name='guard', options={'floor': 0.8}), Part(name='jest', options={})]
    """
    parts: list[Part] = []
    for piece in text.split(":"):
        name, is_option, value = (each.strip() for each in piece.partition("="))
        if is_option and parts:
            if name in parts[-1].options:
                raise PilotError(f"methods: '{text}' gives {name} of {parts[-1].name} twice")
            parts[-1].options[name] = parse_value(value)
        elif name in SELECTORS and not is_option:
            parts.append(Part(name))
        else:
            raise PilotError(f"methods: no method named '{piece}' in '{text}'; there are {', '.join(SELECTORS)}")
    return parts


def parse_value(text: str) -> Any:
    """A number, a truth value, None, a list joined by +, or text.

    >>> from saln.pilot.methods import parse_value
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


def _make(parts: Sequence[Part], text: str) -> Selector:
    part, inner = parts[0], parts[1:]
    options = dict(part.options)
    known, others = option_names(part.name)
    if inner:
        if "method" not in known:
            raise PilotError(f"methods: '{text}': {part.name} wraps no other method")
        options["method"] = _make(inner, text)
    for name in options:
        if name not in known and not others:
            raise PilotError(
                f"methods: '{text}': {part.name} has no option {name}; it has {', '.join(known) or 'none'}"
            )
    try:
        return make_selector(part.name, **options)
    except (TypeError, ValueError) as error:
        raise PilotError(f"methods: '{text}': {error}") from error


def option_names(name: str) -> tuple[list[str], bool]:
    """Options of a registered method, inherited ones included, and whether it takes others.

    >>> from saln.pilot.methods import option_names
    >>> option_names("infobatch"), option_names("spectral_candidates")[1]
    ((['ratio', 'delta'], False), True)
    """
    names: dict[str, None] = {}
    for cls in SELECTORS[name].__mro__:
        if "__init__" not in vars(cls) or cls is object:
            continue
        parameters = list(inspect.signature(vars(cls)["__init__"]).parameters.values())[1:]
        names.update({each.name: None for each in parameters if each.kind is not each.VAR_KEYWORD})
        if all(each.kind is not each.VAR_KEYWORD for each in parameters):
            return list(names), False
    return list(names), bool(names)
