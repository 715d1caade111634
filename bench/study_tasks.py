"""The problems of the default's study: sets, conditions, and everything all methods of one seed have in common."""

import copy
import dataclasses
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from saln.pilot.problem.models import Classifier, make_classifier, make_optimizer, train_step
from saln.pilot.problem.stream import stratified_split, super_batch_stream

FILES = {
    "cifar10": "features_cifar10_20k_5k_efflite0_160.npz",
    "trec": "text_trec_questions.npz",
    "imdb": "text_imdb_8k_4k.npz",
}
CONDITIONS = [
    *(("cifar10", condition) for condition in ("clean", "noise", "duplicates", "imbalance")),
    *(("trec", condition) for condition in ("clean", "noise", "duplicates", "imbalance")),
    *(("imdb", condition) for condition in ("clean", "noise")),
]
HIDDEN, LEARNING_RATE, SUPER_BATCH, BATCH, STEPS = 128, 1e-3, 320, 64, 300
REFERENCE_SHARE, PROBE_SHARE, MOST_PROBES, PROBE_EVERY = 0.1, 0.2, 256, 25
NOISE, DUPLICATES, COPIED, RARE = 0.3, 0.8, 0.02, 0.1


@dataclasses.dataclass(frozen=True)
class Task:
    """One set, condition and seed; rows `[n, d]` standardised by the training rows."""

    features: Tensor  # as they are in the file
    x: Tensor
    labels: Tensor
    x_test: Tensor
    labels_test: Tensor
    x_probe: Tensor  # held out of the reference rows
    labels_probe: Tensor
    x_reference: Tensor  # the reference network's training rows and the probe's
    labels_reference: Tensor
    reference_losses: Tensor  # [n]
    reference_seconds: float  # CPU seconds to train the reference network and run the training rows through it
    stream: Tensor  # [STEPS, SUPER_BATCH]
    n_classes: int
    seed: int


def make_task(data: Path, name: str, condition: str, seed: int) -> Task:
    """A tenth of the training rows for the reference network, all of them in the condition; clean test rows.

    - "noise": `NOISE` of the labels are another class's, drawn evenly
    - "duplicates": `DUPLICATES` of the rows are replaced by copies of `COPIED` of them
    - "imbalance": a random half of the classes keeps `RARE` of its rows
    """
    with np.load(data / FILES[name], allow_pickle=False) as arrays:
        x, labels, is_test = (torch.from_numpy(arrays[key]) for key in ("features", "labels", "is_test"))
    x, labels = x.float(), labels.long()
    n_classes = int(labels.max()) + 1
    source = torch.Generator().manual_seed(seed)
    rows = (~is_test).nonzero().squeeze(1)
    held_out = stratified_split(labels[rows], REFERENCE_SHARE, source)
    x_test, labels_test = x[is_test], labels[is_test]
    rare = torch.randperm(n_classes, generator=source)[: n_classes // 2]
    (features, labels), (x_reference, labels_reference) = (
        _in_condition(condition, x[part], labels[part], n_classes, rare, source)
        for part in (rows[~held_out], rows[held_out])
    )
    mean, scale = features.mean(dim=0), features.std(dim=0).clamp_min(1e-6)
    x, x_reference, x_test = ((each - mean) / scale for each in (features, x_reference, x_test))
    n_probe = min(round(PROBE_SHARE * len(x_reference)), MOST_PROBES)
    probe = x_reference[:n_probe], labels_reference[:n_probe]
    rest = x_reference[n_probe:], labels_reference[n_probe:]
    losses, seconds = _reference_losses(probe, rest, (x, labels), n_classes, seed)
    return Task(
        features=features,
        x=x,
        labels=labels,
        x_test=x_test,
        labels_test=labels_test,
        x_probe=probe[0],
        labels_probe=probe[1],
        x_reference=x_reference,
        labels_reference=labels_reference,
        reference_losses=losses,
        reference_seconds=seconds,
        stream=super_batch_stream(len(x), STEPS, BATCH, SUPER_BATCH, source),
        n_classes=n_classes,
        seed=seed,
    )


def with_reference_rows(task: Task) -> Task:
    """The same task with the reference rows among the training rows, and epochs of all of them."""
    x, labels = torch.cat([task.x, task.x_reference]), torch.cat([task.labels, task.labels_reference])
    stream = super_batch_stream(len(x), STEPS, BATCH, BATCH, torch.Generator().manual_seed(task.seed))
    return dataclasses.replace(task, x=x, labels=labels, stream=stream)


def _in_condition(
    condition: str, x: Tensor, labels: Tensor, n_classes: int, rare: Tensor, source: torch.Generator
) -> tuple[Tensor, Tensor]:
    n = len(x)
    order = torch.randperm(n, generator=source)
    if condition == "noise":
        wrong = order[: round(NOISE * n)]
        shift = torch.randint(1, n_classes, wrong.shape, generator=source)
        labels = labels.index_copy(0, wrong, (labels[wrong] + shift) % n_classes)
    elif condition == "duplicates":
        copies, originals = order[: round(DUPLICATES * n)], order[n - max(1, round(COPIED * n)) :]
        order[: len(copies)] = originals[torch.randint(len(originals), copies.shape, generator=source)]
    elif condition == "imbalance":
        frequent = ~torch.isin(labels, rare)
        drawn = torch.rand(n, generator=source) < RARE
        order = order[(frequent | drawn)[order]]
    elif condition != "clean":
        raise ValueError(f"condition is {condition!r}, want clean, noise, duplicates or imbalance")
    return x[order], labels[order]


def _reference_losses(
    probe: tuple[Tensor, Tensor], rest: tuple[Tensor, Tensor], train: tuple[Tensor, Tensor], n_classes: int, seed: int
) -> tuple[Tensor, float]:
    """Losses of the training rows `[n]` by the network that was best on the probe rows, and what that took."""
    start = time.process_time()
    x, labels = rest
    network = make_classifier("mlp", x.shape[1], HIDDEN, n_classes, seed + 1_000_003)
    optimizer = make_optimizer(network, LEARNING_RATE)
    batch = min(BATCH, len(x))
    least, best = math.inf, copy.deepcopy(network)
    stream = super_batch_stream(len(x), STEPS, batch, batch, torch.Generator().manual_seed(seed))
    for step, rows in enumerate(stream):
        train_step(network, optimizer, x[rows], labels[rows])
        if (step + 1) % PROBE_EVERY == 0:
            loss = float(_losses(network, *probe).mean())
            if loss < least:
                least, best = loss, copy.deepcopy(network)
    losses = _losses(best, *train)
    return losses, time.process_time() - start


@torch.no_grad()
def _losses(network: Classifier, x: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(network(x), labels, reduction="none")
