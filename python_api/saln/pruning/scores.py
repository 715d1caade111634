"""Methods that give each row a number, and keep the largest of every class."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from saln.inspection.copies import find_copies
from saln.inspection.labels import judge_labels
from saln.sampling.history import History
from saln.selectors.support.chance import gumbel

SHARPNESS = 3
"""Power of the label quality: with 20 % wrong labels in features of CIFAR-10, TREC and IMDb better than 1, and as good
as 10, which leaves the easiest rows alone (on one seed that bench/prune.py does not report)."""
LEAST_CREDIBLE = 0.05
"""No label is so doubtful that its row has no chance."""


def random_order(n_rows: int, generator: torch.Generator) -> Tensor:
    """Keys `[N]` whose largest are drawn evenly."""
    return torch.rand(n_rows, generator=generator, dtype=torch.float64)


def credibility(
    features: Tensor, labels: Tensor | None, losses: Tensor | None, generator: torch.Generator, seed: int
) -> Tensor:
    """Keys `[N]` whose largest are drawn without replacement by label quality, to the power of `SHARPNESS`, over the
    root of the number of copies.

    NaN of rows that are not judged.
    """
    copies = find_copies(features, seed=seed)
    quality = torch.ones(len(features), dtype=torch.float64)
    if losses is not None:
        quality = (-losses.double()).exp().cpu()
    elif labels is not None:
        found = judge_labels(features, labels, among=_different(copies.groups), seed=seed).quality
        quality = found.nan_to_num(1.0).double().cpu()  # classes of too few rows are not judged: they are believed
    credible = torch.where(quality.isnan(), quality, quality.clamp_min(LEAST_CREDIBLE))
    logits = SHARPNESS * credible.log() - copies.counts.cpu().log() / 2
    return logits + gumbel(logits.shape, generator=generator, device=logits.device)


def _different(groups: Tensor) -> Tensor:
    """The first row of every group, ascending."""
    rows = torch.arange(len(groups), device=groups.device)
    n_groups = int(groups.max()) + 1
    return torch.full_like(groups[:n_groups], len(groups)).scatter_reduce(0, groups, rows, "amin")


def el2n(histories: Sequence[History]) -> Tensor:
    """Mean length of the residual in the first epochs `[N]`, over runs; NaN of rows that no run recorded."""
    return torch.stack([each.el2n().cpu() for each in histories]).nanmean(dim=0).double()


def forgetting(histories: Sequence[History], generator: torch.Generator) -> Tensor:
    """Forgetting events `[N]`, over runs, inf of rows never learned; ties are broken by draws."""
    events = torch.stack([each.forgetting().cpu() for each in histories]).nanmean(dim=0).double()
    return events.clamp_max(1e6) + 1e-6 * torch.rand(events.shape, generator=generator, dtype=torch.float64)
