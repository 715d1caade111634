"""One pilot: all methods over all seeds, on one share of the training rows."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from saln.datasets import Dataset
from saln.pilot.config import PilotConfig, PilotError
from saln.pilot.judging.by_group import describe_groups
from saln.pilot.judging.costs import reckon
from saln.pilot.judging.equal_time import LongerUniform, time_budgets
from saln.pilot.judging.gates import check_gates, judge_gates, parse_gate
from saln.pilot.judging.kpi import compute_kpis, target_accuracy
from saln.pilot.judging.selection import describe_selection, mean_selection
from saln.pilot.judging.verdict import judge
from saln.pilot.output.journal import Journal, fingerprint
from saln.pilot.output.notes import notes
from saln.pilot.output.result import PilotResult, machine, summarise_data, versions
from saln.pilot.problem.pool import make_pool
from saln.pilot.problem.task import Task, make_task
from saln.pilot.training.trainer import Method, Run, run_method, train_uniform_for
from saln.pilot.training.watch import Watcher

WARM_UP_STEPS = 3


def run_stage(
    dataset: Dataset,
    config: PilotConfig,
    methods: Sequence[Method],
    watcher: Watcher,
    work: Path | None = None,
    fresh: bool = False,
) -> PilotResult:
    """Run what is not in the journal yet, and judge all of it; arguments as in `saln.pilot.runner.run_pilot`."""
    names = [method.name for method in methods]
    if "uniform" not in names:
        raise PilotError("methods must include uniform, the baseline")
    if len(set(names)) != len(names):
        raise PilotError(f"methods names one twice: {', '.join(names)}")
    gates = [parse_gate(each) for each in config.gates]
    check_gates(gates, names, config.price_per_hour)
    ordered = sorted(methods, key=lambda method: method.name != "uniform")
    used = versions()
    journal = Journal(work, fingerprint(dataset, config, used) if work else "", config.gates, fresh=fresh)
    with _threads(config.threads):
        hardware = machine(config.device)
        try:
            found = len(journal.runs)
            _run_missing(dataset, config, ordered, journal, hardware["processor"], watcher)
        finally:
            journal.close()
    runs = {each.name: [journal.runs[each.name, seed][0] for seed in range(config.seeds)] for each in ordered}
    if journal.summary is None:
        raise PilotError("seeds must be at least 1")
    target = config.target_accuracy or target_accuracy(runs["uniform"])
    longer = {seed: each for seed, each in sorted(journal.longer.items()) if seed < config.seeds and len(ordered) > 1}
    kpis = compute_kpis(runs, target, config.batch_size, longer, config.price_per_hour)
    pools = tuple(make_pool(dataset, config, seed) for seed in range(config.seeds))
    return PilotResult(
        config=replace(config, methods=tuple(method.name for method in ordered)),
        data=journal.summary,
        target=target,
        runs=tuple(run for method in ordered for run in runs[method.name]),
        kpis=kpis,
        verdicts=tuple(judge(each) for each in kpis if each.method != "uniform"),
        selections=tuple(
            mean_selection([journal.runs[each.name, seed][1] for seed in range(config.seeds)]) for each in ordered
        ),
        notes=notes(config, journal, runs, dataset, found),
        versions=used,
        machine=hardware,
        longer=tuple(longer.values()),
        pools=pools,
        by_group=describe_groups(dataset, config, runs, pools),
        gates=judge_gates(gates, kpis, config.currency),
        stages=(),
        costs=reckon(kpis, config, journal.seconds),
        pilot_seconds=journal.seconds,
    )


def _run_missing(
    dataset: Dataset,
    config: PilotConfig,
    methods: Sequence[Method],
    journal: Journal,
    processor: str,
    watcher: Watcher,
) -> None:
    done = {
        each.name: config.steps * sum((each.name, seed) in journal.runs for seed in range(config.seeds))
        for each in methods
    }
    watcher.begin([each.name for each in methods], config.seeds * config.steps, config.train_share, done)
    warm = False
    for seed in range(config.seeds):
        # Another method goes first in each seed, so that a machine that slows down favours none.
        turn = seed % len(methods)
        missing = [each for each in (*methods[turn:], *methods[:turn]) if (each.name, seed) not in journal.runs]
        if not missing and journal.summary is not None and _has_longer(journal, methods, seed):
            continue
        began = time.perf_counter()
        task = make_task(dataset, config, seed)
        if journal.summary is None:
            journal.add_summary(summarise_data(dataset, task))
        if not warm:
            for method in methods:
                run_method(method, task, config, steps=min(WARM_UP_STEPS, config.steps))
            warm = True
        journal.add_seconds(time.perf_counter() - began)
        for method in missing:
            run = _run(method, task, config, watcher)
            journal.add_run(run, describe_selection(run, task), processor)
        if not _has_longer(journal, methods, seed):
            journal.add_longer(_longer(task, config, _budgets(journal, methods, seed), watcher))


def _run(method: Method, task: Task, config: PilotConfig, watcher: Watcher) -> Run:
    return run_method(
        method,
        task,
        config,
        on_step=lambda: watcher.step(method.name, task.seed),
        on_point=lambda point: watcher.point(method.name, task.seed, point),
    )


def _budgets(journal: Journal, methods: Sequence[Method], seed: int) -> tuple[float, ...]:
    return time_budgets([journal.runs[each.name, seed][0] for each in methods])


def _has_longer(journal: Journal, methods: Sequence[Method], seed: int) -> bool:
    """Uniform has already been given as long as each of these methods."""
    budgets = _budgets(journal, methods, seed)
    return not budgets or (seed in journal.longer and set(budgets) <= set(journal.longer[seed].budgets))


def _longer(task: Task, config: PilotConfig, budgets: tuple[float, ...], watcher: Watcher) -> LongerUniform:
    began = time.perf_counter()
    curve = train_uniform_for(task, config, budgets, on_step=lambda: watcher.longer(task.seed))
    return LongerUniform(task.seed, budgets, curve, time.perf_counter() - began)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
