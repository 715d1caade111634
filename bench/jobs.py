"""Does selection pay where people train? `python -m bench.jobs --data FOLDER` writes bench/results/jobs-<date>.json.

A job of the pilot: a small residual network on the pixels of CIFAR-10 (20 000 rows, 450 steps of 64, SGD with momentum,
one cycle), while frozen EfficientNet-Lite0 features choose, and losses and residuals come from training's own passes.
Clean, and with 40 % of the labels wrong. FOLDER has cifar10_20k_5k.npz and features_cifar10_20k_5k_efflite0_160.npz.
Seconds are of CPU time, of one thread.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
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

METHODS = ("auto", "gradient_logdet_learnable")
CONDITIONS = {"40 % wrong labels": 0.4, "clean": 0.0}
STEPS, BATCH_SIZE, EVALUATIONS, SHIFT = 450, 64, 5, 3


def main() -> None:
    """Run what is asked for, and write."""
    parser = argparse.ArgumentParser(prog="python -m bench.jobs", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", type=Path, help="folder of finished runs; a killed run goes on there")
    given = parser.parse_args()
    torch.set_num_threads(1)
    dataset = load_dataset(given.data / "cifar10_20k_5k.npz")
    features = load_dataset(given.data / "features_cifar10_20k_5k_efflite0_160.npz").x
    assert dataset.images is not None
    assert dataset.is_test is not None
    pixels = dataset.images.float() / 255.0
    train = ~dataset.is_test
    pixels = (pixels - pixels[train].mean(dim=(0, 2, 3), keepdim=True)) / pixels[train].std(dim=(0, 2, 3), keepdim=True)
    found = {}
    with cpu_time():
        for name, share in CONDITIONS.items():
            job = Training(pixels[train], dataset.labels[train], pixels[~train], dataset.labels[~train], share)
            result = saln.pilot.compare(
                job,
                features=features[train],
                labels=job.labels,
                batch_size=BATCH_SIZE,
                methods=METHODS,
                seeds=given.seeds,
                name=f"CIFAR-10, {name}",
                work=given.work,
            )
            found[name] = _figures(result, job.wrong)
            sys.stdout.write(f"{name}: {json.dumps(found[name], indent=1)}\n")
    file = Path(__file__).parent / f"results/jobs-{date.today()}.json"
    settings = {"steps": STEPS, "batch_size": BATCH_SIZE, "seeds": given.seeds}
    file.write_text(json.dumps({**describe("bench.jobs"), **settings, "conditions": found}, indent=1) + "\n")
    sys.stdout.write(f"{file}\n")


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
    """The job; some of the labels that it trains on are wrong."""

    def __init__(self, pixels: Tensor, labels: Tensor, test_pixels: Tensor, test_labels: Tensor, share: float) -> None:
        source = torch.Generator().manual_seed(0)
        self.pixels, self.test_pixels, self.test_labels = pixels, test_pixels, test_labels
        self.labels, self.wrong = noisy_labels(labels, share, int(labels.max()) + 1, source)

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
        right = torch.cat([network(part).argmax(1) for part in self.test_pixels.split(1000)]) == self.test_labels
        network.train()
        return {"accuracy": float(right.float().mean())}


def _figures(result: PilotResult, wrong: Tensor) -> dict[str, Any]:
    """By method: accuracy, its difference to uniform's, times as fast, wrong labels chosen, milliseconds a step."""
    found = {}
    for kpis in result.kpis:
        difference, speed = kpis.against("final_accuracy"), kpis.against("speed_up")
        chosen = torch.cat([run.chosen[run.chosen >= 0] for run in result.runs_of(kpis.method)])
        found[kpis.method] = {
            "accuracy": _rounded(kpis.known("final_accuracy")),
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
