"""The methods of the study, as the pilot writes them, with the options they come with."""

from __future__ import annotations

from saln.selectors import SELECTORS

DEFAULT = "one_pass"
# As many candidates as the package has by default cost many times as much, and gain nothing over these.
LATE = ("spectral_candidates:n_candidates=256", "joint_growth:n_candidates=64")
"""Run after all others."""
ABLATIONS = (
    f"{DEFAULT}:balance=0.5",
    f"{DEFAULT}:copies=false",
    f"{DEFAULT}:credibility=false",
    "drawn",
    "oracle",
)
"""The default with a part of it changed; `bench.study.ablations` has those that the package has not."""
METHODS = (
    "uniform",
    DEFAULT,
    *ABLATIONS,
    "gradient_logdet_patient",
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
    return [name for name in METHODS if title(name) in SELECTORS or name in ABLATIONS]


def shown(method: str) -> str:
    """Its name in tables: options where the same method comes with others, too."""
    return title(method) if method in LATE else method.replace(":", ", ").replace("=", " ")


def title(method: str) -> str:
    """Its name without options."""
    return method.partition(":")[0]
