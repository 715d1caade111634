"""First contact with a GPU, within a minute: right? the same bits? how fast? `python -m bench.gpu.quick OUT.json`.

Every section is caught, so that a failure costs only itself, and the file is rewritten after each. Without a GPU the
same calls run on the CPU: `--smoke` tries the program there.
"""

import json
import statistics
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor

import saln_kernels
from bench.gpu import baselines, driver
from bench.gpu.cases import CASES, Case, make_inputs
from bench.gpu.timing import seconds_of
from bench.truth import truth_of

MEASURED = ("headline", "small", "wide")
INVARIANT = ((64, "exact"), (32, "exact"), (100, "exact"), (200, "exact"), (200, "randomized"))  # b, solver
GREEDY = ((7, 5, torch.float32), (64, 40, torch.bfloat16), (320, 96, torch.float32), (320, 96, torch.float64))
REPEATS, BUDGET = 30, 0.3  # measurements of a call, and seconds for them


def facts(device: torch.device) -> dict[str, Any]:
    """The GPU and which backends serve it; an error where the CUDA library does not, for nothing else is ours."""
    served = {status.name: status.serves for status in saln_kernels.build_info().backends}
    if device.type != "cuda":
        return {"device": "cpu", "backends": served}
    properties = torch.cuda.get_device_properties(device)
    if not served["cuda"]:
        raise RuntimeError(str(saln_kernels.build_info()))
    names = ("name", "multi_processor_count", "L2_cache_size", "shared_memory_per_block_optin", "total_memory")
    return {name: getattr(properties, name, None) for name in names} | {
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "backends": served,
    }


def right(device: torch.device, smoke: bool) -> dict[str, Any]:
    """Every op at every size, similarity and dtype of the sanitizers' driver, against the reference."""
    calls = list(driver.calls())[: 9 if smoke else None]
    wrong = [text for text in (_wrong(call, device) for call in calls) if text]
    return {"calls": len(calls), "wrong": len(wrong), "first": " | ".join(wrong[:30])}


def _wrong(call: driver.Call, device: torch.device) -> str:
    try:
        return driver.wrong(call, device)
    except Exception as error:  # one that raises leaves the others to be looked at
        return f"{call[0]} {list(call[1][0].shape)} {call[2].get('similarity')}: {type(error).__name__}: {error}"[:300]


def greedy(device: torch.device) -> list[str]:
    """The greedy ops against the reference: what is wrong."""
    wrong = []
    for b, width, dtype in GREEDY:
        generator = torch.Generator().manual_seed(b)
        features = torch.randn(2 * b, width, generator=generator).to(dtype)
        candidates = torch.randint(-1, 2 * b, (4, b), generator=generator, dtype=torch.int32)
        for name in ("greedy_logdet", "maxvol", "k_center"):
            function = getattr(saln_kernels, name)
            found = function(features.to(device), candidates.to(device), min(5, b))
            wanted = function(features, candidates, min(5, b), backend="reference")
            same = torch.equal(found.positions.cpu(), wanted.positions)
            close = torch.allclose(found.gains.cpu().double(), wanted.gains.double(), 1e-3, 1e-3, equal_nan=True)
            if not (same and close):
                wrong.append(f"{name} b={b} {dtype}: positions {same}, gains {close}")
    return wrong


def invariant(device: torch.device, count: int) -> dict[str, list[bool]]:
    """Whether bits are the same again, in another order, in other company, alone, and by a replayed graph."""
    found = {}
    for b, solver in INVARIANT:
        generator = torch.Generator().manual_seed(b)
        features = torch.randn(4096, 96, generator=generator).to(torch.bfloat16).to(device)
        candidates = torch.randint(4096, (count, b), generator=generator, dtype=torch.int32).to(device)
        order = torch.randperm(count, generator=generator).to(device)

        def run(chosen: Tensor, features: Tensor = features, solver: Any = solver) -> Tensor:
            return saln_kernels.topk_eigvals(features, chosen, 5, solver=solver)

        whole = run(candidates)
        same = [torch.equal(run(candidates), whole) for _ in range(3)]
        same.append(torch.equal(run(candidates[order]), whole[order]))
        same += [torch.equal(run(candidates[part]), whole[part]) for part in (slice(7, 29), slice(5, 6))]
        if device.type == "cuda":
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                replayed = run(candidates)
            graph.replay()
            torch.cuda.synchronize()
            same.append(torch.equal(replayed, whole))
        found[f"b={b}, {solver}"] = same
    return found


