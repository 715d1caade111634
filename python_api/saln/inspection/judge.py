"""Labels of any kind, judged, with the same numbers for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saln.datasets import DataError
from saln.inspection.given import Given
from saln.inspection.labels import judge_labels
from saln.inspection.multilabel import judge_multilabel
from saln.inspection.targets import judge_targets


@dataclass(frozen=True)
class Judged:
    """What is said of labels or targets.

    Attributes
    ----------
    quality : Tensor
        `[N]` float32, the probability that a row's label is right, of several labels the least; NaN where not judged.
    suggested : Tensor
        What fits best, of the shape of `Given.codes`.
    losses : Tensor
        `[N]` float32, out of fold: minus log-probabilities, of targets the size of residuals.
    noise : float
        The estimated share of wrong labels.
    skill : float or None
        How well the features tell them, from 0 to 1; None of several labels a row.
    noise_matrix : Tensor or None
        `[C, C]` float64, P(given j | true i), of classes.
    """

    quality: Tensor
    suggested: Tensor
    losses: Tensor
    noise: float
    skill: float | None
    noise_matrix: Tensor | None


def judge(x: Tensor, given: Given, probabilities: Any, seed: int) -> Judged:
    """Judge what was given, by features `[N, d]` or by the user's own probabilities.

    Raises
    ------
    DataError
        Probabilities are of another shape, or there are targets.
    """
    codes = given.codes.to(x.device)
    mine = _probabilities(probabilities, given, x)
    if given.kind == "targets":
        target = judge_targets(x, codes, seed=seed)
        return Judged(target.quality, target.suggested, target.residuals.abs(), target.noise, target.skill, None)
    if given.kind == "multilabel":
        several = judge_multilabel(x, codes, probabilities=mine, seed=seed)
        noise = float(several.noise.mean())
        return Judged(several.row_quality, several.suggested, several.losses, noise, None, None)
    found = judge_labels(x, codes, probabilities=mine, seed=seed)
    return Judged(found.quality, found.suggested, found.losses, found.noise, found.skill, found.noise_matrix)


def _probabilities(probabilities: Any, given: Given, x: Tensor) -> Tensor | None:
    if probabilities is None:
        return None
    if given.kind == "targets":
        raise DataError("probabilities were given with targets; wanted labels")
    found = torch.as_tensor(np.asarray(probabilities), dtype=torch.float32)
    wanted = [len(x), len(given.names)]
    if list(found.shape) != wanted:
        raise DataError(f"probabilities are {list(found.shape)}; wanted {wanted}, a column for each class")
    return found.to(x.device)
