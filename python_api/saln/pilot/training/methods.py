"""The registry's selectors as methods of a pilot, by name and options as in `saln.selectors.support.grammar`."""

from __future__ import annotations

from collections.abc import Sequence

from saln.pilot.config import PilotError
from saln.pilot.training.trainer import Method
from saln.selectors import Selector, make_selector
from saln.selectors.support.quality import READS

READ_NO_FEATURES = frozenset({"uniform", "jest", "rho_loss", "selective_backprop", "infobatch", "one_pass"})
"""Methods that look at no features of a super-batch."""
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
    needs = _needs(selector) | ({"features"} if reads_features(selector) else frozenset())
    if not needs <= KNOWN:
        raise PilotError(f"methods: '{text}' needs {', '.join(sorted(needs - KNOWN))}, which a pilot does not have")
    return Method(text, selector, needs)


def _needs(selector: Selector) -> frozenset[str]:
    """What a method needs, and what is inside; `needs` is that of default options, which a rule of quality changes."""
    quality = READS.get(str(getattr(selector, "quality", "none")), ())
    inner = getattr(selector, "method", None)
    return frozenset((*selector.needs, *quality, *(() if inner is None else _needs(inner))))


def reads_features(selector: Selector) -> bool:
    """Whether a method needs the features; one that wraps another does where that does.

    Methods that read residuals go by what the learner's last layer sees instead.

    >>> from saln.pilot.training.methods import make_methods, reads_features
    >>> [reads_features(method.selector) for method in make_methods(["guard:jest", "saln"])[1:]]
    [False, True]
    """
    inner = getattr(selector, "method", None)
    if inner is not None:
        return reads_features(inner)
    return selector.name not in READ_NO_FEATURES and "residuals" not in selector.needs
