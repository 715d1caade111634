"""What the pilot costs a job: `python -m bench.job_cost` writes bench/results/job-cost-<date>.json.

The same training, a small residual network on 64 images of 32 × 32 a step, in a plain loop over a shuffled loader and
as a job of the pilot with uniform batches, one after the other in every round. The ratio is within a round; the median
is shown. The limit is 1.02.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from bench.machine import describe
from saln.pilot import FunctionJob, PilotConfig, PilotSampler
from saln.pilot.builtin.residual import ResidualNetwork
from saln.pilot.training.run import Method, run_method

ROWS, SIZE, CLASSES, WIDTH, ROUNDS = 1280, 64, 10, 512, 7


def main() -> None:
    """Measure and write."""
    torch.set_num_threads(1)
    source = torch.Generator().manual_seed(0)
    images = torch.randn(ROWS, 3, 32, 32, generator=source)
    labels = torch.randint(CLASSES, (ROWS,), generator=source)
    data = TensorDataset(images, labels)

    def train(batches: Any) -> None:
        network = ResidualNetwork(3, 16, 1, CLASSES)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
        for x, y in DataLoader(data, batch_sampler=batches):
            loss = F.cross_entropy(network(x), y)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()

    def job(sampler: PilotSampler, seed: int) -> Iterator[tuple[int, dict[str, float]]]:
        train(sampler)
        yield len(sampler), {"accuracy": 0.0}

    config = PilotConfig(batch_size=SIZE, seeds=1)
    problem = FunctionJob(job, torch.randn(ROWS, WIDTH, generator=source), labels).problem(config, seed=0)
    bare, piloted = [], []
    for _ in range(ROUNDS + 1):  # the first one warms up
        began = time.perf_counter()
        train(BatchSampler(RandomSampler(data), SIZE, drop_last=False))
        bare.append(time.perf_counter() - began)
        began = time.perf_counter()
        run_method(Method("uniform", None), problem, config)
        piloted.append(time.perf_counter() - began)
    ratios = [b / a for a, b in zip(bare[1:], piloted[1:], strict=True)]
    result = {
        **describe("bench.job_cost"),
        "step_ms": round(1e3 * statistics.median(bare[1:]) / (ROWS // SIZE), 2),
        "uniform_over_bare": round(statistics.median(ratios), 4),
        "uniform_over_bare_all": [round(each, 4) for each in sorted(ratios)],
    }
    file = Path(__file__).parent / f"results/job-cost-{date.today()}.json"
    file.write_text(json.dumps(result, indent=1) + "\n")
    shown = {name: result[name] for name in ("step_ms", "uniform_over_bare")}
    sys.stdout.write(f"{json.dumps(shown)}: {file}\n")


if __name__ == "__main__":
    main()
