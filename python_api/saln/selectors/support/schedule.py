"""Options that change over training. Knows nothing of methods: progress in, value out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from saln.selectors.support.choices import one_of, positive

SHAPES = ("constant", "linear", "cosine", "step")


@dataclass(frozen=True)
class Schedule:
    """A number that goes from `start` to `end` while training goes from `begin` to `until`, both shares of it.

    Before `begin` it is `start`, after `until` it is `end`; in between, with t from 0 to 1,

    - "constant": `start`
    - "linear": start + (end - start) t
    - "cosine": start + (end - start) (1 - cos πt) / 2, slow at both ends (the shape of Loshchilov & Hutter 2017,
      arXiv 1608.03983, eq. 5)
    - "step": `n_steps` equally long plateaus, the first at `start`, the last at `end`

    Parameters
    ----------
    start, end : float
        `end` is not read by "constant".
    shape : {"constant", "linear", "cosine", "step"}
    n_steps : int
        Plateaus of "step", at least 2.
    begin, until : float
        From 0 to 1, begin < until.

    Raises
    ------
    ValueError
        If the shape is unknown or a number is out of its range.

    Examples
    --------
    >>> from saln.selectors.support.schedule import Schedule
    >>> rise = Schedule(0.0, 0.8, "linear")
    >>> [round(rise(progress), 3) for progress in (0, 0.5, 1)]
    [0.0, 0.4, 0.8]
    >>> steps = Schedule(0.0, 0.8, "step", n_steps=3)
    >>> [round(steps(progress), 3) for progress in (0, 0.32, 0.34, 0.99)]
    [0.0, 0.0, 0.4, 0.8]
    """

    start: float
    end: float
    shape: str = "linear"
    n_steps: int = 4
    begin: float = 0.0
    until: float = 1.0

    def __post_init__(self) -> None:
        one_of("shape", self.shape, SHAPES)
        if not (math.isfinite(self.start) and math.isfinite(self.end)):
            raise ValueError(f"start and end are {self.start} and {self.end}, want finite numbers")
        if self.n_steps < 2:
            raise ValueError(f"n_steps is {self.n_steps}, want at least 2")
        if not 0 <= self.begin < self.until <= 1:
            raise ValueError(f"begin and until are {self.begin} and {self.until}, want 0 <= begin < until <= 1")

    def __call__(self, progress: float) -> float:
        """The value at this share of training, 0 to 1."""
        if self.shape == "constant":
            return self.start
        t = min(1.0, max(0.0, (share("progress", progress) - self.begin) / (self.until - self.begin)))
        if self.shape == "cosine":
            t = (1 - math.cos(math.pi * t)) / 2
        elif self.shape == "step":
            t = min(int(t * self.n_steps), self.n_steps - 1) / (self.n_steps - 1)
        return self.start + (self.end - self.start) * t


def value_at(option: float | Schedule, progress: float) -> float:
    """The option itself, or its value at this share of training.

    >>> from saln.selectors.support.schedule import Schedule, value_at
    >>> value_at(0.5, 0.1), value_at(Schedule(2, 4), 0.5)
    (0.5, 3.0)
    """
    return option(progress) if isinstance(option, Schedule) else option


def positive_throughout(name: str, option: float | Schedule) -> float | Schedule:
    """`option` if it is above zero and finite all through training, or a ValueError.

    >>> from saln.selectors.support.schedule import Schedule, positive_throughout
    >>> positive_throughout("temperature", Schedule(2, 0))
    Traceback (most recent call last):
    ...
    ValueError: temperature.end is 0, want a positive number
    """
    if isinstance(option, Schedule):
        positive(f"{name}.start", option.start)
        positive(f"{name}.end", option.end)
    else:
        positive(name, option)
    return option


def not_negative_throughout(name: str, option: float | Schedule) -> float | Schedule:
    """`option` if it is at least zero and finite all through training, or a ValueError."""
    for value in (option.start, option.end) if isinstance(option, Schedule) else (option,):
        if not 0 <= value < math.inf:
            raise ValueError(f"{name} is {option}, want at least 0")
    return option


def share(name: str, value: float) -> float:
    """`value` if it is from 0 to 1, or a ValueError.

    >>> from saln.selectors.support.schedule import share
    >>> share("epsilon", 1.5)
    Traceback (most recent call last):
    ...
    ValueError: epsilon is 1.5, want 0 to 1
    """
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value}, want 0 to 1")
    return value


def share_throughout(name: str, option: float | Schedule) -> float | Schedule:
    """`option` if it is from 0 to 1 all through training, or a ValueError."""
    if isinstance(option, Schedule):
        share(f"{name}.start", option.start)
        share(f"{name}.end", option.end)
    else:
        share(name, option)
    return option
