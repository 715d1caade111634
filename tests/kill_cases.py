"""Ranks of which one is killed in the middle of an epoch."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

import rank_cases

STEPS, KILLED_AT = 8, 5
NAMES = ("guard", "spectral_candidates")


def trained(rank: int, world_size: int, folder: Path, name: str, kill: bool) -> list[list[int]]:
    """A rank's batches, from those kept on, with a collective a step as of gradients; batches and state are kept."""
    sampler = rank_cases.make(name)
    saved = folder / f"{name}-{rank}.pt"
    batches: list[list[int]] = []
    if saved.exists():
        kept = torch.load(saved, weights_only=True)
        sampler.load_state_dict(kept["state"])
        batches = kept["batches"]
    for batch in sampler:
        if kill and rank == 1 and len(batches) == KILLED_AT:
            os.kill(os.getpid(), signal.SIGKILL)
        dist.all_reduce(torch.ones(3))
        batches.append(batch)
        torch.save({"state": sampler.state_dict(), "batches": batches}, saved)
        if len(batches) == STEPS:
            break
    return batches


def resumed(rank: int, world_size: int, folder: str) -> dict[str, list[list[int]]]:
    """What each method's ranks have served in the end."""
    return {name: trained(rank, world_size, Path(folder), name, kill=False) for name in NAMES}


def _rank(rank: int, world_size: int, folder: str, name: str) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{folder}/meeting-{name}"
    dist.init_process_group(
        "gloo", init_method=meeting, rank=rank, world_size=world_size, timeout=timedelta(seconds=20)
    )
    try:
        trained(rank, world_size, Path(folder), name, kill=True)
    except Exception as error:
        (Path(folder) / f"error-{name}-{rank}").write_text(f"{type(error).__name__}: {error}")
        os._exit(3)


def killed(world_size: int, folder: Path, name: str) -> list[int | None]:
    """Exit codes of ranks of which the second is killed."""
    mp.set_forkserver_preload(["saln"])
    started = mp.start_processes(
        _rank, args=(world_size, str(folder), name), nprocs=world_size, join=False, start_method="forkserver"
    )
    for process in started.processes:
        process.join(60)
    return [process.exitcode for process in started.processes]
