"""Training data made worse on purpose: wrong labels, noisy inputs, rare classes, copies. Test rows are left alone."""

from __future__ import annotations

import torch

COPIED = 0.02
"""Share of the rows that duplicates are copies of: few rows that come again and again, as in data that was crawled."""


def rare_classes(n_classes: int, generator: torch.Generator) -> torch.Tensor:
    """Half of the classes, drawn by lot, int64 ascending."""
    return torch.randperm(n_classes, generator=generator)[: n_classes // 2].sort().values


def keep_rare(labels: torch.Tensor, rare: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """Which rows `[n]` bool are left when rare classes keep a share of theirs, but at least two rows each.

    Parameters
    ----------
    labels : Tensor
        `[n]` int64.
    rare : Tensor
        Class numbers.
    share : float
    """
    kept = torch.ones(labels.shape[0], dtype=torch.bool)
    order = torch.randperm(labels.shape[0], generator=generator)
    for value in rare:
        rows = order[labels[order] == value]
        kept[rows[max(2, round(share * rows.shape[0])) :]] = False
    return kept


def noisy_labels(
    labels: torch.Tensor, share: float, n_classes: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels `[n]` of which a share is another class, drawn evenly, and which those are, `[n]` bool.

    >>> import torch
    >>> from saln.pilot.builtin.corruption import noisy_labels
    >>> labels, wrong = noisy_labels(torch.zeros(10, dtype=torch.int64), 0.3, 4, torch.Generator().manual_seed(0))
    >>> int(wrong.sum()), bool((labels[wrong] != 0).all()), bool((labels[~wrong] == 0).all())
    (3, True, True)
    """
    n_rows = labels.shape[0]
    wrong = torch.zeros(n_rows, dtype=torch.bool)
    wrong[torch.randperm(n_rows, generator=generator)[: round(share * n_rows)]] = True
    shift = torch.randint(1, n_classes, (n_rows,), generator=generator)
    return torch.where(wrong, (labels + shift) % n_classes, labels), wrong


def with_copies(n_rows: int, share: float, generator: torch.Generator) -> torch.Tensor:
    """Places `[n_rows]` of the rows to train on: a share of them replaced by copies of `COPIED` of all rows."""
    places = torch.arange(n_rows)
    order = torch.randperm(n_rows, generator=generator)
    n_copied = max(1, round(COPIED * n_rows))
    n_replaced = min(round(share * n_rows), n_rows - n_copied)
    copied, replaced = order[:n_copied], order[n_copied : n_copied + n_replaced]
    places[replaced] = copied[torch.randint(n_copied, (n_replaced,), generator=generator)]
    return places


def noisy_inputs(x: torch.Tensor, scale: torch.Tensor | float, share: float, seed: int) -> torch.Tensor:
    """Inputs with normal noise of `share` standard deviations `scale`; gaps stay gaps."""
    if not share:
        return x
    generator = torch.Generator().manual_seed(seed)
    return x + share * scale * torch.randn(x.shape, generator=generator)
