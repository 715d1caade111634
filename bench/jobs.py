"""Does selection pay where people train? `python -m bench.jobs --data FOLDER` writes bench/results/jobs-<date>.json.

A job of the pilot: a small residual network on the pixels of CIFAR-10 (15 000 rows, 450 steps of 64, SGD with momentum,
one cycle), while frozen EfficientNet-Lite0 features choose, and losses and residuals come from training's own passes.
Conditions and methods are those named below; the oracle knows what was spoiled. FOLDER has cifar10_20k_5k.npz and
features_cifar10_20k_5k_efflite0_160.npz. Seconds are of CPU time, of one thread. With `--work` a killed run goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import saln.pilot
from bench.machine import describe
from saln.datasets import load_dataset
from saln.pilot import PilotResult, PilotSampler
from saln.pilot.builtin.corruption import noisy_labels
from saln.pilot.training.clock import cpu_time
from saln.selectors import Offer, Selector

METHODS = ("auto", "oracle", "auto:spectrum=no", "auto:credibility=no", "auto:learnability=no")
STEPS, BATCH_SIZE, EVALUATIONS, SHIFT = 450, 64, 5, 3


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
    dataset = load_dataset(given.data / "cifar10_20k_5k.npz")
    features = load_dataset(given.data / "features_cifar10_20k_5k_efflite0_160.npz").x
    assert dataset.images is not None
    assert dataset.is_test is not None
    pixels = dataset.images.float() / 255.0
    train = ~dataset.is_test
    pixels = (pixels - pixels[train].mean(dim=(0, 2, 3), keepdim=True)) / pixels[train].std(dim=(0, 2, 3), keepdim=True)
    found = json.loads(given.output.read_text())["conditions"] if given.output.exists() else {}
    with cpu_time():
        for name in given.conditions:
            spoiled = CONDITIONS[name](dataset.labels[train])
            metric = spoiled.metric
            job = Training(pixels[train], spoiled, pixels[~train], dataset.labels[~train])
            methods = [Oracle(spoiled) if each == "oracle" else _judged(each, metric) for each in given.methods]
            result = saln.pilot.compare(
                job,
                features=features[train][spoiled.rows],
                labels=spoiled.labels,
                batch_size=BATCH_SIZE,
                methods=methods,
                seeds=given.seeds,
                metric=metric,
                name=f"CIFAR-10, {name}",
                work=None if given.work is None else given.work / name.replace(" ", "_").replace("%", "percent"),
            )
            found[name] = _figures(result, metric, spoiled.wrong)
            sys.stdout.write(f"{name}: {json.dumps(found[name], indent=1)}\n")
            settings = {"steps": STEPS, "batch_size": BATCH_SIZE, "seeds": given.seeds}
            document = {**describe("bench.jobs"), **settings, "conditions": found}
            given.output.write_text(json.dumps(document, indent=1) + "\n")
    sys.stdout.write(f"{given.output}\n")


def _judged(method: str, metric: str) -> str:
    """Methods of ours are told by what the model is judged."""
    return f"{method}:metric={metric}" if method.startswith("auto") and metric != "accuracy" else method


@dataclass(frozen=True)
class Spoiled:
    """What is trained on: rows of the training set, their labels, which of these are wrong, what each is worth."""

    rows: Tensor
    labels: Tensor
    wrong: Tensor
    worth: Tensor
    metric: str = "accuracy"


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
    return Spoiled(rows, left, torch.zeros_like(left, dtype=torch.bool), 1 / left.bincount()[left], "balanced_accuracy")


CONDITIONS: dict[str, Callable[[Tensor], Spoiled]] = {
    "clean": _clean,
    "40 % wrong labels": _noisy,
    "40 % of four classes wrong one way": _one_way,
    "three quarters copies": _copied,
    "five rare classes": _rare,
}


class Oracle(Selector):
    """Draws rows in proportion to what they are worth, which it knows; all rows that are worth the same in turn."""

    name = "oracle"
    description = "what nobody has: knowledge of what was spoiled"
    paper = "this bench"
    reads = ("indices",)

    def __init__(self, spoiled: Spoiled) -> None:
        self.spoiled = spoiled

    def _choose(self, offer: Offer, size: int) -> Tensor:
        worth = self.spoiled.worth[offer["indices"]]
        if set(worth.tolist()) <= {0.0, 1.0}:
            return (1 - worth).argsort(stable=True)[:size]
        return offer.draw(worth.double().log(), size)


class Block(nn.Module):
    """Two convolutions beside a way round them."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_convolution(n_in, n_out, stride), nn.ReLU(), _convolution(n_out, n_out, 1))
        self.round = nn.Identity() if n_in == n_out else nn.Conv2d(n_in, n_out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.round(x))


def _convolution(n_in: int, n_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.BatchNorm2d(n_out))


def _network(n_classes: int, width: int = 16) -> nn.Sequential:
    blocks = [Block(width * 2**i, width * 2 ** (i + 1), 1 if i == 0 else 2) for i in range(3)]
    pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(_convolution(3, width, 2), nn.ReLU(), *blocks, pooled, nn.Linear(8 * width, n_classes))


class Training:
    """The job; what it trains on is spoiled, what it is judged on is not, and has all classes alike."""

    def __init__(self, pixels: Tensor, spoiled: Spoiled, test_pixels: Tensor, test_labels: Tensor) -> None:
        self.pixels, self.labels, self.metric = pixels[spoiled.rows], spoiled.labels, spoiled.metric
        self.test_pixels, self.test_labels = test_pixels, test_labels

    def __call__(self, sampler: PilotSampler, seed: int) -> Iterator[tuple[int, Any]]:
        n_steps = round(STEPS * sampler.stretch)
        due = {round(i * n_steps / EVALUATIONS) for i in range(1, EVALUATIONS + 1)}
        network = _network(int(self.labels.max()) + 1)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=n_steps)
        step = 0
        while step < n_steps:
            for rows in sampler:
                with sampler.recorder(network):
                    logits = network(self._augmented(rows))
                optimizer.zero_grad()
                torch.autograd.backward(F.cross_entropy(logits, self.labels[rows]))
                optimizer.step()
                schedule.step()
                step += 1
                if step in due:
                    yield step, lambda: self._evaluate(network)
                if step == n_steps:
                    break

    def _augmented(self, rows: list[int]) -> Tensor:
        x = self.pixels[rows]
        x = torch.where(torch.rand(len(rows), 1, 1, 1) < 0.5, x.flip(3), x)
        return x.roll(torch.randint(-SHIFT, SHIFT + 1, (2,)).tolist(), (2, 3))

    @torch.no_grad()
    def _evaluate(self, network: nn.Module) -> dict[str, float]:
        network.eval()
        right = torch.cat([network(part).argmax(1) for part in torch.split(self.test_pixels, 1000)]) == self.test_labels
        network.train()
        if self.metric == "accuracy":
            return {self.metric: float(right.float().mean())}
        classes = [float(right[self.test_labels == label].float().mean()) for label in self.test_labels.unique()]
        return {self.metric: sum(classes) / len(classes)}


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
