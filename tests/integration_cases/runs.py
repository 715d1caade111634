"""What the tests of trainers train, and the processes they do it in."""

from __future__ import annotations

import importlib
import os
import pickle
import random
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.multiprocessing as mp
from torch import Tensor, nn
from torch.utils.data import Dataset

from saln import SpectralBatchSampler, SuperBatch, make_selector

SEEDS = range(12)
N_ROWS, BATCH_SIZE, N_EPOCHS = 47, 3, 3  # 16 batches, the last of 2 rows; 9 in one pass of super-batches of 5
SELECTORS: dict[str, dict[str, Any]] = {
    "spectral_candidates": {"n_candidates": 6},
    "guard": {"method": "selective_backprop", "epsilon": 0.3, "max_reuse": 1},
    "portfolio": {"arms": ["uniform", "herding", "selective_backprop"]},
    "consecutive_candidates": {"n_candidates": 6},
}
PRELOADED = ["saln", "accelerate", "transformers", "lightning.pytorch", "torchdata.stateful_dataloader"]


class Indices(Dataset[Tensor]):
    """Sample i is i."""

    def __len__(self) -> int:
        return N_ROWS

    def __getitem__(self, index: int) -> Tensor:
        return torch.tensor(index)


class Recorder(nn.Module):
    """A model with one weight that writes down what it is trained on."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.batches: list[list[int]] = []

    def forward(self, indices: Tensor) -> Tensor:
        """The loss."""
        self.batches.append(indices.tolist())
        return (self.weight * indices.float()).mean()


def samples() -> SuperBatch:
    source = torch.Generator().manual_seed(0)
    return SuperBatch(
        torch.randn(N_ROWS, 4, generator=source),
        losses=torch.rand(N_ROWS, generator=source),
        labels=torch.randint(3, (N_ROWS,), generator=source),
    )


def make_sampler(seed: int, **options: Any) -> SpectralBatchSampler:
    """By another selector for each seed, three of the four with a memory; four seeds have short epochs."""
    name = list(SELECTORS)[seed % len(SELECTORS)]
    selector = make_selector(name, **SELECTORS[name])
    passes = 1 if seed // len(SELECTORS) % 3 == 1 else None
    options = {"filter_ratio": 0.4, "selector": selector, "passes": passes, "n_epochs": N_EPOCHS, **options}
    return SpectralBatchSampler(samples(), BATCH_SIZE, seed=seed, **options)


def n_steps_of(seed: int, world_size: int = 1) -> int:
    """Batches per epoch on each rank."""
    return -(-make_sampler(seed).n_batches // world_size)


def expected(seed: int, rank: int = 0, world_size: int = 1) -> list[list[int]]:
    """What a rank is to train on, by a sampler that nothing interrupts and no loader asks."""
    sampler = make_sampler(seed)
    batches = []
    for epoch in range(N_EPOCHS):
        n_lacking = -sampler.n_batches % world_size
        filled = [sampler.order.batch(epoch, sampler.n_batches + n).tolist() for n in range(n_lacking)]
        batches += [*sampler, *filled][rank::world_size]
    return batches


def stop_of(seed: int, world_size: int = 1) -> int:
    """After how many steps a run is interrupted: anywhere, the ends of epochs among them."""
    n_steps = n_steps_of(seed, world_size)
    return n_steps * (1 + seed % 2) if seed % 5 == 4 else random.Random(seed).randrange(1, n_steps * N_EPOCHS - 1)


def message(call: Callable[[], Any]) -> str:
    """The error that a call raises, in words."""
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "no error"


def launch(task: str, folder: Path, *args: Any, n: int = 1) -> list[Any]:
    """What `task(folder, *args)`, named "module.function" of this package, returns in each of n new processes.

    They find what torchrun would tell them.
    """
    mp.set_forkserver_preload(PRELOADED)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    results = [folder / f"{task}.{rank}.pickle" for rank in range(n)]
    mp.start_processes(_run, args=(task, n, port, results, (folder, *args)), nprocs=n, start_method="forkserver")
    return [pickle.loads(result.read_bytes()) for result in results]


def _run(rank: int, task: str, n: int, port: int, results: list[Path], args: tuple[Any, ...]) -> None:
    os.environ.update(ACCELERATE_USE_CPU="true", CUDA_VISIBLE_DEVICES="", TOKENIZERS_PARALLELISM="false")
    if n > 1:
        os.environ.update(RANK=f"{rank}", LOCAL_RANK=f"{rank}", WORLD_SIZE=f"{n}", LOCAL_WORLD_SIZE=f"{n}")
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=f"{port}", TORCHELASTIC_RUN_ID="tests", GROUP_RANK="0")
    torch.set_num_threads(1)
    mp.set_start_method("fork", force=True)  # of loaders' workers: as it is where nobody forks a server first
    module, function = task.split(".")
    result = getattr(importlib.import_module(f"integration_cases.{module}"), function)(*args)
    results[rank].write_bytes(pickle.dumps(result))
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
