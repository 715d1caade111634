"""The methods of the study, as the pilot writes them, with the options they come with."""

from __future__ import annotations

from saln.selectors import SELECTORS

DEFAULT = "default"
# As many candidates as the package has by default cost many times as much, and gain nothing over these.
LATE = ("spectral_candidates:n_candidates=256", "joint_growth:n_candidates=64")
"""Run after all others."""
METHODS = (
    "uniform",
    DEFAULT,
    "saln",
    "gstds",
    "jest",
    "rho_loss",
    "selective_backprop",
    "k_center",
    "gradient_logdet",
    "gradient_logdet_learnable",
    "gradient_logdet_agreement",
    *LATE,
)
PAPERS = ("saln", "gstds")


def available() -> list[str]:
    """Methods of the study that the package has."""
    return [name for name in METHODS if title(name) in SELECTORS]


def title(method: str) -> str:
    """Its name without options."""
    return method.partition(":")[0]
