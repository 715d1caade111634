"""Every method by its name."""

from __future__ import annotations

import difflib
from typing import Any

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
from saln.selectors.protocol import Selector
from saln.selectors.rho_loss import RHOLoss
from saln.selectors.saln import SALN
from saln.selectors.selective_backprop import SelectiveBackprop
from saln.selectors.spectral_candidates import SpectralCandidates
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


DEFAULT = OnePass.name
"""What `saln.select` takes where no method is named."""


def make_selector(name: str, **options: Any) -> Selector:
    """The selector of that name with these options; "guard:jest" is the guard around JEST with its default options.

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
    name, _, wrapped = name.partition(":")
    if wrapped:
        options = {"method": make_selector(wrapped), **options}
    if name not in SELECTORS:
        close = difflib.get_close_matches(name, SELECTORS, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise ValueError(f"no selector is called {name!r}{hint}; there are {', '.join(SELECTORS)}")
    return SELECTORS[name](**options)
