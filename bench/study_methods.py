"""The methods of the study of rules for every step, each a selector of the package with its options."""

import dataclasses
from collections.abc import Callable

from bench.study_blend import AgreementBlend
from bench.study_draws import DrawnByWorth
from bench.study_qualities import (
    Rule,
    agreement_of_inputs,
    learnability_and_agreement,
    learnability_and_full_agreement,
    learnability_and_half_agreement,
    learnability_and_some_agreement,
    probe_alignment,
)
from saln.selectors import Guard, Portfolio, Selector, Uniform, make_selector
from saln.selectors.portfolio import default_arms
from saln.selectors.support.schedule import Schedule


@dataclasses.dataclass(frozen=True)
class Method:
    """How to make the selector, and what it may see.

    Attributes
    ----------
    make : callable
        None: the first rows of every super-batch, which together are shuffled epochs.
    learner : bool
        It sees the learner's losses and residuals, and pays for a pass over the super-batch.
    features : {"activations", "inputs", "file"}
        What it sees as features: the learner's activations, its inputs, or those before they were standardised.
    reference : bool
        It sees the reference network's losses, and pays for that network.
    quality : callable, optional
        What it gets as the super-batch's quality: a rule of `study_qualities.py`.
    all_rows : bool
        It trains on the reference rows, too, in shuffled epochs of all.
    late : bool
        Expensive: after all others.
    """

    make: Callable[[], Selector] | None
    learner: bool = True
    features: str = "activations"
    reference: bool = False
    quality: Rule | None = None
    all_rows: bool = False
    late: bool = False


def _named(name: str, **options: object) -> Callable[[], Selector]:
    return lambda: make_selector(name, **options)


def _logdet(quality: str, temperature: float | Schedule = 0.0) -> Selector:
    return make_selector("gradient_logdet", quality=quality, temperature=temperature)


def _without_reference() -> list[Selector]:
    """Arms that read the learner's residuals and losses, and labels."""
    drawn = (make_selector(f"gradient_logdet{end}", temperature=1.0) for end in ("", "_agreement"))
    return [Uniform(), make_selector("selective_backprop"), *drawn]


def _drawn_logdets() -> list[Selector]:
    """One arm that knows of noise by a reference network, one by neighbours."""
    return [
        Uniform(),
        *(make_selector(f"gradient_logdet_{end}", temperature=1.0) for end in ("learnable", "agreement")),
    ]


def _both(make: Callable[[], Selector]) -> Method:
    return Method(make, reference=True, quality=learnability_and_full_agreement)


