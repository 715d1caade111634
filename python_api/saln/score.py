"""Scores for a file of candidates, offline and in chunks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

import saln_kernels

CHUNK = 4096
BEST_SHOWN = 5


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
    """

    candidates: int
    not_finite: int
    minimum: float | None
    median: float | None
    maximum: float | None
    best: tuple[tuple[int, float], ...]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "best": [{"candidate": number, "score": score} for number, score in self.best]}


def score_in_chunks(
    features: torch.Tensor,
    candidates: torch.Tensor,
    criterion: str,
    options: Mapping[str, Any],
    *,
    chunk: int = CHUNK,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[torch.Tensor, ScoreSummary]:
    """Score candidates a chunk at a time; how they are cut makes no difference to any score.

    Parameters
    ----------
    features : Tensor
        `[N, d]`.
    candidates : Tensor
        `[C, b]` row numbers, -1 is padding.
    criterion : str
    options : mapping
        Criterion and further options of `saln_kernels.score_batches`.
    chunk : int
        Candidates a call.
    progress : callable, optional
        Called with the number of candidates just scored.

    Returns
    -------
    scores : Tensor
        `[C]`.
    summary : ScoreSummary

    Raises
    ------
    IndexError
        Naming the first row number in `candidates` that is not one of features.
    """
    if chunk < 1:
        raise ValueError(f"chunk must be at least 1, not {chunk}")
    start = time.perf_counter()
    parts = []
    # One call even where there is nothing to score, so that wrong options are found.
    for first in range(0, max(1, candidates.shape[0]), chunk):
        part = candidates[first : first + chunk]
        try:
            parts.append(saln_kernels.score_batches(features, part, criterion, **options))
        except IndexError as error:
            # Its message counts within the chunk, which whoever wrote the file knows nothing of.
            raise _out_of_range(candidates, features.shape[0]) from error
        progress(part.shape[0])
    scores = torch.cat(parts)
    return scores, summarise(scores, time.perf_counter() - start)


def _out_of_range(candidates: torch.Tensor, rows: int) -> IndexError:
    row, column = ((candidates < -1) | (candidates >= rows)).nonzero()[0].tolist()
    return IndexError(
        f"candidates[{row}, {column}] is {int(candidates[row, column])}; wanted 0 to {rows - 1}, or -1 for padding"
    )


def summarise(scores: torch.Tensor, seconds: float) -> ScoreSummary:
    """Order statistics of scores `[C]`."""
    finite = scores.isfinite()
    numbers = scores[finite].double()
    rows = torch.nonzero(finite).flatten()
    best = torch.sort(numbers, descending=True, stable=True)
    some = numbers.numel() > 0
    return ScoreSummary(
        candidates=scores.shape[0],
        not_finite=int((~finite).sum()),
        minimum=float(numbers.min()) if some else None,
        median=_middle(best.values),
        maximum=float(numbers.max()) if some else None,
        best=tuple(
            (int(rows[position]), float(value))
            for value, position in zip(best.values[:BEST_SHOWN], best.indices[:BEST_SHOWN], strict=True)
        ),
        seconds=seconds,
    )


def _middle(ordered: torch.Tensor) -> float | None:
    """Median of sorted numbers; `torch.quantile` refuses more than 16 million."""
    count = ordered.shape[0]
    return float((ordered[(count - 1) // 2] + ordered[count // 2]) / 2) if count else None
