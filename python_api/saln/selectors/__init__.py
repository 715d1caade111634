"""Selectors: one file a method, one protocol, one registry that the command line and the documentation read."""

from __future__ import annotations

from saln.selectors.base import SelectionReport, Selector, give_reward, prepare, wants_reward
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
from saln.selectors.registry import DEFAULT, SELECTORS, make_selector
from saln.selectors.rho_loss import RHOLoss
from saln.selectors.saln import SALN
from saln.selectors.selective_backprop import SelectiveBackprop
from saln.selectors.spectral_candidates import SpectralCandidates
from saln.selectors.uniform import Uniform

__all__ = [
    "DEFAULT",
    "GRAFT",
    "GSTDS",
    "JEST",
    "KDPP",
    "SALN",
    "SELECTORS",
    "AgreeingGradientLogDet",
    "ConsecutiveCandidates",
    "Curriculum",
    "DivBS",
    "FacilityLocation",
    "GradientLogDet",
    "Guard",
    "Herding",
    "InfoBatch",
    "JointGrowth",
    "KCenter",
    "LearnableGradientLogDet",
    "LogDet",
    "LowestDegree",
    "OnePass",
    "PatientGradientLogDet",
    "Portfolio",
    "RHOLoss",
    "SelectionReport",
    "SelectiveBackprop",
    "Selector",
    "SpectralCandidates",
    "Uniform",
    "give_reward",
    "make_selector",
    "prepare",
    "wants_reward",
]
