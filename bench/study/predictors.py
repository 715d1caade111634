"""What may predict how useful a batch is: spectral criteria of every similarity, and figures that cost little."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

import saln_kernels
from bench.study.one_step import Signals, alignments
from saln import SuperBatch
from saln.selectors.support.quality import label_agreement, row_quality

CRITERIA = (
    "effective_rank",
    "energy",
    "vendi",
    "participation_ratio",
    "eigenvalue_variance",
    "stable_rank",
    "spectral_gap",
    "nuclear_norm",
    "logdet",
    "algebraic_connectivity",
)
SIMILARITIES = ("linear", "cosine", "rbf", "gradient")
CHEAP = ("loss", "learnability", "gradient_norm", "classes", "label_agreement", "alignment")
SPECTRAL = tuple(
    f"{criterion} {similarity}{weighted}"
    for similarity in SIMILARITIES
    for weighted in ("", " quality")
    for criterion in CRITERIA
)
PREDICTORS = (*SPECTRAL, *CHEAP)
RIDGE = 0.1
"""σ² of logdet over the mean of the pool's diagonal, as the selector `gradient_logdet` has it."""


@dataclasses.dataclass(frozen=True)
class Pool:
    """A super-batch of m rows and what is known of them.

    Attributes
    ----------
    features : Tensor
        `[m, f]`, as selectors see them.
    labels : Tensor
        `[m]`, as given.
    learner : Signals
    reference_losses : Tensor
        `[m]`.
    probe : Signals
        Of rows that are neither trained on nor used to measure the drop.
    """

    features: Tensor
    labels: Tensor
    learner: Signals
    reference_losses: Tensor
    probe: Signals


@torch.no_grad()
def predict(pool: Pool, batches: Tensor) -> dict[str, Tensor]:
    """A figure for every batch `[C, b]` of rows of the pool, `[C]`, by each of `PREDICTORS`."""
    return {**_spectral(pool, batches), **_cheap(pool, batches)}


def _spectral(pool: Pool, batches: Tensor) -> dict[str, Tensor]:
    known = SuperBatch(pool.features, losses=pool.learner.losses, reference_losses=pool.reference_losses)
    quality = row_quality("learnability", known)
    found = {}
    for similarity in SIMILARITIES:
        gram = _gram(pool, similarity)  # [m, m]
        for weights, suffix in ((None, ""), (quality, " quality")):
            weighted = gram.diagonal() if weights is None else gram.diagonal() * weights.float() ** 2
            sigma = float((RIDGE * weighted.mean()).sqrt())
            for criterion in CRITERIA:
                options = {"sigma": sigma} if criterion == "logdet" else {}
                found[f"{criterion} {similarity}{suffix}"] = saln_kernels.score_batches(
                    gram, batches, criterion, similarity="precomputed", quality=weights, **options
                )
    return found


def _gram(pool: Pool, similarity: str) -> Tensor:
    """The pool's similarities; a candidate's are a part of them."""
    everything = torch.arange(len(pool.labels)).unsqueeze(0)
    if similarity == "gradient":
        return saln_kernels.gram(
            pool.learner.activations, everything, similarity=similarity, residuals=pool.learner.residuals
        )[0]
    gamma = 1 / float(torch.pdist(pool.features).square().median()) if similarity == "rbf" else None
    return saln_kernels.gram(pool.features, everything, similarity=similarity, gamma=gamma)[0]


def _cheap(pool: Pool, batches: Tensor) -> dict[str, Tensor]:
    learner = pool.learner
    of_rows = {
        "loss": learner.losses,
        "learnability": learner.losses - pool.reference_losses,
        "gradient_norm": learner.residuals.norm(dim=1) * learner.activations.norm(dim=1),
        "label_agreement": label_agreement(pool.features, pool.labels),
        "alignment": alignments(learner, pool.probe),
    }
    found = {name: values[batches].double().mean(dim=1) for name, values in of_rows.items()}
    classes = pool.labels[batches].sort(dim=1).values
    found["classes"] = 1.0 + (classes.diff(dim=1) > 0).sum(dim=1)
    return found
