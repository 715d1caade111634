"""Learning curves in TensorBoard, Weights & Biases or MLflow while a pilot runs, and what came of it at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from saln.pilot.config import PilotError
from saln.pilot.training.point import Point
from saln.pilot.training.watch import Watcher

SUMMARY = "summary"
"""The run of a tracker that has what came of the pilot."""
FIGURES = ("final_accuracy", "speed_up", "lead_in_own_time")


def _installed(module: str, package: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise PilotError(f"{package}: not installed ({error}); pip install {package}") from error


class Tracker(Watcher):
    """A run of the tracker for each method and seed, with the figures of every evaluation; one more with the outcome.

    Parameters
    ----------
    open : callable
        Makes a run by its name.
    write : callable
        Writes named numbers of a step into a run.
    close : callable
        Ends a run, its outcome given in words and numbers where there is one.
    """

    def __init__(
        self,
        open: Callable[[str], Any],
        write: Callable[[Any, Mapping[str, float], int], None],
        close: Callable[[Any, Mapping[str, str | float]], None],
    ) -> None:
        self._open, self._write, self._close = open, write, close
        self._stage = ""
        self._runs: dict[str, Any] = {}

    def begin(self, methods: object, steps: int | None, share: float, done: object) -> None:
        """As in `Watcher`."""
        self._stage = "" if share == 1.0 else f"stage-{share:g}/"

    def point(self, method: str, seed: int, point: Point) -> None:
        """As in `Watcher`."""
        name = f"{self._stage}{method.replace(':', '-')}/seed-{seed}"
        if name not in self._runs:
            self._runs[name] = self._open(name)
        found = {**point.metrics, "seconds": point.seconds}
        if point.seconds:
            found["share of time selecting"] = point.selection_seconds / point.seconds
        self._write(self._runs[name], found, point.step)

    def end(self) -> None:
        """As in `Watcher`."""
        for run in self._runs.values():
            self._close(run, {})
        self._runs.clear()

    def outcome(self, result: Any) -> None:
        """As in `Watcher`."""
        decision = result.decision
        found: dict[str, str | float] = {"decision": decision.outcome, "reason": str(decision.reason)}
        for kpis in result.kpis:
            for name in FIGURES:
                value = kpis.mean(name)
                if value is not None:
                    score = name == "final_accuracy"
                    key = f"{kpis.method.replace(':', '-')}/{f'final {result.metric.words}' if score else name}"
                    found[key] = result.metric.score(value) if score else value
        self._close(self._open(SUMMARY), found)


def tensorboard(folder: Path) -> Tracker:
    """Event files below a folder, which `tensorboard --logdir` shows.

    Raises
    ------
    PilotError
        TensorBoard is not installed.
    """
    writer = _installed("torch.utils.tensorboard", "tensorboard").SummaryWriter

    def write(run: Any, found: Mapping[str, float], step: int) -> None:
        for name, value in found.items():
            run.add_scalar(name, value, step)
        run.flush()

    def close(run: Any, found: Mapping[str, str | float]) -> None:
        for name, value in found.items():
            (run.add_text if isinstance(value, str) else run.add_scalar)(name, value, 0)
        run.close()

    return Tracker(lambda name: writer(str(folder / name)), write, close)


def wandb(project: str) -> Tracker:
    """Runs of a Weights & Biases project, online or offline as `WANDB_MODE` says.

    Raises
    ------
    PilotError
        wandb is not installed.
    """
    library = _installed("wandb", "wandb")

    def close(run: Any, found: Mapping[str, str | float]) -> None:
        run.summary.update(dict(found))
        run.finish()

    return Tracker(
        lambda name: library.init(project=project, name=name, group="saln pilot", reinit="create_new"),
        lambda run, found, step: run.log(dict(found), step=step),
        close,
    )


def mlflow(experiment: str) -> Tracker:
    """Runs of an MLflow experiment, where `MLFLOW_TRACKING_URI` says.

    Raises
    ------
    PilotError
        MLflow is not installed.
    """
    client = _installed("mlflow", "mlflow-skinny").MlflowClient()
    known = client.get_experiment_by_name(experiment)
    place = known.experiment_id if known else client.create_experiment(experiment)

    def write(run: str, found: Mapping[str, float], step: int) -> None:
        for name, value in found.items():
            client.log_metric(run, name, value, step=step)

    def close(run: str, found: Mapping[str, str | float]) -> None:
        for name, value in found.items():
            (client.set_tag if isinstance(value, str) else client.log_metric)(run, name, value)
        client.set_terminated(run)

    return Tracker(lambda name: client.create_run(place, run_name=name).info.run_id, write, close)
