"""What one look at a dataset says of each sample: the credibility of its label, its copies, its class, directions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from saln.inspection.copies import find_copies
from saln.inspection.labels import LEAST_SKILL, PER_CLASS, judge_labels
from saln.selectors.support.directions import leading_directions
from saln.superbatch import SuperBatch

LEAST_CREDIBLE = 1e-3
"""Of every sample: the least believed come last, and not never."""
LEAST_NOISE = 0.03
"""Estimated share of wrong labels below which nothing is chosen by labels alone."""
MUCH_NOISE = 0.2
"""Share of wrong labels from which on a repeat counts in full."""
LEAST_SURPLUS = 0.05
"""Share of rows that must be copies of others for anything to be chosen by copies alone."""


@dataclass(frozen=True)
class Known:
    """What a look found.

    Attributes
    ----------
    quality : Tensor [N]
        float32, what each sample is worth by itself, at most 1: by how much more probable it is that its label is right
        than that it is wrong, over the root of its number of near copies, over its class's frequency to the power of
        `balance`.
    losses : Tensor [N] or None
        float32, minus the logarithm of the probability of the label out of fold; None without labels, and where
        features say next to nothing of them: nobody can then tell what is hard from what is wrong.
    right : Tensor [N] or None
        bool, where the label is the likeliest; None where losses are.
    groups : Tensor [N]
        int64, samples that are near copies of each other have one number, from 0 on.
    turn : Tensor [N]
        float32, what a repeat of the sample counts for: 0 where labels are right, since what stays hard is then worth a
        repeat, up to 1 where a fifth of them is wrong, and what stays hard often is; times the size of its class over
        the mean one where classes count alike, so that a class of few is repeated as often as it takes.
    directions : Tensor [N, w]
        As in `leading_directions`.
    noise : float
        Estimated share of wrong labels; 0 where losses are None.
    surplus : float
        Share of rows that are near copies of others.
    skill : float or None
        What features say of labels, as in `LabelJudgement`; None without labels, and of too few to judge.
    tells : bool
        Whether there is anything to choose by but gradients.
    """

    quality: Tensor
    losses: Tensor | None
    right: Tensor | None
    groups: Tensor
    turn: Tensor
    directions: Tensor
    noise: float
    surplus: float
    skill: float | None
    tells: bool

    @property
    def skilled(self) -> bool:
        """Whether features say enough of labels to choose by either, as far as anybody knows."""
        return self.skill is None or self.skill >= LEAST_SKILL

    def take(self, rows: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
        """Quality, losses and directions of rows."""
        losses = None if self.losses is None else self.losses[rows]
        return self.quality[rows], losses, self.directions.index_select(0, rows)


def look_at(
    samples: SuperBatch, *, credibility: bool = True, copies: bool = True, balance: float = 0.0, seed: int = 0
) -> Known:
    """Look at samples, with labels or without.

    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors.support.known import look_at
    >>> look_at(SuperBatch(torch.tensor([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]]))).quality
    tensor([0.7071, 1.0000, 0.7071])
    """
    features, labels = samples.features, samples.labels
    quality = torch.ones(len(samples), device=features.device)
    turn = torch.zeros_like(quality)
    losses = right = None
    noise = surplus = 0.0
    among, skill, balanced = None, None, False
    groups = torch.arange(len(samples), device=features.device)
    if copies and len(samples):
        found = find_copies(features, seed=seed)
        groups = found.groups
        surplus = 1 - float((1 / found.counts.double()).mean())
        quality = quality / found.counts.sqrt()
        if surplus >= LEAST_SURPLUS:  # copies would judge each other
            n_groups = int(groups.amax()) + 1
            first = torch.full((n_groups,), len(samples), device=features.device)
            among = first.scatter_reduce(0, groups, torch.arange(len(samples), device=features.device), "amin")
    if labels is not None and len(samples) and bool((labels != labels[0]).any()):
        judged = judge_labels(features, labels, among=among, seed=seed)
        worth = torch.ones_like(quality)
        _, classes = torch.unique(labels, return_inverse=True)
        sizes = torch.bincount(classes if among is None else classes[among])
        skill = judged.skill if int((sizes >= PER_CLASS).sum()) > 1 else None
        if skill is None or skill >= LEAST_SKILL:
            noise, losses = judged.noise, judged.losses.nan_to_num(0.0)
            right = judged.suggested == labels
            # A wrong label unteaches as much.
            worth = (2 * judged.quality.nan_to_num(1.0) - 1).clamp_min(LEAST_CREDIBLE)
        if credibility:
            quality = quality * worth
        turn, balanced = torch.ones_like(quality), balance > 0
        if balanced:
            members = worth.new_zeros(int(classes.amax()) + 1).index_add_(0, classes, worth)
            quality = quality / members[classes].pow(balance)
            turn = (members / members.mean()).pow(2 * balance)[classes]
        turn = turn * min(1.0, noise / MUCH_NOISE)
    tells = (credibility and noise >= LEAST_NOISE) or surplus >= LEAST_SURPLUS or balanced
    directions = leading_directions(features, seed=seed)
    if len(samples):
        quality = quality / quality.amax()
    return Known(quality, losses, right, groups, turn, directions, noise, surplus, skill, tells)
