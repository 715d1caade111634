"""How much each row of a super-batch is worth by itself: the quality in quality × diversity.

Quality multiplies the rows of a Gram matrix, K_ij becomes q_i K_ij q_j (Kulesza & Taskar 2012, section 3.1), so that a
row's gain in a log-det grows with q². All functions give `[m]` values from 0 to 1, float64, for the given rows.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

import saln_kernels
from saln.superbatch import SuperBatch

READS: dict[str, tuple[str, ...]] = {
    "none": (),
    "learnability": ("losses", "reference_losses"),
    "gate": ("losses", "reference_losses"),
    "class_learnability": ("losses", "reference_losses", "labels"),
    "label_agreement": ("labels",),
    "class_learnability_agreement": ("losses", "reference_losses", "labels"),
    "given": ("quality",),
}
"""What each rule reads of the super-batch beside the features."""
QUALITIES = tuple(READS)


def row_quality(
    rule: str, samples: SuperBatch, *, temperature: float = 1.0, threshold: float = 0.0, width: float = 0.05
) -> Tensor | None:
    """Quality `[m]` of samples by a rule of `QUALITIES`; None, all alike, for "none".

    Parameters
    ----------
    rule : str
    samples : SuperBatch
    temperature : float
        Of "learnability", "class_learnability" and "class_learnability_agreement".
    threshold : float
        Of "gate".
    width : float
        Of "label_agreement" and "class_learnability_agreement".
    """
    if rule == "none":
        return None
    if rule == "given":
        return samples.require("quality", by="quality").double()
    if rule == "label_agreement":
        return label_agreement(samples.features, samples.require("labels", by=rule), width=width)
    learner, reference = (samples.require(name, by=rule).double() for name in ("losses", "reference_losses"))
    learnability = learner - reference
    if rule == "gate":
        return (learnability > threshold).double()
    if rule == "learnability":
        return (learnability / temperature).sigmoid()
    labels = samples.require("labels", by=rule)
    in_class: Tensor = (less_class_mean(learnability, labels) / temperature).sigmoid()
    if rule == "class_learnability":
        return in_class
    agreement = label_agreement(samples.features, labels, width=width)
    guessing = math.log(torch.unique(labels).numel())
    return in_class * agreement ** share_learned(learner.mean(), reference.mean(), guessing)


def share_learned(loss: Tensor, reference_loss: Tensor, guessing: float) -> Tensor:
    """How far a learner has come from guessing to a reference model, by their mean losses, 0 to 1, float64 `[]`.

    >>> import torch
    >>> from saln.selectors.support.quality import share_learned
    >>> share_learned(torch.tensor(1.5), torch.tensor(1.0), guessing=2.0).item()
    0.5
    """
    return ((guessing - loss.double()) / (guessing - reference_loss.double()).clamp_min(1e-6)).clamp(0, 1)


def less_class_mean(values: Tensor, labels: Tensor) -> Tensor:
    """Values `[m]` less the mean of those with the same label, `[m]`.

    >>> import torch
    >>> from saln.selectors.support.quality import less_class_mean
    >>> less_class_mean(torch.tensor([1.0, 3.0, 9.0]), torch.tensor([0, 0, 7]))
    tensor([-1.,  1.,  0.])
    """
    _, groups, counts = torch.unique(labels, return_inverse=True, return_counts=True)
    means = values.new_zeros(counts.numel()).index_add_(0, groups, values) / counts
    centred: Tensor = values - means[groups]
    return centred


def label_agreement(features: Tensor, labels: Tensor, *, width: float = 0.05) -> Tensor:
    """The share of a row's neighbourhood, each class divided by its prior, that carries the row's own label.

    This project's own. With W_ij = exp((cos_ij - 1) / width) for i ≠ j and the prior p_c the share of class c among
    these rows, q_i = (Σ_{j: y_j = y_i} W_ij / p_{y_i}) / Σ_c (Σ_{j: y_j = c} W_ij / p_c). It needs no reference model:
    a wrong label disagrees with its neighbours, a rare one does not. The width 0.05 is a guess.

    O(m² (d + classes)) time, O(m²) memory.

    Parameters
    ----------
    features : Tensor [m, d]
    labels : Tensor [m]
    width : float

    Returns
    -------
    Tensor [m]
        float64. A class of one row has no neighbours of its label and quality 0; a single row has quality 1.

    Examples
    --------
    >>> import torch
    >>> from saln.selectors.support.quality import label_agreement
    >>> features = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0], [1.0, 0.05]])
    >>> labels = torch.tensor([0, 0, 1, 1, 1])  # the last one is wrong
    >>> label_agreement(features, labels).round(decimals=2)
    tensor([0.5800, 0.5800, 1.0000, 1.0000, 0.0000], dtype=torch.float64)
    """
    m = labels.numel()
    if m == 1:
        return torch.ones(1, dtype=torch.float64, device=labels.device)
    everything = torch.arange(m, device=labels.device).unsqueeze(0)
    cosine = saln_kernels.gram(features, everything, similarity="cosine", check_bounds=False)[0].double()
    weights = ((cosine - 1) / width).exp_().fill_diagonal_(0)  # [m, m]
    same = labels.unsqueeze(0) == labels.unsqueeze(1)  # [m, m]
    prior = same.double().mean(dim=1)  # [m], of each row's class
    # Dividing row j by the prior of its class is dividing each class's sum by it.
    weights /= prior
    total = weights.sum(dim=1)
    own = (weights * same).sum(dim=1)
    return own / torch.where(total > 0, total, 1)
