"""Which criterion predicts a batch's usefulness? `python -m bench.usefulness --data FOLDER --results FILE.csv`.

A batch is as useful as the held-out loss falls by one SGD step on it. At three stages of training, on every set and
condition, candidate batches of a super-batch are scored by every criterion of `saln_kernels` and by figures that cost
almost nothing, and Spearman's rank correlation of each with the fall is a number of the results file: a line for every
state of a model and kind of proposal. Lines that stand there are not worked out again.

Proposals are "uniform", or "varied": each with odds of its own for classes, for losses and for a direction of the
features, so that batches differ more than chance would have it. Held-out rows are test rows, and clean.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from bench.study.one_step import loss_drops, signals
from bench.study.predictors import PREDICTORS, Pool, predict
from bench.study.problems import Problem, config, load, problems
from saln.datasets import Dataset
from saln.pilot.problem.models import Classifier, make_classifier, make_optimizer, train_step
from saln.pilot.problem.task import Task, make_task
from saln.selectors.support.candidates import uniform_candidates

STAGES = {"early": 10, "middle": 50, "late": 200}  # steps of uniform training
PROPOSALS = ("uniform", "varied")
CANDIDATES, HELD_OUT, PROBE = 128, 1000, 256
LEARNING_RATE = 0.01
"""Of the one step: small enough for the ranks of the falls to be those of any smaller step."""
HEAD = ("set", "condition", "seed", "stage", "proposals")


class Key(NamedTuple):
    """Which line."""

    set: str
    condition: str
    seed: int
    stage: str
    proposals: str


def read(file: Path) -> dict[Key, dict[str, float]]:
    """Finished lines; NaN where a predictor was the same for all batches. None where there is no file."""
    if not file.exists():
        return {}
    with file.open(newline="", encoding="utf-8") as lines:
        return {
            Key(line["set"], line["condition"], int(line["seed"]), line["stage"], line["proposals"]): {
                name: float(line[name] or "nan") for name in PREDICTORS
            }
            for line in csv.DictReader(lines)
        }


def correlations(
    dataset: Dataset, problem: Problem, seed: int, stages: dict[str, int] = STAGES
) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Stage, kind of proposals, and every predictor's rank correlation with the fall of the held-out loss."""
    settings = dataclasses.replace(config(problem), steps=max(stages.values()))
    task = make_task(dataset, settings, seed)
    network = make_classifier("mlp", task.x_train.shape[1], settings.hidden, task.n_classes, seed)
    optimizer = make_optimizer(network, settings.learning_rate)
    source = torch.Generator().manual_seed(seed)
    n_test = len(task.labels_test)
    held_out, probe = torch.randperm(n_test, generator=source).split([n_test - n_test // 4, n_test // 4])
    held_out, probe = held_out[:HELD_OUT], probe[:PROBE]
    step = 0
    for stage, until in stages.items():
        for rows in (task.order.batch(*task.order.place(each)) for each in range(step, until)):
            train_step(network, optimizer, task.x_train[rows], task.labels_train[rows])
        step = until
        rows = torch.randperm(len(task.x_train), generator=source)[: settings.super_batch_size]
        pool = _pool(network, task, rows, probe)
        for kind in PROPOSALS:
            batches = propose(kind, pool, settings.batch_size, source)
            drops = loss_drops(
                network,
                pool.learner,
                task.x_test[held_out],
                task.labels_test[held_out],
                batches,
                LEARNING_RATE,
            )
            yield stage, kind, {name: spearman(values, drops) for name, values in predict(pool, batches).items()}


def propose(kind: str, pool: Pool, size: int, generator: torch.Generator) -> Tensor:
    """Batches `[CANDIDATES, size]` of rows of the pool, none twice in a batch."""
    m = len(pool.labels)
    if kind == "uniform":
        return uniform_candidates(m, CANDIDATES, size, generator=generator)
    traits = torch.stack([_standard(pool.learner.losses), _standard(_direction(pool.features, generator))])  # [2, m]
    classes = torch.randn(CANDIDATES, int(pool.labels.max()) + 1, generator=generator)
    odds = torch.randn(CANDIDATES, 2, generator=generator) @ traits + classes[:, pool.labels]  # logarithms, [C, m]
    # The largest of odds and Gumbel noise are a draw without replacement in proportion to the odds.
    noise = -torch.empty(CANDIDATES, m).exponential_(generator=generator).log()
    return (odds + noise).topk(size, dim=1).indices


def spearman(first: Tensor, second: Tensor) -> float:
    """Rank correlation of two `[C]`; NaN where either is constant or not finite.

    >>> spearman(torch.tensor([1.0, 2.0, 9.0]), torch.tensor([0.1, 0.3, 0.2]))
    0.5
    """
    ranks = [rankdata(each.numpy()) for each in (first, second)]
    if any(not each.isfinite().all() or np.ptp(rank) == 0 for each, rank in zip((first, second), ranks, strict=True)):
        return float("nan")
    return float(np.corrcoef(ranks)[0, 1])


def _pool(network: Classifier, task: Task, rows: Tensor, probe: Tensor) -> Pool:
    return Pool(
        features=task.features[rows],
        labels=task.labels_train[rows],
        learner=signals(network, task.x_train[rows], task.labels_train[rows]),
        reference_losses=task.reference.losses[rows],
        probe=signals(network, task.x_test[probe], task.labels_test[probe]),
    )


def _direction(features: Tensor, generator: torch.Generator) -> Tensor:
    return (features - features.mean(dim=0)) @ torch.randn(features.shape[1], generator=generator)


def _standard(values: Tensor) -> Tensor:
    return (values - values.mean()) / values.std().clamp_min(1e-12)


def work(data: Path, file: Path, seeds: int, wanted: list[Problem]) -> None:
    """Work out what is missing, a line each."""
    done = read(file)
    fresh = not file.exists()
    with file.open("a", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        if fresh:
            writer.writerow((*HEAD, *PREDICTORS))
        for name in dict.fromkeys(each.set for each in wanted):
            dataset = load(data, name)
            for problem in (each for each in wanted if each.set == name):
                for seed in range(seeds):
                    if all(Key(*problem, seed, stage, kind) in done for stage in STAGES for kind in PROPOSALS):
                        continue
                    for stage, kind, found in correlations(dataset, problem, seed):
                        if Key(*problem, seed, stage, kind) not in done:
                            writer.writerow(
                                [*problem, seed, stage, kind, *(_short(found[each]) for each in PREDICTORS)]
                            )
                    lines.flush()


def _short(value: float) -> str:
    return "" if value != value else f"{value:.4f}"


def main(arguments: list[str] | None = None) -> None:
    """Work out what is missing from the results file."""
    parser = argparse.ArgumentParser(prog="python -m bench.usefulness", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets")
    parser.add_argument("--results", type=Path, required=True, help="CSV file, read and added to")
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args(arguments)
    wanted = problems(given.data)
    if not wanted:
        parser.error(f"data is {given.data}, want the folder of the sets")
    torch.set_num_threads(1)
    work(given.data, given.results, given.seeds, wanted)


if __name__ == "__main__":
    main()
