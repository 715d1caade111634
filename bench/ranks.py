"""What choosing costs each of 1, 2 and 4 ranks: python -m bench.ranks

CPU seconds of the process, so that ranks may outnumber cores. What ranks serve together is first compared with what one
serves alone.
"""

from __future__ import annotations

import json
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from bench.machine import describe
from saln import SpectralBatchSampler, SuperBatch, make_selector

N_BATCHES, BATCH_SIZE, N_FEATURES, N_CANDIDATES = 24, 64, 256, 1024
RANKS = (1, 2, 4)
METHODS: dict[str, dict[str, Any]] = {
    "spectral_candidates": {"n_candidates": N_CANDIDATES},
    "consecutive_candidates": {"n_candidates": N_CANDIDATES},
    "guard:spectral_candidates": {"max_reuse": 1},
    "guard:gradient_logdet": {"max_reuse": 1},
}


def make_sampler(method: str) -> SpectralBatchSampler:
    """Super-batches of 320."""
    source = torch.Generator().manual_seed(0)
    n_rows = 5 * BATCH_SIZE * N_BATCHES
    samples = SuperBatch(
        torch.randn(n_rows, N_FEATURES, generator=source),
        labels=torch.randint(10, (n_rows,), generator=source),
        residuals=torch.randn(n_rows, 10, generator=source),
    )
    return SpectralBatchSampler(samples, BATCH_SIZE, selector=make_selector(method, **METHODS[method]))


def measure(rank: int, world_size: int, folder: str) -> None:
    """Of every method, the batches and the CPU seconds of an epoch after the first."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=world_size)
    result = {}
    for method in METHODS:
        sampler = make_sampler(method)
        batches = list(sampler)
        dist.barrier()
        begun = time.process_time()
        batches += list(sampler)
        result[method] = batches, time.process_time() - begun
    torch.save(result, Path(folder) / f"{rank}.pt")
    dist.barrier()
    dist.destroy_process_group()


def main() -> None:
    """Print the table, and write bench/results/ranks-<date>.json."""
    alone: dict[str, list[list[int]]] = {}
    seconds: dict[str, list[float]] = {method: [] for method in METHODS}
    for world_size in RANKS:
        with tempfile.TemporaryDirectory() as folder:
            mp.spawn(measure, args=(world_size, folder), nprocs=world_size)
            results = [torch.load(Path(folder) / f"{rank}.pt") for rank in range(world_size)]
        for method in METHODS:
            per_rank = [result[method][0] for result in results]
            together = [batch for step in zip(*per_rank, strict=True) for batch in step]
            if together != alone.setdefault(method, together):
                raise AssertionError(f"{method}: {world_size} ranks do not serve what one serves")
            seconds[method].append(max(result[method][1] for result in results))
    about = describe("bench.ranks")
    machine = about["machine"]
    file = Path(__file__).parent / f"results/ranks-{date.today()}.json"
    file.write_text(json.dumps({**about, "ranks": RANKS, "cpu_seconds_a_rank": seconds}, indent=1) + "\n")
    print(f"{machine['cpu']}, one thread a rank; {N_BATCHES} batches of {BATCH_SIZE} from {5 * BATCH_SIZE}")
    print("| method | " + " | ".join(f"{n} rank{'s' * (n > 1)}" for n in RANKS) + " |")
    print("|---" * (len(RANKS) + 1) + "|")
    for method, values in seconds.items():
        print(f"| {method} | " + " | ".join(f"{value:.2f} s ({values[0] / value:.1f} ×)" for value in values) + " |")


if __name__ == "__main__":
    main()
