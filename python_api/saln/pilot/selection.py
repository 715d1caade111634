"""What a method chose: classes, reuse, spectra. Worked out after the runs, so that it costs them nothing."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import torch

import saln_kernels
from saln.pilot.task import Task
from saln.pilot.trainer import Run

BATCHES_LOOKED_AT = 16


@dataclass(frozen=True)
class Selection:
    """What one run chose, or the mean over several.

    Attributes
    ----------
    method : str
    class_share : tuple of float
        Share of the chosen samples in each class.
    pool_share : tuple of float
        The same among the samples offered.
    rows_used : float
        Share of the training rows chosen at least once.
    most_used : float
        How often the most often chosen row was.
    spectrum : tuple of float
        Eigenvalues of the cosine Gram matrix of a chosen batch, descending, mean over steps; they sum to the number of
        rows that are not all zero.
    effective_rank : float
        Of those matrices, mean.
    """

    method: str
    class_share: tuple[float, ...]
    pool_share: tuple[float, ...]
    rows_used: float
    most_used: float
    spectrum: tuple[float, ...]
    effective_rank: float


def describe_selection(run: Run, task: Task) -> Selection:
    """Look at what a run chose; spectra are of `BATCHES_LOOKED_AT` evenly spaced steps."""
    times = torch.bincount(run.chosen.flatten(), minlength=task.x_train.shape[0])  # [n]
    n_steps, batch_size = run.chosen.shape
    batches = run.chosen[torch.linspace(0, n_steps - 1, min(BATCHES_LOOKED_AT, n_steps)).long()]  # [T, b]
    spectra = saln_kernels.topk_eigvals(task.features, batches, batch_size, similarity="cosine")  # [T, b]
    ranks = saln_kernels.score_batches(task.features, batches, "effective_rank", similarity="cosine")  # [T]
    return Selection(
        method=run.method,
        class_share=_class_share(task, run.chosen),
        pool_share=_class_share(task, task.stream),
        rows_used=float((times > 0).float().mean()),
        most_used=float(times.max()),
        spectrum=tuple(spectra.mean(dim=0).tolist()),
        effective_rank=float(ranks.mean()),
    )


def mean_selection(selections: Sequence[Selection]) -> Selection:
    """The mean over the seeds of one method."""
    return Selection(
        method=selections[0].method,
        class_share=_means([each.class_share for each in selections]),
        pool_share=_means([each.pool_share for each in selections]),
        rows_used=statistics.fmean(each.rows_used for each in selections),
        most_used=statistics.fmean(each.most_used for each in selections),
        spectrum=_means([each.spectrum for each in selections]),
        effective_rank=statistics.fmean(each.effective_rank for each in selections),
    )


def _class_share(task: Task, rows: torch.Tensor) -> tuple[float, ...]:
    counts = torch.bincount(task.labels_train[rows].flatten(), minlength=task.n_classes)
    return tuple((counts / counts.sum()).tolist())


def _means(rows: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(statistics.fmean(column) for column in zip(*rows, strict=True))