def microseconds(call: Callable[[int], Any], turns: int, device: torch.device) -> float:
    """The median of a call's time, over successive turns."""

    def work() -> None:
        for turn in range(turns):
            call(turn)

    work()
    seconds: list[float] = []
    began = time.perf_counter()
    while len(seconds) < 3 or (len(seconds) < REPEATS and time.perf_counter() - began < BUDGET):
        seconds.append(seconds_of(work, device) / turns)
    return round(1e6 * statistics.median(seconds), 1)


def measured(case: Case, device: torch.device) -> dict[str, Any]:
    """Microseconds of our functions, which show the phases by their differences, beside those of libraries."""
    inputs = make_inputs(case, device)
    k, found = case.k, dict[str, Any](shape=case.shape, floor=1e6 * case.floor)

    def add(name: str, call: Callable[[Tensor, Tensor], Any]) -> float:
        try:
            found[name] = microseconds(lambda turn: call(*inputs.turn(turn)), inputs.turns, device)
        except Exception as error:  # whatever a library raises
            found[name] = f"{type(error).__name__}: {error}"[:300]
        return found[name] if isinstance(found[name], float) else float("nan")

    def top(k: int, solver: Any) -> Callable[[Tensor, Tensor], Tensor]:
        return lambda f, c: saln_kernels.topk_eigvals(f, c, k, solver=solver)

    check = truth_of(inputs).top(top(k, "exact")(*inputs.turn(0)))
    found |= {"error": check.error, "allowed": check.allowed}
    ours = add("top-k, exact", top(k, "exact"))
    add("largest alone", top(1, "exact"))
    add("without solving (participation_ratio)", lambda f, c: saln_kernels.score_batches(f, c, "participation_ratio"))
    add("effective_rank", lambda f, c: saln_kernels.score_batches(f, c, "effective_rank"))
    add("gram", saln_kernels.gram)
    if case.name == "wide":
        add("top-k, randomized", top(k, "randomized"))
    add(baselines.GRAM, baselines.grams)
    if device.type == "cuda":
        found["times " + baselines.XSYEV] = round(add(baselines.XSYEV, baselines.XsyevPath(k)) / ours, 2)
    return found | {"over floor": round(ours / found["floor"], 2)}


def is_wrong(found: Any) -> bool:
    """Whether a section without an error found one: a list of faults, a False, a count, too large an error."""
    if not isinstance(found, dict):
        return bool(found)
    refused = any(not all(value) for value in found.values() if isinstance(value, list) and value)
    return refused or bool(found.get("wrong")) or not found.get("error", 0) <= found.get("allowed", 0)


def main(
    output: Annotated[Path, typer.Argument(help="The results, JSON.")],
    case: Annotated[str | None, typer.Option(help="Only measure, and this case alone.")] = None,
    smoke: Annotated[bool, typer.Option(help="Tiny cases; the timings mean nothing.")] = False,
) -> None:
    """Right? The same bits? How fast? Status 1 where a section failed or found something wrong."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    began, found, failed = time.perf_counter(), dict[str, Any](), []

    def section(name: str, work: Callable[[], Any]) -> None:
        try:
            found[name] = work()
            if is_wrong(found[name]):
                failed.append(name)
        except Exception as error:  # a section that fails costs only itself
            found[name] = {"error": f"{type(error).__name__}: {error}", "where": traceback.format_exc()[-2000:]}
            failed.append(name)
        print(f"[{time.perf_counter() - began:5.1f} s] {name}: {json.dumps(found[name])[:2000]}", flush=True)
        output.write_text(json.dumps(found, indent=1) + "\n")

    section("facts", lambda: facts(device))
    if case is None:
        section("right", lambda: right(device, smoke))
        section("greedy", lambda: greedy(device))
        section("invariant", lambda: invariant(device, 64 if smoke else 3000))
    for name in MEASURED if case is None else (case,):
        section(name, lambda name=name: measured(CASES[name].smoke() if smoke else CASES[name], device))  # type: ignore[misc]
    print("failed:", ", ".join(failed) or "none")
    raise typer.Exit(bool(failed))


if __name__ == "__main__":
    typer.run(main)
