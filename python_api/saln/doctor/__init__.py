"""Does it work here, and what is missing?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch

import saln_kernels
from saln.doctor.machine import Machine, this_machine
from saln.doctor.private import without_names

TOLERANCE = 1e-4
"""Relative to the largest value: float32 against float64, on matrices of 16 rows."""


@dataclass(frozen=True)
class Check:
    """One function of a native backend against the reference, or the planner.

    Attributes
    ----------
    name : str
    backend : str
        "cpu", or "cuda" or "triton" where there is a GPU that they serve.
    ok : bool
    detail : str
        The error found, or why there was none to find.
    """

    name: str
    backend: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Diagnosis:
    """What works on this machine.

    Attributes
    ----------
    build : BuildInfo
    machine : Machine
    checks : tuple of Check
    """

    build: saln_kernels.BuildInfo
    machine: Machine
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """The CPU backend gives right answers, and so does every other that says it serves here."""
        return all(check.ok for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """What a report of a fault needs, fit to be published: nobody's name, no path that leads to somebody."""
        document: dict[str, Any] = {
            "schema": "saln.doctor/1",
            "ok": self.ok,
            "machine": asdict(self.machine),
            "build": self.build.as_dict(),
            "checks": [asdict(check) for check in self.checks],
        }
        public: dict[str, Any] = without_names(document)
        return public


def diagnose() -> Diagnosis:
    """Run the self-check; takes well under a second on the CPU.

    Examples
    --------
    >>> from saln.doctor import diagnose
    >>> found = diagnose().as_dict()
    >>> found["ok"], sorted(found)
    (True, ['build', 'checks', 'machine', 'ok', 'schema'])
    """
    build = saln_kernels.build_info()
    serving = {status.name for status in build.backends if status.serves}
    checks = [*_planner(), *_checks("cpu", torch.device("cpu"))]
    if build.gpus:
        for backend in ("cuda", "triton"):
            if backend in serving:
                checks += _checks(backend, torch.device("cuda"))
    return Diagnosis(build, this_machine(), tuple(checks))


def _checks(backend: str, device: torch.device) -> list[Check]:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(64, 24, generator=generator).to(device)
    candidates = torch.randint(64, (8, 16), generator=generator).to(device)
    functions: dict[str, Callable[[str], torch.Tensor]] = {
        "gram": lambda backend: saln_kernels.gram(features, candidates, backend=backend),
        "topk_eigvals": lambda backend: saln_kernels.topk_eigvals(features, candidates, 4, backend=backend),
        "fiedler": lambda backend: saln_kernels.fiedler(features, candidates, backend=backend).value,
        "score_batches": lambda backend: saln_kernels.score_batches(
            features, candidates, "effective_rank", similarity="cosine", backend=backend
        ),
    }
    return [_check(name, backend, function) for name, function in functions.items()]


def _planner() -> list[Check]:
    """Whether the planner, a library of its own, says what a call would run; nothing where this Python has none."""
    features, candidates = torch.zeros(16, 4), torch.zeros(2, 8, dtype=torch.int64)
    try:
        found = saln_kernels.plan(saln_kernels.topk_eigvals, features, candidates, 4)
    except RuntimeError as error:
        if isinstance(error.__cause__, ModuleNotFoundError):  # `BuildInfo.missing` says so
            return []
        return [Check("plan", "cpu", False, str(error).splitlines()[0])]
    return [Check("plan", "cpu", found.backend == "cpu", f"{found.backend}, {found.solver}")]


def _check(name: str, backend: str, function: Callable[[str], torch.Tensor]) -> Check:
    try:
        found = function(backend)
    except RuntimeError as error:
        return Check(name, backend, False, str(error).splitlines()[0])
    truth = function("reference")
    gap = float((found.double() - truth.double()).abs().max() / truth.abs().max())
    return Check(name, backend, gap <= TOLERANCE, f"relative error {gap:.1e} to the float64 reference")
