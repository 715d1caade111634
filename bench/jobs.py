"""Does selection pay where people train? `python -m bench.jobs --data FOLDER` writes bench/results/jobs-<date>.json.

A job of the pilot: a small residual network on the pixels of CIFAR-10 (20 000 rows, 450 steps of 64, SGD with momentum,
one cycle), while frozen EfficientNet-Lite0 features choose, and losses and residuals come from training's own passes.
Conditions and methods are those named below; the oracle knows what was spoiled. FOLDER has cifar10_20k_5k.npz and
features_cifar10_20k_5k_efflite0_160.npz. Seconds are of CPU time, of one thread. With `--work` a killed run goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import saln.pilot
from bench.machine import describe
from bench.study.conditions import Spoiled
from bench.study.runs import ORACLE, Oracle
from bench.study.task import Training
from bench.study.tasks import cifar10
from saln.pilot import PilotResult
from saln.pilot.builtin.corruption import noisy_labels
from saln.pilot.training.clock import cpu_time

METHODS = ("auto", ORACLE, "auto:spectrum=no", "auto:credibility=no", "auto:learnability=no")
EVALUATIONS = 5


def main() -> None:
    """Run what is asked for, and write."""
    parser = argparse.ArgumentParser(prog="python -m bench.jobs", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--conditions", nargs="+", choices=CONDITIONS, default=list(CONDITIONS))
    parser.add_argument("--work", type=Path, help="folder of finished runs; a killed run goes on there")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / f"results/jobs-{date.today()}.json")
    given = parser.parse_args()
    torch.set_num_threads(1)
    task = cifar10(given.data)
    found = json.loads(given.output.read_text())["conditions"] if given.output.exists() else {}
    with cpu_time():
        for name in given.conditions:
            spoiled = CONDITIONS[name](task.labels)
            metric = "balanced_accuracy" if spoiled.balanced else task.metric
            job = Training(task, spoiled, EVALUATIONS)
            methods = [Oracle(spoiled.worth) if each == ORACLE else _judged(each, metric) for each in given.methods]
            result = saln.pilot.compare(
                job,
                features=task.features[spoiled.rows],
                labels=spoiled.labels,
                batch_size=task.batch_size,
                methods=methods,
                seeds=given.seeds,
                metric=metric,
                name=f"CIFAR-10, {name}",
                work=None if given.work is None else given.work / name.replace(" ", "_").replace("%", "percent"),
            )
            found[name] = _figures(result, metric, spoiled.wrong)
            sys.stdout.write(f"{name}: {json.dumps(found[name], indent=1)}\n")
            settings = {"steps": task.steps, "batch_size": task.batch_size, "seeds": given.seeds}
            document = {**describe("bench.jobs"), **settings, "conditions": found}
            given.output.write_text(json.dumps(document, indent=1) + "\n")
    sys.stdout.write(f"{given.output}\n")


def _judged(method: str, metric: str) -> str:
    """Methods of ours are told by what the model is judged."""
    return f"{method}:metric={metric}" if method.startswith("auto") and metric != "accuracy" else method


def _clean(labels: Tensor) -> Spoiled:
    rows = torch.arange(len(labels))
    return Spoiled(rows, labels, torch.zeros_like(labels, dtype=torch.bool), torch.ones(len(labels)))


def _noisy(labels: Tensor) -> Spoiled:
    """Two of five are any other class."""
    noisy, wrong = noisy_labels(labels, 0.4, int(labels.max()) + 1, torch.Generator().manual_seed(0))
    return Spoiled(torch.arange(len(labels)), noisy, wrong, (~wrong).float())


def _one_way(labels: Tensor) -> Spoiled:
    """Of birds, cats, deer and trucks two of five are called aeroplanes, dogs, horses and cars."""
    others = torch.tensor([0, 1, 0, 5, 7, 5, 6, 7, 8, 1])[labels]
    wrong = (torch.rand(len(labels), generator=torch.Generator().manual_seed(0)) < 0.4) & (others != labels)
    return Spoiled(torch.arange(len(labels)), torch.where(wrong, others, labels), wrong, (~wrong).float())


def _copied(labels: Tensor) -> Spoiled:
    """Three quarters of the rows are copies of 400 others."""
    source = torch.Generator().manual_seed(0)
    rows = torch.randperm(len(labels), generator=source)
    n_copies = 3 * len(rows) // 4
    rows[:n_copies] = rows[-400:][torch.randint(400, (n_copies,), generator=source)]
    worth = 1 / torch.bincount(rows, minlength=len(rows))[rows]
    return Spoiled(rows, labels[rows], torch.zeros(len(rows), dtype=torch.bool), worth)


def _rare(labels: Tensor) -> Spoiled:
    """Of half the classes a tenth is left; judged by all classes alike."""
    kept = (labels < 5) | (torch.rand(len(labels), generator=torch.Generator().manual_seed(0)) < 0.1)
    rows = kept.nonzero().squeeze(1)
    left = labels[rows]
    return Spoiled(rows, left, torch.zeros_like(left, dtype=torch.bool), 1 / left.bincount()[left], balanced=True)


CONDITIONS: dict[str, Callable[[Tensor], Spoiled]] = {
    "clean": _clean,
    "40 % wrong labels": _noisy,
    "40 % of four classes wrong one way": _one_way,
    "three quarters copies": _copied,
    "five rare classes": _rare,
}


def _figures(result: PilotResult, metric: str, wrong: Tensor) -> dict[str, Any]:
    """By method: accuracy, its difference to uniform's, times as fast, wrong labels chosen, milliseconds a step."""
    found = {}
    for kpis in result.kpis:
        difference, speed = kpis.against(f"final_{metric}"), kpis.against("speed_up")
        chosen = torch.cat([run.chosen[run.chosen >= 0] for run in result.runs_of(kpis.method)])
        found[kpis.method] = {
            metric: _rounded(kpis.known(f"final_{metric}")),
            "points": None if difference is None else [_rounded(100 * each) for each in _ends(difference)],
            "times_as_fast": None if speed is None else [_rounded(each) for each in _ends(speed)],
            "seeds_that_never_got_there": 0 if speed is None else speed.missed,
            "wrong_labels_chosen": _rounded(float(wrong[chosen].float().mean())),
            "step_ms": _rounded(1e3 * kpis.known("step_seconds")),
            "share_selecting": _rounded(kpis.known("overhead")),
            "seconds_beforehand": _rounded(kpis.known("setup_seconds")),
        }
    return found


def _ends(found: Any) -> tuple[float, float, float]:
    return found.mean, found.low if found.low is not None else np.nan, found.high if found.high is not None else np.nan


def _rounded(value: float) -> float:
    return round(value, 3)


if __name__ == "__main__":
    main()
