"""Every method by its name: those of this package, found by themselves, and those of others' packages."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from saln.selectors.base import Selector
from saln.selectors.support.configured import option_names
from saln.selectors.support.grammar import Part, parse_method, read_options

DEFAULT = "auto"
"""What is taken wherever no method is named."""
GROUP = "saln.selectors"
"""Entry points by which other packages say which selectors they have."""
FACTS = ("name", "description", "paper")
PACKAGE = __name__.rpartition(".")[0]

SelectorType = TypeVar("SelectorType", bound=type[Selector])


class Registry(Mapping[str, type[Selector]]):
    """Name to class: this package's methods in the order of their names, then others'.

    Nothing is imported before the first look. A class that is to be known in this process alone is given to `register`;
    a package that is installed names its classes, by the methods' names, in the entry point group `saln.selectors`:

        [project.entry-points."saln.selectors"]
        highest_loss = "their_package.selectors:HighestLoss"

    Examples
    --------
    >>> from saln.selectors import SELECTORS
    >>> SELECTORS["jest"].paper, "auto" in SELECTORS
    ('Evans et al. 2024, arXiv 2406.17711', True)
    """

    def __init__(self) -> None:
        self._own: dict[str, type[Selector]] = {}
        self._others: dict[str, list[EntryPoint | type[Selector]]] = {}
        self._complete = False

    def register(self, cls: SelectorType) -> SelectorType:
        """A class decorator: `make_selector` knows the method by its `name` from now on.

        Raises
        ------
        TypeError
            If it is no subclass of `Selector`, or lacks a name, a description or a paper.
        ValueError
            If another method has the name.
        """
        _check(cls, f"{cls!r}")
        if cls.__module__.startswith(f"{PACKAGE}."):
            self._own[cls.name] = cls
            return cls
        self._look()
        same = (cls.__module__, cls.__qualname__)  # a cell of a notebook that runs again replaces its class
        taken = [each for each in self._found(cls.name) if not _is(each, *same)]
        if taken:
            raise ValueError(_clash(cls.name, [*taken, cls]))
        self._others[cls.name] = [cls]
        return cls

    def __getitem__(self, name: str) -> type[Selector]:
        self._look()
        found = self._found(name)
        if not found:
            raise KeyError(name)
        if len(found) > 1:
            raise ValueError(_clash(name, found))
        return _loaded(found[0], name) if isinstance(found[0], EntryPoint) else found[0]

    def __iter__(self) -> Iterator[str]:
        self._look()
        return iter([*sorted(self._own), *sorted(self._others.keys() - self._own.keys())])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __contains__(self, name: object) -> bool:
        return name in list(self)

    def own(self) -> dict[str, type[Selector]]:
        """Those of this package alone."""
        self._look()
        return dict(sorted(self._own.items()))

    def _found(self, name: str) -> list[EntryPoint | type[Selector]]:
        return [*([self._own[name]] if name in self._own else []), *self._others.get(name, [])]

    def _look(self) -> None:
        if self._complete:
            return
        self._complete = True
        package = importlib.import_module(PACKAGE)
        for module in pkgutil.iter_modules(package.__path__):
            if not module.ispkg:
                importlib.import_module(f"{PACKAGE}.{module.name}")
        for each in entry_points(group=GROUP):
            self._others.setdefault(each.name, []).append(each)


SELECTORS = Registry()
register = SELECTORS.register


def make_selector(name: str, **options: Any) -> Selector:
    """The selector of that name with these options.

    Parameters
    ----------
    name : str
        With options of its own and a method inside, if it is to have any, as in `saln.selectors.support.grammar`:
        "guard:floor=0.8:jest" is the guard around JEST.
    **options
        Further options, of the outermost method.

    Raises
    ------
    ValueError
        If there is no such selector or two, or an option has no such value, is written as another type, or is written
        twice.
    TypeError
        If the selector has no such option or wraps no other, an option has a value of the wrong kind, or it is given
        both in the name and beside it.
    RuntimeError
        If it is another package's and cannot be loaded.

    Examples
    --------
    >>> from saln.selectors import make_selector
    >>> make_selector("saln", keep="both_ends")
    SALN(keep='both_ends')
    >>> make_selector("guard:floor=0.8:saln:keep=positive", min_count=1)
    Guard(method=SALN(keep='positive'), floor=0.8, min_count=1)
    """
    outermost, *inner = parse_method(name)
    for option in options:
        if option in outermost.options:
            raise TypeError(f"option {option} is given both in {name!r} and beside it, want it once")
    return _make([outermost, *inner], options)


def as_selector(method: str | Selector) -> Selector:
    """A selector as it is, or the one of that name.

    >>> from saln.selectors.registry import as_selector
    >>> as_selector("auto")
    Auto()
    """
    if isinstance(method, str):
        return make_selector(method)
    if not isinstance(method, Selector):
        raise TypeError(f"method is {method!r}, want a selector or the name of one")
    return method


def _make(parts: Sequence[Part], given: Mapping[str, Any]) -> Selector:
    """The method that is written, with options beside those."""
    part, inner = parts[0], parts[1:]
    name = part.name
    if name not in SELECTORS:
        known = list(SELECTORS)
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise ValueError(f"no selector is called {name!r}{hint}; there are {', '.join(known)}")
    cls = SELECTORS[name]
    names, others = option_names(cls)
    if inner and "method" not in names:
        raise TypeError(f"{name} wraps no other method, {inner[0].name!r} follows it")
    if inner and "method" in {**part.options, **given}:
        raise TypeError(f"the method inside {name} is given twice, want it once")
    for option in (*part.options, *given):
        if option not in names and not others:
            raise TypeError(f"{name} has no option {option!r}; it has {', '.join(names) or 'none'}")
    wrapped = {"method": _make(inner, {})} if inner else {}
    options = {**read_options(cls, part.options), **given}
    try:
        return cls(**options, **wrapped)
    except TypeError as error:
        named = ", ".join(f"{option}={value!r}" for option, value in options.items())
        raise TypeError(f"options of {name} are {named}: {error}") from error


def _check(cls: object, what: str) -> None:
    if not (isinstance(cls, type) and issubclass(cls, Selector)):
        raise TypeError(f"{what} is {cls!r}, want a subclass of saln.selectors.Selector")
    for fact in FACTS:
        if not (isinstance(getattr(cls, fact, None), str) and getattr(cls, fact)):
            raise TypeError(f"{what}: {cls.__name__} has no {fact}, want a text")


def _loaded(entry: EntryPoint, name: str) -> type[Selector]:
    what = f"selector {name!r} of {_origin(entry)}"
    try:
        cls = entry.load()
    except Exception as error:
        raise RuntimeError(f"{what} cannot be loaded: {error}") from error
    _check(cls, what)
    if cls.name != name:
        raise ValueError(f"{what}: its class calls itself {cls.name!r}, want one name")
    found: type[Selector] = cls
    return found


def _clash(name: str, found: Sequence[EntryPoint | type[Selector]]) -> str:
    return f"several selectors are called {name!r}, want one: {', '.join(map(_origin, found))}"


def _is(found: EntryPoint | type[Selector], module: str, qualname: str) -> bool:
    if isinstance(found, EntryPoint):
        return (found.module, found.attr) == (module, qualname)
    return (found.__module__, found.__qualname__) == (module, qualname)


def _origin(found: EntryPoint | type[Selector]) -> str:
    if isinstance(found, EntryPoint):
        package = "an unknown package" if found.dist is None else f"package {found.dist.name}"
        return f"{found.value} ({package})"
    return f"{found.__module__}:{found.__qualname__}"
