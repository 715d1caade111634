"""Settings of the built-in training: a small network on a labelled data set, spoiled on purpose where wanted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from saln.pilot.config import PilotConfig

Model = Literal["linear", "mlp", "resnet"]
FeatureSource = Literal["auto", "given", "reference"]
MODELS = ("linear", "mlp", "resnet")
FEATURE_SOURCES = ("auto", "given", "reference")
METRICS = ("accuracy", "balanced_accuracy", "roc_auc")


def devices() -> tuple[str, ...]:
    """Names of the devices there are here, as PyTorch has them.

    >>> from saln.pilot.builtin.config import devices
    >>> devices()[0]
    'cpu'
    """
    kind = torch.accelerator.current_accelerator(check_available=True)
    if kind is None:
        return ("cpu",)
    return "cpu", kind.type, *(f"{kind.type}:{index}" for index in range(torch.accelerator.device_count()))


@dataclass(frozen=True)
class BuiltinConfig(PilotConfig):
    """Settings of a pilot with the built-in training; those of `PilotConfig`, and these.

    Attributes
    ----------
    steps : int
        Training steps.
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
        The share of right answers, its mean over the classes, or the area under the ROC curve (mean over the classes,
        each against the rest).
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
    evaluations : int
        Evaluations a run, evenly spaced, not counting the one before the first step. They are not timed.
    threads : int
        Networks this small gain nothing from more than one, and on a machine that does anything else, threads that wait
        for each other spoil the timings.
    device : str
        Where models train and selectors choose, one of `devices()`.
    """

    drop_last: bool = True
    metric: str = "accuracy"
    threads: int = 1
    steps: int = 200
    model: Model = "mlp"
    hidden: int = 128
    width: int = 16
    blocks: int = 1
    image_size: int | None = None
    learning_rate: float = 1e-3
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
    evaluations: int = 30
    device: str = "cpu"

    # Another metric is another evaluation of the same run, but curves are kept, not networks.
    JUDGING: ClassVar[tuple[str, ...]] = tuple(name for name in PilotConfig.JUDGING if name != "metric")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("steps", "hidden", "width", "blocks", "evaluations"):
            self._check(name, getattr(self, name) >= 1, "at least 1")
        for name in ("image_size", "reference_steps", "test_rows"):
            self._check(name, getattr(self, name) is None or getattr(self, name) >= 1, "at least 1")
        self._check("image_size", self.image_size is None or self.image_size >= 8, "at least 8")
        for name in ("reference_share", "test_share"):
            self._check(name, 0.0 < getattr(self, name) < 1.0, "between 0 and 1")
        for name in ("label_noise", "duplicates"):
            self._check(name, 0.0 <= getattr(self, name) < 1.0, "in [0, 1)")
        self._check("imbalance", 0.0 < self.imbalance <= 1.0, "in (0, 1]")
        for name in ("feature_noise", "feature_ms"):
            self._check(name, 0.0 <= getattr(self, name) < math.inf, "0 or more")
        self._check("learning_rate", 0.0 < self.learning_rate < math.inf, "positive")
        self._check("target", self.target is None or 0.0 < self.target <= 1.0, "in (0, 1]")
        for name, known in (("model", MODELS), ("features", FEATURE_SOURCES), ("metric", METRICS)):
            self._check(name, getattr(self, name) in known, f"one of {', '.join(known)}")
        here = devices()
        self._check("device", self.device in here, f"one that there is here ({', '.join(here)})")
