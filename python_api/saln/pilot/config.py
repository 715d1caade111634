"""What a pilot is asked to do."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch

Model = Literal["linear", "mlp", "resnet"]
FeatureSource = Literal["auto", "given", "reference"]
Metric = Literal["accuracy", "balanced_accuracy", "roc_auc"]

MODELS = ("linear", "mlp", "resnet")
FEATURE_SOURCES = ("auto", "given", "reference")
METRICS = ("accuracy", "balanced_accuracy", "roc_auc")

DEFAULT_METHODS = ("uniform", "auto", "jest", "rho_loss", "saln")
JUDGING = (
    "methods",
    "seeds",
    "target_accuracy",
    "gates",
    "stages",
    "price_per_hour",
    "currency",
    "full_training_hours",
    "trainings_per_year",
    "share_concerned",
    "people_hours",
    "people_price_per_hour",
)
"""Settings that change what is run or how runs are judged, but not the outcome of any one run."""


class PilotError(ValueError):
    """A pilot that cannot be run as asked; the message is one line that names the option."""


def devices() -> tuple[str, ...]:
    """Names of the devices there are here, as PyTorch has them.

    >>> from saln.pilot.config import devices
    >>> devices()[0]
    'cpu'
    """
    kind = torch.accelerator.current_accelerator(check_available=True)
    if kind is None:
        return ("cpu",)
    return "cpu", kind.type, *(f"{kind.type}:{index}" for index in range(torch.accelerator.device_count()))


@dataclass(frozen=True)
class PilotConfig:
    """Settings shared by all methods of a pilot.

    Attributes
    ----------
    methods : tuple of str
        As in `saln.pilot.training.methods`; `uniform` is always compared against.
    seeds : int
        Runs per method. Seed s gives every method the same weights, data split, corruption and super-batches.
    steps, batch_size : int
        Training steps, and samples kept in each.
    filter_ratio : float
        Share of the super-batch thrown away; the super-batch has batch_size / (1 - filter_ratio) rows.
    model : {"linear", "mlp", "resnet"}
        The residual network trains on the images of the data set, the others on its rows.
    hidden : int
        Width of the hidden layer of the MLP, and of the reference network where that is one.
    width, blocks : int
        Of the residual network: channels of its first stage, which double twice, and residual blocks of each stage.
    image_size : int or None
        Side in pixels that images are brought to; None leaves them as they are.
    learning_rate : float
        Of Adam.
    metric : {"accuracy", "balanced_accuracy", "roc_auc"}
        What is called accuracy everywhere: the share of right answers, its mean over the classes, or the area under the
        ROC curve (mean over the classes, each against the rest).
    features : {"auto", "given", "reference"}
        What selectors see: the rows as they are, or the penultimate activations of the reference network. `auto` takes
        rows that come as features of a pretrained network as they are.
    feature_ms : float
        Milliseconds it took to extract the given features of one row, counted where a method reads them and the model
        does not train on them.
    reference_share : float
        Share of the training rows held out from every method to train the reference network on.
    reference_steps : int or None
        Its training steps; `steps` by default.
    test_share : float
        Share of the rows used for testing where the data do not say which.
    test_rows : int or None
        Most rows to test on, a stratified draw; None tests on all.
    label_noise : float
        Share of the training labels replaced by another class, drawn evenly.
    feature_noise : float
        Standard deviation of normal noise added to the training rows, in units of each column's (of all pixels').
    imbalance : float
        Share of its training rows that half of the classes keep, drawn by lot; 1 leaves the data as they are.
    duplicates : float
        Share of the training rows replaced by copies of a few of the others (`corruption.COPIED`).
    target_accuracy : float or None
        For steps, samples and seconds to target; 0.99 × uniform's mean final accuracy by default.
    evaluations : int
        Evaluations a run, evenly spaced, not counting the one before the first step. They are not timed.
    threads : int
        Threads for training and selection. Networks this small gain nothing from more than one, and on a machine that
        does anything else, threads that wait for each other spoil the timings.
    device : str
        Where models train and selectors choose, one of `devices()`.
    gates : tuple of str
        Success criteria given beforehand, as in `saln.pilot.judging.gates`.
    stages : tuple of float
        Shares of the training rows, ascending; each is a pilot of its own, run with the methods that passed all gates
        of the one before. Empty for one pilot on all rows.
    train_share : float
        Share of the training rows used: that of the stage.
    price_per_hour : float or None
        Of the machine the full training runs on, in `currency`.
    currency : str
    full_training_hours : float or None
        What one full training takes with uniform batches; what uniform took in the pilot by default.
    trainings_per_year : float
        Full trainings a year; one a month by default.
    share_concerned : float
        Share of these that could use selection; all by default.
    people_hours : float
        What it takes people once to introduce it; two working days by default.
    people_price_per_hour : float or None
        Of these, in `currency`.
    """

    methods: tuple[str, ...] = DEFAULT_METHODS
    seeds: int = 5
    steps: int = 200
    batch_size: int = 64
    filter_ratio: float = 0.8
    model: Model = "mlp"
    hidden: int = 128
    width: int = 16
    blocks: int = 1
    image_size: int | None = None
    learning_rate: float = 1e-3
    metric: Metric = "accuracy"
    features: FeatureSource = "auto"
    feature_ms: float = 0.0
    reference_share: float = 0.2
    reference_steps: int | None = None
    test_share: float = 0.25
    test_rows: int | None = None
    label_noise: float = 0.0
    feature_noise: float = 0.0
    imbalance: float = 1.0
    duplicates: float = 0.0
    target_accuracy: float | None = None
    evaluations: int = 30
    threads: int = 1
    device: str = "cpu"
    gates: tuple[str, ...] = ()
    stages: tuple[float, ...] = ()
    train_share: float = 1.0
    price_per_hour: float | None = None
    currency: str = "EUR"
    full_training_hours: float | None = None
    trainings_per_year: float = 12.0
    share_concerned: float = 1.0
    people_hours: float = 16.0
    people_price_per_hour: float | None = None

    def __post_init__(self) -> None:
        for name in ("seeds", "steps", "hidden", "width", "blocks", "evaluations", "threads"):
            self._check(name, getattr(self, name) >= 1, "at least 1")
        self._check("batch_size", self.batch_size >= 2, "at least 2")
        for name in ("image_size", "reference_steps", "test_rows"):
            self._check(name, getattr(self, name) is None or getattr(self, name) >= 1, "at least 1")
        self._check("image_size", self.image_size is None or self.image_size >= 8, "at least 8")
        self._check("filter_ratio", 0.0 <= self.filter_ratio < 1.0, "in [0, 1)")
        for name in ("reference_share", "test_share"):
            self._check(name, 0.0 < getattr(self, name) < 1.0, "between 0 and 1")
        for name in ("label_noise", "duplicates"):
            self._check(name, 0.0 <= getattr(self, name) < 1.0, "in [0, 1)")
        for name in ("imbalance", "train_share", "share_concerned"):
            self._check(name, 0.0 < getattr(self, name) <= 1.0, "in (0, 1]")
        for name in ("feature_noise", "feature_ms", "people_hours"):
            self._check(name, 0.0 <= getattr(self, name) < math.inf, "0 or more")
        self._check("learning_rate", 0.0 < self.learning_rate < math.inf, "positive")
        target = self.target_accuracy
        self._check("target_accuracy", target is None or 0.0 < target <= 1.0, "in (0, 1]")
        for name in ("price_per_hour", "full_training_hours", "trainings_per_year", "people_price_per_hour"):
            value = getattr(self, name)
            self._check(name, value is None or 0.0 < value < math.inf, "positive")
        for name, known in (("model", MODELS), ("features", FEATURE_SOURCES), ("metric", METRICS)):
            self._check(name, getattr(self, name) in known, f"one of {', '.join(known)}")
        here = devices()
        self._check("device", self.device in here, f"one that there is here ({', '.join(here)})")
        self._check("methods", bool(self.methods), "at least one method")
        if len(set(self.methods)) != len(self.methods):
            raise PilotError(f"methods names one twice: {', '.join(self.methods)}")
        fit = all(0.0 < share <= 1.0 for share in self.stages) and list(self.stages) == sorted(set(self.stages))
        self._check("stages", fit, "shares of the training rows in (0, 1], ascending")

    def _check(self, name: str, fits: bool, wanted: str) -> None:
        if not fits:
            value = getattr(self, name)
            shown = ", ".join(map(str, value)) or "none" if isinstance(value, tuple) else value
            raise PilotError(f"{name} must be {wanted}, not {shown}")

    @property
    def super_batch_size(self) -> int:
        """Rows of a super-batch, from which `batch_size` are kept."""
        return max(self.batch_size, round(self.batch_size / (1.0 - self.filter_ratio)))

    def run_settings(self) -> dict[str, Any]:
        """What the outcome of a run depends on, beside its method, its seed and the data."""
        return {name: value for name, value in asdict(self).items() if name not in JUDGING}

    def as_dict(self) -> dict[str, Any]:
        listed = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return {**listed, "super_batch_size": self.super_batch_size}
