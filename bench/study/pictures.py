"""Pictures of the study, as SVG."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from bench.study.methods import DEFAULT
from bench.study.predictors import CHEAP, CRITERIA, SIMILARITIES
from bench.study.problems import SETS, Problem
from bench.study.results import Runs
from bench.study.speed import pairs, problems_of, speed
from bench.study.tables import AIM, FLOOR
from bench.study.usefulness_figures import Lines, mean
from saln.pilot.training.trainer import Run

# Okabe & Ito 2008: told apart by the colour-blind, too.
COLOURS = {
    "uniform": "#555555",
    "saln": "#CC79A7",
    "jest": "#E69F00",
    "rho_loss": "#56B4E9",
    "gradient_logdet": "#009E73",
    "gradient_logdet_learnable": "#0072B2",
    "gradient_logdet_patient": "#7F3C8D",
    "oracle": "#000000",
    DEFAULT: "#D55E00",
}
BANDED = ("uniform", DEFAULT)
STYLE = {
    "svg.hashsalt": "study",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
LIMITS = (0.05, 10.0)  # of ratios shown; beyond stands at the edge


def draw(runs: Runs, lines: Lines, folder: Path) -> list[str]:
    """Write every picture there is something for; their file names."""
    folder.mkdir(parents=True, exist_ok=True)
    with plt.rc_context(STYLE):
        made = {f"curves-{name}": _curves(runs, name) for name in dict.fromkeys(each.set for each in problems_of(runs))}
        if runs:
            made["speed"] = _speeds(runs)
        if lines:
            made["usefulness"] = _usefulness(lines)
        for name, figure in made.items():
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
            plt.close(figure)
    return [f"{name}.svg" for name in made]


def _curves(runs: Runs, name: str) -> Figure:
    """Accuracy over steps and over CPU seconds at total cost; a column a condition."""
    there = [each for each in problems_of(runs) if each.set == name]
    figure, axes = plt.subplots(2, len(there), figsize=(2.7 * len(there) + 0.5, 5.4), squeeze=False, sharey="col")
    for column, problem in zip(axes.T, there, strict=True):
        for method, colour in COLOURS.items():
            mine, _ = pairs(runs, problem, method, beside=method)
            if mine:
                _curve(column[0], [[point.step for point in run.curve] for run in mine], mine, method, colour)
                seconds = [[run.setup_seconds + point.seconds for point in run.curve] for run in mine]
                _curve(column[1], seconds, mine, method, colour)
        top = max(run.final.accuracy for key, run in runs.items() if key[:2] == problem)
        low = min(run.curve[1].accuracy for key, run in runs.items() if key[:2] == problem and key.method == "uniform")
        column[0].set_ylim(max(0.0, low - 0.05), min(1.0, top + 0.02))
        column[0].set_title(problem.condition, fontsize=9)
        column[0].set_xlabel("steps")
        column[1].set_xlabel("CPU seconds, total cost")
    metric = SETS[name].settings.get("metric", "accuracy").replace("_", " ").replace("roc auc", "area under ROC")
    for axis in axes[:, 0]:
        axis.set_ylabel(metric)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle(SETS[name].title, fontsize=10)
    figure.set_layout_engine("constrained")
    return figure


def _curve(axis: Axes, x: list[list[float]], mine: list[Run], method: str, colour: str) -> None:
    accuracy = np.array([[point.accuracy for point in run.curve] for run in mine])
    # Evaluations stand at the same steps in all seeds, at nearly the same seconds.
    at = np.array(x, dtype=np.float64).mean(axis=0)
    axis.plot(at, accuracy.mean(axis=0), color=colour, label=method, linewidth=1.8 if method in BANDED else 1.1)
    if method in BANDED:
        axis.fill_between(at, accuracy.min(axis=0), accuracy.max(axis=0), color=colour, alpha=0.18, linewidth=0)


def _speeds(runs: Runs) -> Figure:
    """How many times as fast as uniform, by steps and by seconds at total cost; a row a problem."""
    there = problems_of(runs)
    shown = [name for name in COLOURS if name != "uniform" and any(key.method == name for key in runs)]
    figure, axes = plt.subplots(1, 2, figsize=(9, 0.42 * len(there) + 1.6), sharey=True, layout="constrained")
    for axis, measure in zip(axes, ("steps", "everything"), strict=True):
        for place, method in enumerate(shown):
            for row, problem in enumerate(there):
                _ratio(axis, row + 0.7 * (place / max(1, len(shown) - 1) - 0.5), runs, problem, method, measure)
        for at, line in ((1.0, "-"), (FLOOR, ":"), (AIM, "--")):
            axis.axvline(at, color="#999999", linewidth=0.8, linestyle=line, zorder=0)
        axis.set_xscale("log")
        axis.set_xlim(LIMITS[0] / 1.2, LIMITS[1] * 1.2)
        axis.set_xticks([0.1, 0.2, 0.5, 1, 2, 5, 10])
        axis.xaxis.set_major_formatter(ScalarFormatter())
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.set_title("steps" if measure == "steps" else "CPU seconds, total cost", fontsize=9)
        axis.set_xlabel("times as fast as uniform to its final accuracy")
    axes[0].set_yticks(range(len(there)), [str(each) for each in there])
    axes[0].invert_yaxis()
    handles = [axes[0].plot([], [], "o", color=COLOURS[name], label=name, markersize=4)[0] for name in shown]
    handles.append(axes[0].plot([], [], "<", color="#777777", label="at most: some seeds never", markersize=4)[0])
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    return figure


def _ratio(axis: Axes, row: float, runs: Runs, problem: Problem, method: str, measure: str) -> None:
    found = speed(runs, problem, method, measure)
    if found is None:
        return
    mean, low, high = (
        None if value is None else min(max(value, LIMITS[0]), LIMITS[1])
        for value in (found.mean, found.low, found.high)
    )
    if low is not None and high is not None:
        axis.plot([low, high], [row, row], color=COLOURS[method], linewidth=0.9)
    axis.plot([mean], [row], "<" if found.missed else "o", color=COLOURS[method], markersize=3.5)


def _usefulness(lines: Lines) -> Figure:
    """Mean rank correlation of every predictor with the fall of the held-out loss, over varied proposals."""
    conditions = list(dict.fromkeys(key.condition for key in lines))
    columns = [(similarity, weighted) for weighted in ("", " quality") for similarity in SIMILARITIES]
    figure, axes = plt.subplots(
        2,
        len(conditions),
        figsize=(2.9 * len(conditions) + 0.8, 6.2),
        layout="constrained",
        squeeze=False,
        height_ratios=(len(CRITERIA), 0.75 * len(CHEAP)),
    )
    for (top, bottom), condition in zip(axes.T, conditions, strict=True):

        def at(predictor: str, condition: str = condition) -> float:
            return mean(lines, predictor, lambda key: (key.condition, key.proposals) == (condition, "varied"))

        spectral = [
            [at(f"{criterion} {similarity}{weighted}") for similarity, weighted in columns] for criterion in CRITERIA
        ]
        _heat(
            top, np.array(spectral), [f"{similarity}{' × q' if weighted else ''}" for similarity, weighted in columns]
        )
        top.set_title(condition, fontsize=9)
        cheap = [at(name) for name in CHEAP]
        colours = ["#0072B2" if value > 0 else "#D55E00" for value in cheap]
        bottom.barh(range(len(CHEAP)), cheap, color=colours, height=0.6)
        bottom.axvline(0, color="#999999", linewidth=0.8)
        bottom.set_xlim(-1, 1)
        bottom.set_yticks(range(len(CHEAP)), [""] * len(CHEAP))
        bottom.invert_yaxis()
        bottom.set_xlabel("mean rank correlation")
    axes[0, 0].set_yticks(range(len(CRITERIA)), [name.replace("_", " ") for name in CRITERIA])
    axes[1, 0].set_yticks(range(len(CHEAP)), [name.replace("_", " ") for name in CHEAP])
    return figure


def _heat(axis: Axes, values: np.ndarray, columns: list[str]) -> None:
    axis.imshow(values, cmap="PuOr_r", vmin=-0.7, vmax=0.7, aspect="auto")
    axis.set_xticks(range(len(columns)), columns, rotation=60, ha="right", fontsize=7.5)
    axis.set_yticks(range(len(CRITERIA)), [""] * len(CRITERIA))
    axis.tick_params(length=0)
    for (row, column), value in np.ndenumerate(values):
        if value == value:
            shade = "white" if abs(value) > 0.45 else "#222222"
            axis.text(column, row, f"{100 * value:.0f}", ha="center", va="center", fontsize=6.5, color=shade)
