"""One pilot: all methods over all seeds, on one share of the training rows."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from saln.pilot.config import PilotConfig, PilotError
from saln.pilot.job import Job, Problem
from saln.pilot.judging.by_group import describe_groups
from saln.pilot.judging.costs import reckon
from saln.pilot.judging.equal_time import Longer, LongerUniform, longer_uniform, stretches, time_budgets
from saln.pilot.judging.gates import check_gates, check_reported, judge_gates, parse_gate
from saln.pilot.judging.kpi import compute_kpis, target_accuracy
from saln.pilot.judging.selection import describe_selection, mean_selection
from saln.pilot.judging.verdict import judge
from saln.pilot.metric import Metric
from saln.pilot.output.journal import Journal, fingerprint
from saln.pilot.output.notes import notes
from saln.pilot.output.result import PilotResult, machine, versions
from saln.pilot.training.point import Point
from saln.pilot.training.run import Method, Run, run_method
from saln.pilot.training.watch import Watcher

WARM_UP_STEPS = 3


def run_stage(
    job: Job,
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
    check_gates([parse_gate(each, config.metric) for each in config.gates], names, config.price_per_hour)
    ordered = sorted(methods, key=lambda method: method.name != "uniform")
    used = versions()
    sources = {method.name: method.source for method in methods}
    journal = Journal(work, fingerprint(job, config, used) if work else "", config.gates, sources=sources, fresh=fresh)
    with _threads(config.threads):
        hardware = machine(getattr(config, "device", "cpu"))
        try:
            found = len(journal.runs)
            stage = _Stage(job, config, ordered, journal, hardware["processor"], watcher)
            stage.run_missing()
        finally:
            journal.close()
    runs = {each.name: [journal.runs[each.name, seed][0] for seed in range(config.seeds)] for each in ordered}
    config = (
        config if config.metric is not None else replace(config, metric=next(iter(runs["uniform"][0].final.metrics)))
    )
    metric = Metric.named(config.metric or "", config.higher_is_better)
    runs = {name: [replace(run, curve=_scored(run.curve, metric)) for run in each] for name, each in runs.items()}
    gates = [parse_gate(each, metric.name) for each in config.gates]
    assert journal.summary is not None
    target = target_accuracy(runs["uniform"]) if config.target is None else metric.score(config.target)
    longer = {
        seed: replace(each, curve=_scored(each.curve, metric))
        for seed in range(config.seeds)
        if len(ordered) > 1 and (each := stage.longer(seed)) is not None
    }
    kpis = compute_kpis(runs, target, config.batch_size, longer, config.price_per_hour)
    pools = tuple(job.pool(config, seed) for seed in range(config.seeds))
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
        notes=notes(job, config, journal, runs, longer, found),
        versions=used,
        machine=hardware,
        longer=tuple(longer.values()),
        pools=pools,
        by_group=describe_groups(job, config, runs, pools),
        gates=judge_gates(gates, kpis, config.currency),
        stages=(),
        costs=reckon(kpis, config, journal.seconds),
        pilot_seconds=journal.seconds,
    )


def _scored(curve: Sequence[Point], metric: Metric) -> tuple[Point, ...]:
    """By this metric, whatever a run was judged by when it was made; points between evaluations have no metrics."""
    reported = curve[-1].metrics
    if reported and metric.name not in reported:
        raise PilotError(f"metric '{metric.name}' is not what train reports; it reports {', '.join(reported)}")
    return tuple(
        replace(point, score=metric.score(point.metrics[metric.name])) if point.metrics else point for point in curve
    )


class _Stage:
    """Runs what is missing in a journal."""

    def __init__(
        self,
        job: Job,
        config: PilotConfig,
        methods: Sequence[Method],
        journal: Journal,
        processor: str,
        watcher: Watcher,
    ) -> None:
        self._job, self._config, self._methods = job, config, methods
        self._journal, self._processor, self._watcher = journal, processor, watcher
        self._uniform = next(each for each in methods if each.name == "uniform")
        self._warm = False

    def run_missing(self) -> None:
        """Seed by seed, so that what is there can be compared."""
        config, journal, methods = self._config, self._journal, self._methods
        steps = self._n_steps()
        done = {
            each.name: sum(
                run.final.step
                for (name, seed), (run, _) in journal.runs.items()
                if name == each.name and seed < config.seeds
            )
            for each in methods
        }
        total = None if steps is None else config.seeds * steps
        self._watcher.begin([each.name for each in methods], total, config.train_share, done)
        for seed in range(config.seeds):
            # Another method goes first in each seed, so that a machine that slows down favours none.
            turn = seed % len(methods)
            missing = [each for each in (*methods[turn:], *methods[:turn]) if (each.name, seed) not in journal.runs]
            if not missing and not self._missing_lengths(seed):
                continue
            began = time.perf_counter()
            problem = self._job.problem(config, seed)
            if journal.summary is None:
                journal.add_summary(self._job.summary(config, problem))
            if not self._warm:
                for method in methods:
                    run_method(method, problem, config, stop_after=WARM_UP_STEPS)
                self._warm = True
            journal.add_seconds(time.perf_counter() - began)
            for method in missing:
                self._add_run(method, problem, seed)
            for stretch in self._missing_lengths(seed):
                self._add_longer(problem, seed, stretch)

    def _n_steps(self) -> int | None:
        """Of a run, as far as it is known yet."""
        found = next((run.final.step for (run, _) in self._journal.runs.values()), None)
        return self._job.steps(self._config) if found is None else found

    def _add_run(self, method: Method, problem: Problem, seed: int) -> None:
        before = self._n_steps()
        run = run_method(
            method,
            problem,
            self._config,
            n_steps=before,
            on_step=lambda: self._watcher.step(method.name, seed),
            on_point=lambda point: self._watcher.point(method.name, seed, point),
        )
        assert run is not None
        self._check_equal(run)
        metrics = run.final.metrics
        metric = self._config.metric or next(iter(metrics))
        check_reported([parse_gate(each, metric) for each in self._config.gates], metrics)
        self._journal.add_run(run, describe_selection(run, problem), self._processor)
        if before is None:
            self._watcher.known(self._config.seeds * run.final.step)
        self._watcher.over(method.name, seed, run.final.step)
        if before is None and (n_left := self._config.seeds * len(self._methods) - 1):
            self._watcher.left(run.wall_seconds, n_left, self._most_longer(problem))

    def _most_longer(self, problem: Problem) -> int:
        """Longer runs of uniform that there may be: as long as each method without and with what came before it."""
        if not self._job.anneals:
            return self._config.seeds * (len(self._methods) > 1)
        others = [each for each in self._methods if each.name != "uniform"]
        return self._config.seeds * sum(1 + (problem.setup_seconds(each.needs) > 0.0) for each in others)

    def _check_equal(self, run: Run) -> None:
        for (name, seed), (other, _) in self._journal.runs.items():
            ours, theirs = ([point.step for point in each.curve] for each in (run, other))
            if ours != theirs:
                raise PilotError(
                    f"train reported after steps {_few(ours)} with {run.method}, seed {run.seed}, and after "
                    f"{_few(theirs)} with {name}, seed {seed}; wanted the same number of steps, and evaluations after "
                    "the same ones, in every run"
                )

    def _budgets(self, seed: int) -> tuple[float, ...]:
        return time_budgets([self._journal.runs[each.name, seed][0] for each in self._methods])

    def _missing_lengths(self, seed: int) -> list[float]:
        """How many times as long as usual uniform is still to train, so that each method's time is given to it."""
        uniform, there = self._journal.runs["uniform", seed][0], self._journal.longer[seed]
        wanted = stretches(self._budgets(seed), uniform, anneals=self._job.anneals, there=there)
        return sorted(set(wanted.values()) - set(there))

    def _add_longer(self, problem: Problem, seed: int, stretch: float) -> None:
        uniform = self._journal.runs["uniform", seed][0]
        run = run_method(
            self._uniform,
            problem,
            self._config,
            stretch=stretch,
            n_steps=round(stretch * uniform.final.step),
            on_step=lambda: self._watcher.longer(seed),
        )
        assert run is not None
        self._journal.add_longer(seed, stretch, Longer(run.curve, run.wall_seconds))

    def longer(self, seed: int) -> LongerUniform | None:
        """Uniform, given as long as each method of a seed."""
        uniform, there = self._journal.runs["uniform", seed][0], self._journal.longer[seed]
        return longer_uniform(seed, self._budgets(seed), uniform, there, anneals=self._job.anneals)


def _few(steps: Sequence[int]) -> str:
    shown = ", ".join(map(str, steps[:3]))
    return shown if len(steps) <= 3 else f"{shown}, …, {steps[-1]} ({len(steps)} in all)"


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