METHODS: dict[str, Method] = {
    "uniform": Method(None, learner=False),
    "uniform_drawn": Method(Uniform, learner=False, features="file"),
    "uniform_all_rows": Method(None, learner=False, all_rows=True),
    "saln": Method(_named("saln"), learner=False, features="file"),
    "saln_standardised": Method(_named("saln"), learner=False, features="inputs"),
    "rho_loss": Method(_named("rho_loss"), reference=True),
    "rho_loss_t1": Method(_named("rho_loss", temperature=1.0), reference=True),
    "jest": Method(_named("jest"), reference=True),
    "selective_backprop": Method(_named("selective_backprop")),
    "divbs": Method(_named("divbs")),
    "logdet": Method(lambda: _logdet("none")),
    "logdet_t1": Method(lambda: _logdet("none", 1.0)),
    "logdet_learnability": Method(lambda: _logdet("learnability"), reference=True),
    "logdet_learnability_t1": Method(lambda: _logdet("learnability", 1.0), reference=True),
    "logdet_learnability_t4": Method(lambda: _logdet("learnability", 4.0), reference=True),
    "logdet_learnability_annealed": Method(lambda: _logdet("learnability", Schedule(0.5, 8.0)), reference=True),
    "logdet_gate_t1": Method(lambda: _logdet("gate", 1.0), reference=True),
    "logdet_agreement": Method(lambda: _logdet("label_agreement")),
    "logdet_agreement_t1": Method(lambda: _logdet("label_agreement", 1.0)),
    "logdet_agreement_inputs_t1": Method(lambda: _logdet("given", 1.0), quality=agreement_of_inputs),
    "guard_logdet_learnability_t1": Method(lambda: Guard(_logdet("learnability", 1.0), floor=0.8), reference=True),
    "half_logdet_learnability_t1": Method(
        lambda: Portfolio([_logdet("learnability", 1.0)], reward="none"), reference=True
    ),
    "half_agreement_inputs_t1": Method(
        lambda: Portfolio([_logdet("given", 1.0)], reward="none"), quality=agreement_of_inputs
    ),
    "mixture": Method(lambda: Portfolio(default_arms(), reward="none"), reference=True),
    "bandit": Method(lambda: Portfolio(default_arms()), reference=True),
    "bandit_probe": Method(lambda: Portfolio(default_arms(), reward="probe"), reference=True),
    "guard_mixture": Method(lambda: Guard(Portfolio(default_arms(), reward="none"), floor=0.8), reference=True),
    "mixture_no_reference": Method(lambda: Portfolio(_without_reference(), reward="none")),
    "bandit_no_reference": Method(lambda: Portfolio(_without_reference())),
    "blend_agreement_t1": Method(lambda: AgreementBlend(_logdet("given", 1.0))),
    "blend_agreement_inputs_t1": Method(
        lambda: AgreementBlend(_logdet("given", 1.0), agreement="given"), quality=agreement_of_inputs
    ),
    "blend_steps_agreement_inputs_t1": Method(
        lambda: AgreementBlend(_logdet("given", 1.0), agreement="given", by="steps"), quality=agreement_of_inputs
    ),
    "blend_logdet_inputs_t1": Method(
        lambda: AgreementBlend(_logdet("none", 1.0), agreement="given"), quality=agreement_of_inputs
    ),
    "blend_learnability_inputs_t1": Method(
        lambda: AgreementBlend(_logdet("learnability", 1.0), agreement="given"),
        reference=True,
        quality=agreement_of_inputs,
    ),
    "logdet_agreement_annealed": Method(lambda: _logdet("label_agreement", Schedule(0.5, 8.0))),
    "logdet_probe_t1": Method(lambda: _logdet("given", 1.0), quality=probe_alignment),
    "guard_logdet_agreement_t1": Method(lambda: Guard(_logdet("label_agreement", 1.0), floor=0.8)),
    "reuse_logdet_agreement_t1": Method(lambda: Guard(_logdet("label_agreement", 1.0), floor=0.0, max_reuse=2)),
    "reuse_logdet_learnability_t1": Method(
        lambda: Guard(_logdet("learnability", 1.0), floor=0.0, max_reuse=2), reference=True
    ),
    "mixture_logdets": Method(lambda: Portfolio(_drawn_logdets(), reward="none"), reference=True),
    "bandit_logdets": Method(lambda: Portfolio(_drawn_logdets()), reference=True),
    "logdet_class_learnability_t1": Method(lambda: _logdet("class_learnability", 1.0), reference=True),
    # Before agreement waited for the learner:
    "both_t1": _both(lambda: _logdet("given", 1.0)),
    "both": _both(lambda: _logdet("given")),
    "both_t05": _both(lambda: _logdet("given", 0.5)),
    "both_t2": _both(lambda: _logdet("given", 2.0)),
    "both_annealed": _both(lambda: _logdet("given", Schedule(0.5, 8.0))),
    "both_whole_set_t1": Method(lambda: _logdet("given", 1.0), reference=True, quality=learnability_and_agreement),
    "both_trusted_t1": Method(lambda: _logdet("given", 1.0), reference=True, quality=learnability_and_some_agreement),
    "both_softened_t1": Method(lambda: _logdet("given", 1.0), reference=True, quality=learnability_and_half_agreement),
    "both_drawn": _both(lambda: DrawnByWorth("given")),
    "both_drawn_gradient": _both(lambda: DrawnByWorth("given", gradient=True)),
    "guard_both_t1": _both(lambda: Guard(_logdet("given", 1.0), floor=0.8)),
    "reuse_both_t1": _both(lambda: Guard(_logdet("given", 1.0), floor=0.0, max_reuse=2)),
    "half_both_t1": _both(lambda: Portfolio([_logdet("given", 1.0)], reward="none")),
    "bandit_both_t1": _both(lambda: Portfolio([_logdet("given", 1.0)])),
    # Since:
    "patient": Method(_named("gradient_logdet_patient"), reference=True),
    "patient_maximal": Method(_named("gradient_logdet_patient", temperature=0.0), reference=True),
    "patient_file": Method(_named("gradient_logdet_patient"), reference=True, features="file"),
    "patient_no_diversity": Method(lambda: DrawnByWorth("class_learnability_agreement", gradient=True), reference=True),
    "guard_patient": Method(lambda: Guard("gradient_logdet_patient", floor=0.8), reference=True),
    "half_patient": Method(lambda: Portfolio(["gradient_logdet_patient"], reward="none"), reference=True),
    "bandit_patient": Method(lambda: Portfolio(["gradient_logdet_patient"], reward="probe"), reference=True),
    "k_dpp_learnability": Method(
        _named("k_dpp", similarity="gradient", quality="learnability"), reference=True, late=True
    ),
}
CHOSEN_ON = (0, 1)
"""Seeds by which methods were kept and the best was put together; what is said of them is told by the others."""
KEPT = (
    "uniform",
    "uniform_all_rows",
    "rho_loss_t1",
    "jest",
    "logdet_learnability_t1",
    "logdet_agreement_t1",
    "mixture",
    "bandit_probe",
    "logdet_class_learnability_t1",
    "both_t1",
    "patient",
    "patient_maximal",
    "patient_file",
    "patient_no_diversity",
    "guard_patient",
    "half_patient",
)
"""Contenders, and the ablations of the best; time did not suffice for all methods."""
