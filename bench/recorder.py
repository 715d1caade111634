"""What recording adds to a step: `python -m bench.recorder` writes bench/results/recorder-<date>.json.

Batches of 64 out of 50 000 samples go through a linear head of 512 inputs, in turn recorded by
`with sampler.recorder(model)` and not. Medians of what one costs more than the other, in CPU time of the one thread.
The limit is two hundredths of a step of 50 ms.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import torch
from torch import nn

from bench.machine import describe
from saln import SpectralBatchSampler

N_ROWS, BATCH_SIZE, WIDTH, N_BATCHES, WARM_UP = 50_000, 64, 512, 300, 20
CASES = {  # selector, classes, activations
    "losses, 10 classes": ("infobatch", 10, False),
    "losses and residuals, 10 classes": ("gradient_logdet", 10, False),
    "losses and residuals, 1000 classes": ("gradient_logdet", 1000, False),
    "the same and 512 activations": ("gradient_logdet", 1000, True),
    "nothing": ("auto", 10, False),
}
LIMIT = 1.0  # ms


def added(selector: str, n_classes: int, activations: bool) -> float:
    """Milliseconds a batch."""
    labels = torch.arange(N_ROWS) % n_classes
    sampler = SpectralBatchSampler(
        torch.zeros(N_ROWS, 1), BATCH_SIZE, labels=labels, selector=selector, activations=activations
    )
    order = SpectralBatchSampler(torch.zeros(N_ROWS, 1), BATCH_SIZE, selector="uniform")
    model, inputs = nn.Sequential(nn.Identity(), nn.Linear(WIDTH, n_classes)), torch.randn(BATCH_SIZE, WIDTH)

    def recorded(batch: list[int]) -> None:
        with sampler.recorder(model, batch):
            model(inputs)

    def bare(batch: list[int]) -> None:
        model(inputs)

    seconds: dict[Callable[[list[int]], None], list[float]] = {recorded: [], bare: []}
    for batch in itertools.islice(order, N_BATCHES):
        for way, taken in seconds.items():
            begun = time.thread_time()
            way(batch)
            taken.append(time.thread_time() - begun)
    return 1000 * (statistics.median(seconds[recorded][WARM_UP:]) - statistics.median(seconds[bare][WARM_UP:]))


def main() -> None:
    """Measure, write, and fail where it took too long."""
    torch.set_num_threads(1)
    found = {name: round(added(*case), 3) for name, case in CASES.items()}
    file = Path(__file__).parent / f"results/recorder-{date.today()}.json"
    result = {**describe("bench.recorder"), "milliseconds per batch of 64": found, "limit": LIMIT}
    file.write_text(json.dumps(result, indent=1) + "\n")
    sys.stdout.write("".join(f"{name}: {each:.2f} ms\n" for name, each in found.items()) + f"{file}\n")
    if max(found.values()) > LIMIT:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
