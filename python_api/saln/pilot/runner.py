"""All methods over all seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch

from saln.datasets import Dataset
from saln.pilot.config import PilotConfig, PilotError
from saln.pilot.kpi import compute_kpis, target_accuracy
from saln.pilot.result import PilotResult, machine, summarise_data, versions
from saln.pilot.selection import Selection, describe_selection, mean_selection
from saln.pilot.task import Task, make_task
from saln.pilot.trainer import Method, Run, run_method
from saln.pilot.verdict import caveats, judge

WARM_UP_STEPS = 3
DISTURBED = 1.5
"""Mean over median seconds of a step from which the timings are called disturbed; 1.0 to 1.2 on an idle machine."""

Progress = Callable[[str, int], None]
"""Called with a method's name and the steps it has advanced by."""


def run_pilot(
    dataset: Dataset,
    config: PilotConfig,
    methods: Sequence[Method],
    progress: Progress = lambda method, steps: None,
) -> PilotResult:
    """Compare methods at equal kept samples and equal steps.

    Parameters
    ----------
    dataset : Dataset
    config : PilotConfig
        Its `methods` are not read here: `methods` decides.
    methods : sequence of Method
        One of them named `uniform`, against which the others are judged.
    progress : callable, optional

    Raises
    ------
    PilotError
        The settings do not fit the data, or there is no uniform to compare with.
    """
    names = [method.name for method in methods]
    if "uniform" not in names:
        raise PilotError("methods must include uniform, the baseline")
    if len(set(names)) != len(names):
        raise PilotError(f"methods names one twice: {', '.join(names)}")
    ordered = sorted(methods, key=lambda method: method.name != "uniform")
    with _threads(config.threads):
        runs, selections, first = _run_all(dataset, config, ordered, progress)
        hardware = machine()
    uniform = runs["uniform"]
    target = config.target_accuracy or target_accuracy(uniform)
    kpis = tuple(compute_kpis(runs[method.name], uniform, target, config.batch_size) for method in ordered)
    return PilotResult(
        config=replace(config, methods=tuple(method.name for method in ordered)),
        data=summarise_data(
            dataset,
            first.x_train.shape[0],
            first.x_test.shape[0],
            first.features.shape[1],
            first.features_computed,
        ),
        target=target,
        runs=tuple(run for method in ordered for run in runs[method.name]),
        kpis=kpis,
        verdicts=tuple(judge(each) for each in kpis if each.method != "uniform"),
        selections=tuple(mean_selection(selections[method.name]) for method in ordered),
        notes=(
            *_settings_notes(dataset, config, first),
            *_timing_notes(runs),
            *caveats(config.seeds, len(ordered) - 1),
        ),
        versions=versions(),
        machine=hardware,
    )


def _run_all(
    dataset: Dataset, config: PilotConfig, methods: Sequence[Method], progress: Progress
) -> tuple[dict[str, list[Run]], dict[str, list[Selection]], Task]:
    runs: dict[str, list[Run]] = {method.name: [] for method in methods}
    selections: dict[str, list[Selection]] = {method.name: [] for method in methods}
    first: Task | None = None
    for seed in range(config.seeds):
        task = make_task(dataset, config, seed)
        if first is None:
            first = task
            for method in methods:
                run_method(method, task, config, steps=min(WARM_UP_STEPS, config.steps))
        # Another method goes first in each seed, so that a machine that slows down favours none.
        turn = seed % len(methods)
        for method in (*methods[turn:], *methods[:turn]):
            run = run_method(method, task, config, on_step=lambda name=method.name: progress(name, 1))  # type: ignore[misc]
            runs[method.name].append(run)
            selections[method.name].append(describe_selection(run, task))
    if first is None:
        raise PilotError("seeds must be at least 1")
    return runs, selections, first


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _settings_notes(dataset: Dataset, config: PilotConfig, task: Task) -> tuple[str, ...]:
    notes = []
    offered = task.stream.shape[1]
    if offered != config.super_batch_size:
        notes.append(
            f"The training rows allow super-batches of {offered} rows only, not {config.super_batch_size}: the filter "
            f"ratio was {1 - config.batch_size / offered:.2f}."
        )
    if dataset.features_given:
        notes.append(
            "Features came with the data and are what every method, uniform too, trains on: what it took to extract "
            "them is counted for none."
        )
    return tuple(notes)


def _timing_notes(runs: dict[str, list[Run]]) -> tuple[str, ...]:
    """Whether the machine was busy with something else, judged by how much a few slow steps weigh."""
    weights = []
    for of_method in runs.values():
        seconds = torch.cat([run.step_seconds for run in of_method])
        weights.append(float(seconds.mean() / seconds.median()))
    if max(weights) < DISTURBED:
        return ()
    return (
        f"Timings were disturbed: a method's mean step took {max(weights):.1f} times its median step, so the machine "
        "was probably busy with something else. Repeat on an idle one before believing seconds.",
    )
