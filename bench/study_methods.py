"""The methods of the default's study, each a selector of the package with its options."""

import dataclasses
from collections.abc import Callable

from bench.study_blend import AgreementBlend
from saln.schedule import Schedule
from saln.selectors import Guard, Portfolio, Selector, Uniform, make_selector
from saln.selectors.portfolio import default_arms


@dataclasses.dataclass(frozen=True)
class Method:
    """How to make the selector, and what it may see.

    Attributes
    ----------
    make : callable
        None: the first rows of every super-batch, which together are shuffled epochs.
    learner : bool
        It sees the learner's activations, losses and residuals, and pays for a pass over the super-batch; otherwise the
        inputs as they are in the file.
    reference : bool
        It sees the reference network's losses, and pays for that network.
    agreement : bool
        It gets label agreement among the inputs as quality.
    standardised : bool
        Without the learner, it sees the learner's inputs instead.
    late : bool
        Expensive: after all others.
    """

    make: Callable[[], Selector] | None
    learner: bool = True
    reference: bool = False
    agreement: bool = False
    standardised: bool = False
    late: bool = False


def _named(name: str, **options: object) -> Callable[[], Selector]:
    return lambda: make_selector(name, **options)


def _logdet(quality: str, temperature: float | Schedule = 0.0) -> Selector:
    return make_selector("gradient_logdet", quality=quality, temperature=temperature)


def _without_reference() -> list[Selector]:
    """Arms that read the learner's residuals and losses, and labels."""
    drawn = (make_selector(f"gradient_logdet{end}", temperature=1.0) for end in ("", "_agreement"))
    return [Uniform(), make_selector("selective_backprop"), *drawn]


METHODS: dict[str, Method] = {
    "uniform": Method(None, learner=False),
    "uniform_drawn": Method(Uniform, learner=False),
    "saln": Method(_named("saln"), learner=False),
    "saln_standardised": Method(_named("saln"), learner=False, standardised=True),
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
    "logdet_agreement_inputs_t1": Method(lambda: _logdet("given", 1.0), agreement=True),
    "guard_logdet_learnability_t1": Method(lambda: Guard(_logdet("learnability", 1.0), floor=0.8), reference=True),
    "half_logdet_learnability_t1": Method(
        lambda: Portfolio([_logdet("learnability", 1.0)], reward="none"), reference=True
    ),
    "half_agreement_inputs_t1": Method(lambda: Portfolio([_logdet("given", 1.0)], reward="none"), agreement=True),
    "mixture": Method(lambda: Portfolio(default_arms(), reward="none"), reference=True),
    "bandit": Method(lambda: Portfolio(default_arms()), reference=True),
    "bandit_probe": Method(lambda: Portfolio(default_arms(), reward="probe"), reference=True),
    "guard_mixture": Method(lambda: Guard(Portfolio(default_arms(), reward="none"), floor=0.8), reference=True),
    "mixture_no_reference": Method(lambda: Portfolio(_without_reference(), reward="none")),
    "bandit_no_reference": Method(lambda: Portfolio(_without_reference())),
    "blend_agreement_t1": Method(lambda: AgreementBlend(_logdet("given", 1.0))),
    "blend_agreement_inputs_t1": Method(
        lambda: AgreementBlend(_logdet("given", 1.0), agreement="given"), agreement=True
    ),
    "blend_steps_agreement_inputs_t1": Method(
        lambda: AgreementBlend(_logdet("given", 1.0), agreement="given", by="steps"), agreement=True
    ),
    "blend_logdet_inputs_t1": Method(lambda: AgreementBlend(_logdet("none", 1.0), agreement="given"), agreement=True),
    "blend_learnability_inputs_t1": Method(
        lambda: AgreementBlend(_logdet("learnability", 1.0), agreement="given"), reference=True, agreement=True
    ),
    "k_dpp_learnability": Method(
        _named("k_dpp", similarity="gradient", quality="learnability"), reference=True, late=True
    ),
}
