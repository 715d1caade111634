"""Objects that know the options they were made with: shown, copied and changed as scikit-learn's are."""

from __future__ import annotations

import copy
import inspect
from typing import Any, TypeVar

Kind = TypeVar("Kind", bound="Configured")


class Configured:
    """Remembers the arguments of its constructor, whatever that makes of them.

    `get_params`, `set_params` and so `sklearn.base.clone` work as on scikit-learn's estimators, options that are passed
    on as `**options` included.

    >>> from saln.selectors import make_selector
    >>> guard = make_selector("guard:floor=0.8:saln:keep=positive")
    >>> guard, guard.get_params()["method__keep"]
    (Guard(method=SALN(keep='positive'), floor=0.8), 'positive')
    """

    _given: dict[str, Any] = {}  # noqa: RUF012 - never changed in place

    def __new__(cls: type[Kind], *args: Any, **options: Any) -> Kind:
        """Note the arguments; those that do not fit are for the constructor to refuse."""
        self = super().__new__(cls)
        try:
            bound = inspect.signature(cls.__init__).bind_partial(self, *args, **options)
        except TypeError:
            return self  # also where a copy is made, which brings them along
        given = dict(list(bound.arguments.items())[1:])
        for each in bound.signature.parameters.values():
            if each.kind is each.VAR_KEYWORD:
                given |= given.pop(each.name, {})
        self._given = given
        return self

    def __init__(self) -> None:
        """No options."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The options as given, defaults of the class's own included; with `deep` those of options that have some."""
        params = self._defaults() | self._given
        if deep:
            inside = {name: value.get_params() for name, value in params.items() if isinstance(value, Configured)}
            params |= {f"{name}__{key}": value for name, found in inside.items() for key, value in found.items()}
        return params

    def set_params(self: Kind, **params: Any) -> Kind:
        """Make it anew with these options changed: nothing that it remembers stays.

        Options of an option are named `option__name`. Errors are those of the constructor.
        """
        options, inside = dict(self._given), dict[str, dict[str, Any]]()
        for name, value in params.items():
            outer, nested, rest = name.partition("__")
            if nested:
                inside.setdefault(outer, {})[rest] = value
            else:
                options[name] = value
        for name, changed in inside.items():
            option = options.get(name)
            if not isinstance(option, Configured):
                raise ValueError(f"{name} of {type(self).__name__} is {option!r}, which has no options to set")
            options[name] = option.clone().set_params(**changed)
        made = type(self)(**options)
        vars(self).clear()
        vars(self).update(vars(made))
        return self

    def clone(self: Kind) -> Kind:
        """One made with the same options, which remembers nothing.

        >>> from saln.selectors import make_selector
        >>> make_selector("jest", temperature=0.5).clone()
        JEST(temperature=0.5)
        """
        return type(self)(**{name: _cloned(value) for name, value in self._given.items()})

    def __repr__(self) -> str:
        """As it is made, options left out that have their defaults."""
        defaults = {name: repr(value) for name, value in self._defaults().items()}
        given = [f"{name}={value!r}" for name, value in self._given.items() if repr(value) != defaults.get(name)]
        return f"{type(self).__name__}({', '.join(given)})"

    @classmethod
    def _defaults(cls) -> dict[str, Any]:
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
        return {each.name: each.default for each in parameters if each.kind not in VARIADIC}


VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def option_names(cls: type) -> tuple[list[str], bool]:
    """Options of a class, inherited ones included, and whether it takes others.

    >>> from saln.selectors import SELECTORS
    >>> from saln.selectors.support.configured import option_names
    >>> option_names(SELECTORS["infobatch"]), option_names(SELECTORS["spectral_candidates"])[1]
    ((['ratio', 'delta'], False), True)
    """
    names: dict[str, None] = {}
    for each in cls.__mro__:
        if "__init__" not in vars(each) or each in (Configured, object):
            continue
        parameters = list(inspect.signature(vars(each)["__init__"]).parameters.values())[1:]
        names.update({parameter.name: None for parameter in parameters if parameter.kind not in VARIADIC})
        if all(parameter.kind not in VARIADIC for parameter in parameters):
            return list(names), False
    return list(names), bool(names)


def _cloned(value: Any) -> Any:
    if isinstance(value, Configured):
        return value.clone()
    if isinstance(value, (list, tuple)):
        return type(value)(_cloned(each) for each in value)
    return copy.deepcopy(value)
