"""Order statistics of scores in a file, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

BEST_SHOWN = 5
BLOCK = 1 << 20
DIGIT = 16  # bits


@dataclass(frozen=True)
class ScoreSummary:
    """What the scores of a file look like.

    Attributes
    ----------
    candidates : int
    not_finite : int
        Candidates that hold a non-finite feature; left out of the figures below.
    minimum, median, maximum : float or None
        None where no score is a number.
    best : tuple of (int, float)
        Candidate number and score of the highest, best first.
    seconds : float
        Of this call.
    resumed : int
        Candidates that an earlier call had finished.
    features : str
        How the features were read.
    """

    candidates: int
    not_finite: int
    minimum: float | None
    median: float | None
    maximum: float | None
    best: tuple[tuple[int, float], ...]
    seconds: float
    resumed: int = 0
    features: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The same as plain dicts, lists and numbers, ready for JSON."""
        return {**asdict(self), "best": [{"candidate": number, "score": score} for number, score in self.best]}


def summarise(scores: Array, seconds: float, resumed: int = 0, features: str = "") -> ScoreSummary:
    """Order statistics of scores `[C]`, float32 or float64; several passes over them.

    >>> import numpy as np
    >>> from saln.offline.summary import summarise
    >>> summary = summarise(np.array([3, 1, np.nan, 2], dtype=np.float32), seconds=0.0)
    >>> summary.median, summary.best[0], summary.not_finite
    (2.0, (0, 3.0), 1)
    """
    n_finite, minimum, maximum = 0, np.inf, -np.inf
    best: list[tuple[int, float]] = []
    for start, block in _finite(scores):
        numbers, values = block
        n_finite += len(values)
        if len(values):
            minimum, maximum = min(minimum, float(values.min())), max(maximum, float(values.max()))
            first = np.argsort(-values, kind="stable")[:BEST_SHOWN]  # among equal ones the lower number
            best += [(start + int(numbers[place]), float(values[place])) for place in first]
            best = sorted(best, key=lambda each: (-each[1], each[0]))[:BEST_SHOWN]
    some = n_finite > 0
    return ScoreSummary(
        candidates=len(scores),
        not_finite=len(scores) - n_finite,
        minimum=minimum if some else None,
        median=(_ranked(scores, (n_finite - 1) // 2) + _ranked(scores, n_finite // 2)) / 2 if some else None,
        maximum=maximum if some else None,
        best=tuple(best),
        seconds=seconds,
        resumed=resumed,
        features=features,
    )


def _finite(scores: Array) -> Iterator[tuple[int, tuple[Array, Array]]]:
    """Blocks: number of the first score, places of the finite ones in the block, their values."""
    for start in range(0, len(scores), BLOCK):
        block = np.asarray(scores[start : start + BLOCK])
        places = np.flatnonzero(np.isfinite(block))
        yield start, (places, block[places])


def _ranked(scores: Array, rank: int) -> float:
    """The score that `rank` finite ones precede in ascending order: its bits from the top, 16 by 16, by counting."""
    bits = scores.dtype.itemsize * 8
    word = np.dtype(f"u{scores.dtype.itemsize}")
    sign = word.type(1 << (bits - 1))
    prefix = 0
    for shift in range(bits - DIGIT, -1, -DIGIT):
        counts = np.zeros(1 << DIGIT, dtype=np.int64)
        for _, (_, values) in _finite(scores):
            raw = values.view(word)
            keys = np.where(raw & sign, ~raw, raw | sign)  # ordered as the numbers are
            if shift + DIGIT < bits:
                keys = keys[keys >> word.type(shift + DIGIT) == prefix]
            digits = (keys >> word.type(shift)) & word.type((1 << DIGIT) - 1)
            counts += np.bincount(digits.astype(np.int64), minlength=1 << DIGIT)
        digit = int(np.searchsorted(counts.cumsum(), rank, side="right"))
        rank -= int(counts[:digit].sum())
        prefix = prefix << DIGIT | digit
    key = np.array([prefix], dtype=word)
    raw = key & ~sign if prefix >> (bits - 1) else ~key
    return float(raw.view(scores.dtype)[0])
