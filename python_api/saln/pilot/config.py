"""What a pilot is asked to do, whatever is trained."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

DEFAULT_METHODS = ("uniform", "auto", "jest", "rho_loss", "saln")


class PilotError(ValueError):
    """A pilot that cannot be run as asked; the message is one line that names the option."""


@dataclass(frozen=True)
class PilotConfig:
    """Settings shared by all methods of a pilot.

    Attributes
    ----------
    methods : tuple of str
        As in `saln.pilot.training.methods`; `uniform` is always compared against.
    seeds : int
        Runs per method. Seed s gives every method the same training, the same rows and the same super-batches.
    batch_size : int
        Samples kept in each step.
    filter_ratio : float
        Share of the super-batch thrown away; the super-batch has batch_size / (1 - filter_ratio) rows.
    drop_last : bool
        Leave out an epoch's last batch if it is short.
    metric : str or None
        What runs are judged by, by the name that the training reports it under; the first it reports by default.
    higher_is_better : bool or None
        By default what the name says: `saln.pilot.metric.Metric.named`.
    target : float or None
        Of the metric, for steps, samples and seconds to target; 0.99 × uniform's mean final value by default, or as
        much above it where less is better.
    threads : int or None
        Threads for training and selection; None leaves them as they are.
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
    batch_size: int = 64
    filter_ratio: float = 0.8
    drop_last: bool = False
    metric: str | None = None
    higher_is_better: bool | None = None
    target: float | None = None
    threads: int | None = None
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

    JUDGING: ClassVar[tuple[str, ...]] = (
        "methods",
        "seeds",
        "metric",
        "higher_is_better",
        "target",
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

    def __post_init__(self) -> None:
        for name in ("methods", "gates", "stages"):  # lists do, too
            object.__setattr__(self, name, tuple(getattr(self, name)))
        self._check("seeds", self.seeds >= 1, "at least 1")
        self._check("threads", self.threads is None or self.threads >= 1, "at least 1")
        self._check("batch_size", self.batch_size >= 2, "at least 2")
        self._check("filter_ratio", 0.0 <= self.filter_ratio < 1.0, "in [0, 1)")
        for name in ("train_share", "share_concerned"):
            self._check(name, 0.0 < getattr(self, name) <= 1.0, "in (0, 1]")
        self._check("people_hours", 0.0 <= self.people_hours < math.inf, "0 or more")
        self._check("target", self.target is None or math.isfinite(self.target), "a finite number")
        for name in ("price_per_hour", "full_training_hours", "trainings_per_year", "people_price_per_hour"):
            value = getattr(self, name)
            self._check(name, value is None or 0.0 < value < math.inf, "positive")
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
        return {name: value for name, value in asdict(self).items() if name not in self.JUDGING}

    def as_dict(self) -> dict[str, Any]:
        listed = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return {**listed, "super_batch_size": self.super_batch_size}
