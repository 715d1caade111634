"""Every method by its name."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from saln.selectors.base import Selector
from saln.selectors.consecutive_candidates import ConsecutiveCandidates
from saln.selectors.curriculum import Curriculum
from saln.selectors.divbs import DivBS
from saln.selectors.facility_location import FacilityLocation
from saln.selectors.gradient_logdet import (
    AgreeingGradientLogDet,
    GradientLogDet,
    LearnableGradientLogDet,
    PatientGradientLogDet,
)
from saln.selectors.graft import GRAFT
from saln.selectors.gstds import GSTDS
from saln.selectors.guard import Guard
from saln.selectors.herding import Herding
from saln.selectors.infobatch import InfoBatch
from saln.selectors.jest import JEST
from saln.selectors.joint_growth import JointGrowth
from saln.selectors.k_center import KCenter
from saln.selectors.k_dpp import KDPP
from saln.selectors.logdet import LogDet
from saln.selectors.lowest_degree import LowestDegree
from saln.selectors.one_pass import OnePass
from saln.selectors.portfolio import Portfolio
from saln.selectors.rho_loss import RHOLoss
from saln.selectors.saln import SALN
from saln.selectors.selective_backprop import SelectiveBackprop
from saln.selectors.spectral_candidates import SpectralCandidates
from saln.selectors.support.grammar import Part, parse_method, read_options
from saln.selectors.uniform import Uniform

SELECTORS: dict[str, type[Selector]] = {
    cls.name: cls
    for cls in (
        Uniform,
        OnePass,
        SALN,
        LowestDegree,
        GSTDS,
        SpectralCandidates,
        JointGrowth,
        GradientLogDet,
        LearnableGradientLogDet,
        AgreeingGradientLogDet,
        PatientGradientLogDet,
        LogDet,
        KDPP,
        JEST,
        RHOLoss,
        SelectiveBackprop,
        InfoBatch,
        KCenter,
        Herding,
        FacilityLocation,
        DivBS,
        GRAFT,
        ConsecutiveCandidates,
        Curriculum,
        Portfolio,
        Guard,
    )
}
"""Name to class; each class carries `name`, `description`, `paper` and `needs`."""


DEFAULT = "auto"
"""What `saln.select` takes where no method is named; samplers and files are by `SpectralCandidates` then."""


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
        If there is no such selector, or an option has no such value, is written as another type, or is written twice.
    TypeError
        If the selector has no such option or wraps no other, an option has a value of the wrong kind, or it is given
        both in the name and beside it.

    Examples
    --------
    >>> from saln.selectors import make_selector
    >>> make_selector("saln", keep="both_ends").keep
    'both_ends'
    >>> guard = make_selector("guard:floor=0.8:saln:keep=positive", min_count=1)
    >>> guard.floor, guard.min_count, guard.method.keep
    (0.8, 1, 'positive')
    """
    outermost, *inner = parse_method(name)
    for option in options:
        if option in outermost.options:
            raise TypeError(f"option {option} is given both in {name!r} and beside it, want it once")
    return _make([outermost, *inner], options)


def option_names(name: str) -> tuple[list[str], bool]:
    """Options of a registered method, inherited ones included, and whether it takes others.

    >>> from saln.selectors.registry import option_names
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


def _make(parts: Sequence[Part], given: Mapping[str, Any]) -> Selector:
    """The method that is written, with options beside those."""
    part, inner = parts[0], parts[1:]
    part = Part(OnePass.name, part.options) if part.name == DEFAULT else part
    if part.name not in SELECTORS:
        close = difflib.get_close_matches(part.name, SELECTORS, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise ValueError(f"no selector is called {part.name!r}{hint}; there are {', '.join(SELECTORS)}")
    names, others = option_names(part.name)
    if inner and "method" not in names:
        raise TypeError(f"{part.name} wraps no other method, {inner[0].name!r} follows it")
    if inner and "method" in {**part.options, **given}:
        raise TypeError(f"the method inside {part.name} is given twice, want it once")
    for option in (*part.options, *given):
        if option not in names and not others:
            raise TypeError(f"{part.name} has no option {option!r}; it has {', '.join(names) or 'none'}")
    wrapped = {"method": _make(inner, {})} if inner else {}
    options = {**read_options(SELECTORS[part.name], part.options), **given}
    try:
        return SELECTORS[part.name](**options, **wrapped)
    except TypeError as error:
        named = ", ".join(f"{option}={value!r}" for option, value in options.items())
        raise TypeError(f"options of {part.name} are {named}: {error}") from error
