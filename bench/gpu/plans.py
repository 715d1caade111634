"""`python -m bench.gpu.plans`: what each case is planned to run on an H100, and its predicted time; runs nothing."""

import json
from dataclasses import asdict
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table

from bench.gpu import logits
from bench.gpu.cases import CASES, Case
from saln_kernels import Plan, eigvalsh, plan, score_batches, topk_eigvals

SOLVERS = ("exact", "randomized")


def planned(case: Case, solver: str) -> Plan:
    """The plan of a case, from shapes alone."""
    if case.kind == "eigvalsh":
        return plan(eigvalsh, torch.empty(case.n_candidates, case.size, case.size, device="meta"), backend="cuda")
    features = torch.empty(case.pool, case.width, dtype=case.dtype, device="meta")
    candidates = torch.empty(case.n_candidates, case.size, dtype=torch.int64, device="meta")
    if case.kind == "logits":
        return plan(score_batches, features, candidates, logits.MAIN, backend="cuda")
    return plan(topk_eigvals, features, candidates, k=case.k, solver=solver, backend="cuda")


def main(as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False) -> None:
    """Kernel, occupancy, floor and predicted time of every case."""
    plans = {
        (name, solver): planned(case, solver)
        for name, case in CASES.items()
        for solver in (SOLVERS if case.kind == "spectra" else SOLVERS[:1])
    }
    if as_json:
        rows = [{"case": name, "solver": solver, **asdict(p)} for (name, solver), p in plans.items()]
        print(json.dumps({"schema": "saln.gpu_plans/1", "plans": rows}))
        return
    table = Table("case", "solver", "kernel", title="Planned for an H100; nothing was run")
    for name in ("blocks", "warps", "shared KiB", "floor µs", "predicted µs", "of floor"):
        table.add_column(name, justify="right")
    for (name, solver), p in plans.items():
        if p.launch is None or p.floor_seconds is None:
            continue
        blocks = p.launch.blocks_per_multiprocessor
        table.add_row(
            name,
            solver,
            p.launch.kernel,
            str(blocks),
            str(blocks * p.launch.threads // 32),
            f"{p.launch.shared_bytes / 1024:.1f}",
            f"{CASES[name].floor * 1e6:.0f}",
            f"{p.seconds * 1e6:.0f}",
            f"{p.seconds / CASES[name].floor:.1f}",
        )
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
