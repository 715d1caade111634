"""Processes that train together, by gloo on the CPU, and what each of them does in the tests of ranks."""

from __future__ import annotations

import contextlib
import itertools
import pickle
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

import saln_kernels
from saln import SpectralBatchSampler, SuperBatch, make_selector
from saln.sampling.refresh import Refresh

N_ROWS, BATCH_SIZE = 83, 3
SELECTORS: dict[str, dict[str, Any]] = {
    "spectral_candidates": {"n_candidates": 6, "choice": "softmax", "temperature": 0.3},
    "infobatch": {"delta": 0.5},
    "guard": {"method": "selective_backprop", "epsilon": 0.3},
    "portfolio": {"arms": ["uniform", "herding", "selective_backprop"]},
    "consecutive_candidates": {"n_candidates": 6},
    "curriculum": {"method": "guard:spectral_candidates"},
}


def run_ranks(task: Callable[..., Any], world_size: int, folder: Path, *args: Any) -> list[Any]:
    """What `task(rank, world_size, *args)` returns on each of so many ranks."""
    # The server has imported everything once, and forks from there, before any thread of it has started.
    mp.set_forkserver_preload(["saln"])
    mp.start_processes(_rank, args=(task, world_size, str(folder), args), nprocs=world_size, start_method="forkserver")
    return [pickle.loads((folder / f"{rank}.pickle").read_bytes()) for rank in range(world_size)]


def _rank(rank: int, task: Callable[..., Any], world_size: int, folder: str, args: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=world_size)
    result = task(rank, world_size, *args)
    (Path(folder) / f"{rank}.pickle").write_bytes(pickle.dumps(result))
    dist.barrier()
    dist.destroy_process_group()


def samples(seed: int = 0) -> SuperBatch:
    source = torch.Generator().manual_seed(seed)
    return SuperBatch(
        torch.randn(N_ROWS, 4, generator=source),
        losses=torch.rand(N_ROWS, generator=source),
        reference_losses=torch.rand(N_ROWS, generator=source),
        labels=torch.randint(3, (N_ROWS,), generator=source),
        residuals=torch.randn(N_ROWS, 3, generator=source),
    )


def make(name: str, **options: Any) -> SpectralBatchSampler:
    """28 batches per epoch, the last of the 2 rows left."""
    selector = make_selector(name, **SELECTORS[name])
    return SpectralBatchSampler(samples(), BATCH_SIZE, filter_ratio=0.4, selector=selector, n_epochs=3, **options)


def doubled(model: nn.Module, indices: torch.Tensor) -> SuperBatch:
    """Values of single rows, the same to the bit whichever rows come with them."""
    with torch.no_grad():
        scale = model.weight.item()
    return SuperBatch(samples().features[indices] * scale, losses=(indices % 7).to(torch.bfloat16))


