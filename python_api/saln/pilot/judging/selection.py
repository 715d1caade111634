"""What a method chose: classes, reuse, wrong labels, spectra. Worked out after a run, so that it costs it nothing."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch

import saln_kernels
from saln.pilot.job import Pool, Problem, offered_in
from saln.pilot.training.run import Run

BATCHES_LOOKED_AT = 16
BATCHES_SCORED = 256
PARTS_OF_TRAINING = 10
EXTREMES = 3
REJECTED_SEED = 6_000_011


@dataclass(frozen=True)
class ScoredBatch:
    """A batch at one end of a run's scores.

    Attributes
    ----------
    step : int
        Counted from 0.
    score : float
        Effective rank of the cosine Gram matrix of the features selectors saw: the same score for every method.
    rows : tuple of int
        Rows of the data set.
    labels : tuple of int
        What the method was told of them; empty where there are no classes.
    """

    step: int
    score: float
    rows: tuple[int, ...]
    labels: tuple[int, ...]


@dataclass(frozen=True)
class Selection:
    """What one run chose, or the mean over several.

    Attributes
    ----------
    method : str
    class_share : tuple of float
        Share of the chosen samples in each class; empty where there are none.
    pool_share : tuple of float
        The same among the samples offered.
    class_share_over_time : tuple of tuple of float
        `class_share` of successive tenths of training.
    rows_used : float
        Share of the training rows chosen at least once.
    most_used : float
        How often the most often chosen row was.
    wrong_chosen, wrong_offered : float
        Share of the chosen samples, and of those offered, whose label the pilot made wrong; uniform chooses what is
        offered.
    copies_chosen, copies_offered : float
        The same of the copies put in by the pilot.
    spectrum : tuple of float
        Eigenvalues of the cosine Gram matrix of a chosen batch, descending, mean over steps; they sum to the number of
        rows that are not all zero.
    effective_rank : float
        Of those matrices, mean.
    rejected_spectrum : tuple of float
        The same of as many rows, drawn from those offered and not chosen at the same steps; empty where fewer are left.
    rejected_effective_rank : float or None
    batch_scores : tuple of float
        Effective rank of the batches at `scored_steps`, of the first seed.
    scored_steps : tuple of int
        Evenly spaced.
    highest, lowest : tuple of ScoredBatch
        Of those batches, the most extreme first.
    figures : mapping of str to float
        What the selector found and did, as in `Selector.figures`.
    """

    method: str
    class_share: tuple[float, ...]
    pool_share: tuple[float, ...]
    class_share_over_time: tuple[tuple[float, ...], ...]
    rows_used: float
    most_used: float
    wrong_chosen: float
    wrong_offered: float
    copies_chosen: float
    copies_offered: float
    spectrum: tuple[float, ...]
    effective_rank: float
    rejected_spectrum: tuple[float, ...]
    rejected_effective_rank: float | None
    batch_scores: tuple[float, ...]
    scored_steps: tuple[int, ...]
    highest: tuple[ScoredBatch, ...]
    lowest: tuple[ScoredBatch, ...]
    figures: Mapping[str, float] = field(default_factory=dict)


def describe_selection(run: Run, problem: Problem) -> Selection:
    """Look at what a run chose; spectra are of `BATCHES_LOOKED_AT` evenly spaced steps."""
    pool = problem.pool
    used = run.chosen[run.chosen >= 0]
    times = torch.bincount(used, minlength=pool.rows.shape[0])  # [n]
    n_steps = run.chosen.shape[0]
    looked_at = _evenly(n_steps, BATCHES_LOOKED_AT)
    spectrum, ranks = _spectra(problem, run.chosen[looked_at])
    rejected = _rejected(run, problem, looked_at)
    rejected_spectrum, rejected_ranks = (None, None) if rejected is None else _spectra(problem, rejected)
    scored = _evenly(n_steps, BATCHES_SCORED)
    features = problem.features.cpu()
    scores = saln_kernels.score_batches(features, run.chosen[scored], "effective_rank", similarity="cosine")
    order = scores.argsort(descending=True, stable=True)
    offered = offered_in(problem.order, n_steps)
    parts = run.chosen.tensor_split(min(PARTS_OF_TRAINING, n_steps))
    return Selection(
        method=run.method,
        class_share=_class_share(problem, used),
        pool_share=_class_share(problem, offered),
        class_share_over_time=tuple(_class_share(problem, part[part >= 0]) for part in parts),
        rows_used=float((times > 0).float().mean()),
        most_used=float(times.max()),
        wrong_chosen=_share(pool.wrong, used),
        wrong_offered=_share(pool.wrong, offered),
        copies_chosen=_share(pool.copies, used),
        copies_offered=_share(pool.copies, offered),
        spectrum=spectrum,
        effective_rank=ranks,
        rejected_spectrum=rejected_spectrum or (),
        rejected_effective_rank=rejected_ranks,
        batch_scores=tuple(scores.tolist()),
        scored_steps=tuple(scored.tolist()),
        highest=tuple(_scored(run, pool, int(scored[i]), float(scores[i])) for i in order[:EXTREMES]),
        lowest=tuple(_scored(run, pool, int(scored[i]), float(scores[i])) for i in order.flip(0)[:EXTREMES]),
        figures=run.figures,
    )


def mean_selection(selections: Sequence[Selection]) -> Selection:
    """The mean over the seeds of one method; single batches are those of the first."""
    single = ("method", "batch_scores", "scored_steps", "highest", "lowest")
    over_seeds = {each.name for each in fields(Selection)} - set(single)
    return replace(selections[0], **{name: _mean([getattr(each, name) for each in selections]) for name in over_seeds})


def _mean(values: Sequence[Any]) -> Any:
    """Of numbers, and place by place of tuples, by name of mappings; what is None or empty is left out."""
    known = [value for value in values if value not in (None, ())]
    if not known:
        return values[0]
    if isinstance(known[0], Mapping):
        names = dict.fromkeys(name for value in known for name in value)
        return {name: _mean([value[name] for value in known if name in value]) for name in names}
    if isinstance(known[0], tuple):
        return tuple(_mean(column) for column in zip(*known, strict=True))
    return statistics.fmean(known)


def _evenly(n_steps: int, most: int) -> torch.Tensor:
    return torch.linspace(0, n_steps - 1, min(most, n_steps)).long()


def _spectra(problem: Problem, batches: torch.Tensor) -> tuple[tuple[float, ...], float]:
    """Mean spectrum and mean effective rank of batches `[T, b]`."""
    features = problem.features.cpu()
    spectra = saln_kernels.topk_eigvals(features, batches, batches.shape[1], similarity="cosine")  # [T, b]
    ranks = saln_kernels.score_batches(features, batches, "effective_rank", similarity="cosine")  # [T]
    return tuple(spectra.mean(dim=0).tolist()), float(ranks.mean())


def _rejected(run: Run, problem: Problem, steps: torch.Tensor) -> torch.Tensor | None:
    """As many rows as were chosen, `[T, b]`, out of those that were not."""
    size = run.chosen.shape[1]
    offered = [problem.order.super_batch(*problem.order.place(int(step))) for step in steps]
    if min(len(rows) for rows in offered) < 2 * size:
        return None
    source = torch.Generator().manual_seed(REJECTED_SEED + run.seed)
    batches = []
    for step, rows in zip(steps, offered, strict=True):
        left = rows[~torch.isin(rows, run.chosen[step])]
        batches.append(left[torch.randperm(left.shape[0], generator=source)[:size]])
    return torch.stack(batches)


def _scored(run: Run, pool: Pool, step: int, score: float) -> ScoredBatch:
    places = run.chosen[step]
    places = places[places >= 0]
    labels = () if pool.labels is None else tuple(pool.labels[places].tolist())
    return ScoredBatch(step, score, tuple(pool.rows[places].tolist()), labels)


def _class_share(problem: Problem, rows: torch.Tensor) -> tuple[float, ...]:
    if problem.pool.labels is None:
        return ()
    counts = torch.bincount(problem.pool.labels[rows].flatten(), minlength=problem.n_classes)
    return tuple((counts / counts.sum()).tolist())


def _share(marked: torch.Tensor | None, rows: torch.Tensor) -> float:
    return 0.0 if marked is None else float(marked[rows].float().mean())
