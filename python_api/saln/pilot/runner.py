"""A whole pilot, in stages where they are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from saln.catalogue import message
from saln.pilot.config import PilotConfig, PilotError
from saln.pilot.job import Job
from saln.pilot.judging.costs import reckon
from saln.pilot.output.result import PilotResult, Stage
from saln.pilot.stage import run_stage
from saln.pilot.training.run import Method
from saln.pilot.training.watch import Watcher


def run_pilot(
    job: Job,
    config: PilotConfig,
    methods: Sequence[Method],
    watcher: Watcher | None = None,
    *,
    work: Path | None = None,
    fresh: bool = False,
) -> PilotResult:
    """Compare methods at equal kept samples and equal steps, and at equal wall clock.

    Parameters
    ----------
    job : Job
        What is trained: `saln.pilot.builtin.BuiltinJob`, or one of the user's own, as `saln.pilot.compare` makes.
    config : PilotConfig
        Its `methods` are not read here: `methods` decides.
    methods : sequence of Method
        One of them named `uniform`, against which the others are judged.
    watcher : Watcher, optional
    work : Path, optional
        A folder for finished runs; those that are there already, of the same data and settings, are not run again.
    fresh : bool
        Run them again all the same.

    Returns
    -------
    PilotResult
        With stages, of the last that ran.

    Raises
    ------
    PilotError
        The settings do not fit the data, there is no uniform to compare with, or stages have no gates.

    Examples
    --------
    >>> from saln.datasets import load_builtin
    >>> from saln.pilot.builtin import BuiltinConfig, BuiltinJob
    >>> from saln.pilot.training.methods import make_methods
    >>> config = BuiltinConfig(seeds=2, steps=4, batch_size=16, evaluations=2, gates=("final_accuracy >= 0.999",))
    >>> result = run_pilot(BuiltinJob(load_builtin("digits")), config, make_methods(["rho_loss"]))
    >>> result.methods, result.gate_outcome
    (('uniform', 'rho_loss'), 'failed')
    """
    watcher = watcher or Watcher()
    if not config.stages:
        result = run_stage(job, config, methods, watcher, work, fresh)
        watcher.end()
        return result
    if not config.gates:
        raise PilotError("stages need gates: they decide whether the next one runs")
    taking_part, stages = list(methods), list[Stage]()
    last: PilotResult | None = None
    seconds = 0.0
    for share in config.stages:
        if last is not None and len(taking_part) < 2:
            reason = message("stage.stopped", share=last.config.train_share)
            stages.append(Stage(share, False, reason, 0, (), (), (), (), ()))
            continue
        why = message("stage.first")
        if last is not None:
            why = message("stage.passed", share=last.config.train_share, methods=_names(taking_part))
        last = run_stage(job, replace(config, train_share=share), taking_part, watcher, work, fresh)
        seconds += last.pilot_seconds
        passed = passing(last)
        stages.append(
            Stage(share, True, why, last.data.n_train, last.methods, passed, last.kpis, last.verdicts, last.gates)
        )
        taking_part = [each for each in taking_part if each.name == "uniform" or each.name in passed]
    watcher.end()
    if last is None:
        raise PilotError("stages must be at least one")
    costs = reckon(last.kpis, last.config, seconds)
    return replace(last, stages=tuple(stages), costs=costs, pilot_seconds=seconds)


def passing(result: PilotResult) -> tuple[str, ...]:
    """Methods that passed every gate that is about them, and at least one."""
    judged = {each.method for each in result.gates}
    missed = {each.method for each in result.gates if each.outcome != "passed"}
    return tuple(name for name in result.methods if name in judged - missed)


def _names(methods: Sequence[Method]) -> str:
    return ", ".join(each.name for each in methods if each.name != "uniform")