def refreshing(name: str, **options: Any) -> tuple[SpectralBatchSampler, nn.Module]:
    """A sampler whose values follow a model of one weight."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.ones_(model.weight)
    return make(name, refresh=Refresh(doubled, model, every=2, **options)), model


def epochs(sampler: SpectralBatchSampler, count: int) -> list[list[list[int]]]:
    return [list(sampler) for _ in range(count)]


def recording(rank: int) -> dict[str, Any]:
    """What a rank serves and keeps that records losses of row + 100 rank, and what is said to selectors with memory."""
    plain = SuperBatch(samples().features, labels=samples().labels)
    sampler = SpectralBatchSampler(plain, BATCH_SIZE, filter_ratio=0.4, selector="infobatch")
    batches = []
    for batch in itertools.chain(sampler, sampler):
        batches.append(batch)
        sampler.recorder.record(torch.tensor(batch) + 100.0 * rank)
    result = {"batches": batches, "losses": sampler.recorder.values("losses"), "state": sampler.state_dict()}
    model = nn.parallel.DistributedDataParallel(nn.Linear(4, 3))
    sampler.reset()
    batch = next(iter(sampler))
    with sampler.recorder(model):
        logits = model(plain.features[batch])
    expected = nn.functional.cross_entropy(logits, plain.labels[batch], reduction="none")
    result["by forward pass"] = torch.equal(sampler.recorder.values("losses")[batch], expected)
    for given in (None, samples().losses):
        dataset = SuperBatch(plain.features, labels=plain.labels, losses=given)
        guarded = SpectralBatchSampler(dataset, BATCH_SIZE, filter_ratio=0.4, selector="guard:infobatch")
        try:
            next(iter(guarded))
            guarded.recorder.record(torch.zeros(BATCH_SIZE))
        except ValueError as error:
            result[f"refused {given is not None}"] = str(error)
    alone = SpectralBatchSampler(plain, BATCH_SIZE, filter_ratio=0.4, selector="infobatch", rank=0, world_size=1)
    try:
        next(iter(alone))
    except ValueError as error:
        result["refused to shards"] = str(error)
    return result


def default(rank: int, world_size: int) -> dict[str, Any]:
    """What a rank serves by the default while it trains, and what it would, gone on with from the middle."""
    source = torch.Generator().manual_seed(0)
    labels = torch.arange(240) % 3
    dataset = SuperBatch(2 * torch.eye(6)[labels] + torch.randn(240, 6, generator=source), labels=labels)
    torch.manual_seed(0)
    model = nn.parallel.DistributedDataParallel(nn.Linear(6, 3))
    sampler, again = (SpectralBatchSampler(dataset, BATCH_SIZE) for _ in range(2))

    def trained(sampler: SpectralBatchSampler, walk: Iterable[list[int]]) -> list[list[int]]:
        batches = []
        for batch in walk:
            batches.append(batch)
            with sampler.recorder(model):
                loss = nn.functional.cross_entropy(model(dataset.features[batch]), labels[batch])
            loss.backward()
            with torch.no_grad():
                for weight in model.parameters():
                    weight -= 0.1 * weight.grad
                    weight.grad = None
        return batches

    walk = itertools.chain(sampler, sampler)
    batches = trained(sampler, itertools.islice(walk, len(sampler) * 3 // 2))
    state, weights = sampler.state_dict(), [weight.detach().clone() for weight in model.parameters()]
    rest = trained(sampler, walk)
    with torch.no_grad():
        for weight, value in zip(model.parameters(), weights, strict=True):
            weight.copy_(value)
    again.load_state_dict(state)
    places = (divmod(number, len(sampler)) for number in range(len(batches)))
    offered = [sampler.order.super_batch(epoch, step * world_size + rank).tolist() for epoch, step in places]
    return {
        "from its own offers": all(set(batch) <= set(each) for batch, each in zip(batches, offered, strict=True)),
        "goes on": trained(again, again) == rest,
        "by gradients": sampler.selector.figures["batches_gradients"] / len(batches + rest),
        "batches": batches,
    }


@contextlib.contextmanager
def scored_candidates() -> Iterator[list[int]]:
    """How many candidates each call scores that this process makes meanwhile."""
    counts: list[int] = []
    real = saln_kernels.score_batches

    def counting(features: torch.Tensor, candidates: torch.Tensor, *args: Any, **options: Any) -> torch.Tensor:
        counts.append(len(candidates))
        return real(features, candidates, *args, **options)

    saln_kernels.score_batches = counting
    try:
        yield counts
    finally:
        saln_kernels.score_batches = real


def everything(rank: int, world_size: int) -> dict[str, Any]:
    """What the tests look at, in one start of the processes."""
    result: dict[str, Any] = {"size": len(make("infobatch"))}
    for name in SELECTORS:
        sampler = make(name, ahead=2 * (name in ("guard", "infobatch")))
        with scored_candidates() as counts:
            result[name] = epochs(sampler, 2)
        result[f"{name} scored"] = sum(counts)
        walk = iter(sampler)
        done = [next(walk) for _ in range(2)]
        resumed = make(name)
        state = sampler.state_dict()
        resumed.load_state_dict(state)
        result[f"{name} resumed"] = [*done, *resumed]
        result[f"{name} state"] = {key: value for key, value in state.items() if key != "memory"}
    for lag in (0, 1, 4):
        sampler, model = refreshing("guard", lag=lag)
        batches = []
        for batch in itertools.chain(sampler, sampler, sampler):
            batches.append(batch)
            nn.init.constant_(model.weight, len(batches) + 1.0)
        result[f"live {lag}"] = (batches, sampler.samples)
    for name, bad in {
        "seed": make("infobatch", seed=rank),
        "features": SpectralBatchSampler(samples(seed=rank), BATCH_SIZE),
    }.items():
        try:
            next(iter(bad))
        except RuntimeError as error:
            result[f"other {name}"] = str(error)
    result["recorded"] = recording(rank)
    result["default"] = default(rank, world_size)
    sampler = make("infobatch")
    sampler.set_epoch(rank)
    try:
        next(iter(sampler))
    except RuntimeError as error:
        result["other epoch"] = str(error)
    return result
