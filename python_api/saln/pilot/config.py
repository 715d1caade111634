"""What a pilot is asked to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Model = Literal["linear", "mlp"]
FeatureSource = Literal["auto", "given", "reference"]

DEFAULT_METHODS = ("uniform", "saln", "jest", "spectral_candidates")


class PilotError(ValueError):
    """A pilot that cannot be run as asked; the message is one line that names the option."""


@dataclass(frozen=True)
class PilotConfig:
    """Settings shared by all methods of a pilot.

    Attributes
    ----------
    methods : tuple of str
        Names in the selector registry; `uniform` is always compared against.
    seeds : int
        Runs per method. Seed s gives every method the same weights, data split and super-batches.
    steps, batch_size : int
        Training steps, and samples kept in each.
    filter_ratio : float
        Share of the super-batch thrown away; the super-batch has batch_size / (1 - filter_ratio) rows.
    model : {"linear", "mlp"}
    hidden : int
        Width of the hidden layer of the MLP, and of the reference network.
    learning_rate : float
        Of Adam.
    features : {"auto", "given", "reference"}
        What selectors see: the rows as they are, or the penultimate activations of the reference network. `auto` takes
        rows that come as features of a pretrained network as they are.
    reference_share : float
        Share of the training rows held out from every method to train the reference network on.
    reference_steps : int or None
        Its training steps; `steps` by default.
    test_share : float
        Share of the rows used for testing where the data do not say which.
    target_accuracy : float or None
        For steps, samples and seconds to target; 0.99 × uniform's mean final accuracy by default.
    evaluations : int
        Evaluations a run, evenly spaced, not counting the one before the first step. They are not timed.
    threads : int
        Threads for training and selection. Networks this small gain nothing from more than one, and on a machine that
        does anything else, threads that wait for each other spoil the timings.
    """

    methods: tuple[str, ...] = DEFAULT_METHODS
    seeds: int = 5
    steps: int = 200
    batch_size: int = 64
    filter_ratio: float = 0.8
    model: Model = "mlp"
    hidden: int = 128
    learning_rate: float = 1e-3
    features: FeatureSource = "auto"
    reference_share: float = 0.2
    reference_steps: int | None = None
    test_share: float = 0.25
    target_accuracy: float | None = None
    evaluations: int = 30
    threads: int = 1

    def __post_init__(self) -> None:
        for name in ("seeds", "steps", "batch_size", "hidden", "evaluations", "threads"):
            if getattr(self, name) < 1:
                raise PilotError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.batch_size < 2:
            raise PilotError(f"batch_size must be at least 2, not {self.batch_size}")
        if not 0.0 <= self.filter_ratio < 1.0:
            raise PilotError(f"filter_ratio must be in [0, 1), not {self.filter_ratio}")
        for name in ("reference_share", "test_share"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise PilotError(f"{name} must be between 0 and 1, not {getattr(self, name)}")
        if self.learning_rate <= 0.0:
            raise PilotError(f"learning_rate must be positive, not {self.learning_rate}")
        if self.target_accuracy is not None and not 0.0 < self.target_accuracy <= 1.0:
            raise PilotError(f"target_accuracy must be in (0, 1], not {self.target_accuracy}")
        if self.reference_steps is not None and self.reference_steps < 1:
            raise PilotError(f"reference_steps must be at least 1, not {self.reference_steps}")
        if self.model not in ("linear", "mlp"):
            raise PilotError(f"model must be linear or mlp, not '{self.model}'")
        if self.features not in ("auto", "given", "reference"):
            raise PilotError(f"features must be auto, given or reference, not '{self.features}'")
        if not self.methods:
            raise PilotError("methods must name at least one method")
        if len(set(self.methods)) != len(self.methods):
            raise PilotError(f"methods names one twice: {', '.join(self.methods)}")

    @property
    def super_batch_size(self) -> int:
        """Rows of a super-batch, from which `batch_size` are kept."""
        return max(self.batch_size, round(self.batch_size / (1.0 - self.filter_ratio)))

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "methods": list(self.methods), "super_batch_size": self.super_batch_size}
