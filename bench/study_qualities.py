"""What a row is worth by rules that are not the package's: given to a method as the quality in the super-batch."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.study_tasks import Task
from saln.pilot.problem.models import Classifier
from saln.selectors.support.quality import label_agreement, row_quality
from saln.superbatch import SuperBatch

Rule = Callable[[Classifier, Task, SuperBatch, Tensor], Tensor]


def agreement_of_inputs(network: Classifier, task: Task, super_batch: SuperBatch, rows: Tensor) -> Tensor:
    """Label agreement `[M]` among the network's inputs instead of its activations."""
    return label_agreement(task.x[rows], task.labels[rows], torch.arange(len(rows))).float()


def learnability_and_agreement(network: Classifier, task: Task, super_batch: SuperBatch, rows: Tensor) -> Tensor:
    """As `learnability_and_full_agreement`, but learnability is not compared within the class, `[M]`."""
    learnability = super_batch.require("losses", by="learnability_and_agreement") - task.reference_losses[rows]
    agreement = label_agreement(super_batch.features, task.labels[rows], torch.arange(len(rows)))
    return learnability.sigmoid() * agreement.float()


def learnability_and_some_agreement(network: Classifier, task: Task, super_batch: SuperBatch, rows: Tensor) -> Tensor:
    """As `learnability_and_full_agreement`, but to the power of what neighbours know of labels, `[M]`.

    The power is mean agreement less that of chance, over what it can be: 1 where neighbours agree, 0 where they differ
    as if labels were drawn.
    """
    labels, every = task.labels[rows], torch.arange(len(rows))
    agreement = label_agreement(super_batch.features, labels, every)
    chance = 1 / max(2, torch.unique(labels).numel())
    trust = ((agreement.mean() - chance) / (1 - chance)).clamp_min(0)
    in_class = row_quality("class_learnability", super_batch, every, by="learnability_and_some_agreement")
    return (in_class * agreement**trust).float()


def learnability_and_full_agreement(network: Classifier, task: Task, super_batch: SuperBatch, rows: Tensor) -> Tensor:
    """As "class_learnability_agreement", but agreement counts in full from the first step on, `[M]`."""
    every = torch.arange(len(rows))
    agreement = label_agreement(super_batch.features, task.labels[rows], every)
    in_class = row_quality("class_learnability", super_batch, every, by="learnability_and_full_agreement")
    return (in_class * agreement).float()


def learnability_and_half_agreement(network: Classifier, task: Task, super_batch: SuperBatch, rows: Tensor) -> Tensor:
    """As `learnability_and_full_agreement`, but agreement takes at most half of a row's worth, `[M]`."""
    every = torch.arange(len(rows))
    agreement = label_agreement(super_batch.features, task.labels[rows], every)
    in_class = row_quality("class_learnability", super_batch, every, by="learnability_and_half_agreement")
    return (in_class * (1 + agreement) / 2).float()


def probe_alignment(network: Classifier, task: Task, super_batch: SuperBatch, rows: Tensor) -> Tensor:
    """Sigmoid of how much a step on the row lowers the probe's loss, to first order, over its root mean square, `[M]`.

    The product of the last-layer gradients of row and probe (as GREATS has it, Wang et al. 2024), without the biases'.
    """
    activations = network.penultimate(task.x_probe)  # [P, d]
    wrong = network.head(activations).softmax(dim=1) - F.one_hot(task.labels_probe, task.n_classes)  # [P, c]
    towards = super_batch.features @ (activations.T @ wrong)  # [M, c]
    fall = (super_batch.require("residuals", by="probe_alignment") * towards).sum(dim=1)
    return (fall / fall.square().mean().sqrt().clamp_min(1e-30)).sigmoid()
