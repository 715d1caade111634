"""One picture of the default's study: contenders against uniform, by set and condition."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from bench.study_methods import METHODS
from bench.study_runs import Run
from bench.study_tables import compared, fresh
from bench.study_tasks import CONDITIONS

if TYPE_CHECKING:
    from bench.default_study import Key

SHOWN = {
    "patient": ("patient", "#0072b2", "o"),
    "logdet_learnability_t1": ("log-det × learnability", "#d55e00", "s"),
    "logdet_agreement_t1": ("log-det × agreement", "#009e73", "D"),
    "jest": ("JEST", "#cc79a7", "^"),
    "rho_loss_t1": ("RHO-LOSS, drawn", "#999999", "v"),
    "bandit_probe": ("portfolio, probe's bandit", "#e69f00", "P"),
}
STEPS = (100, 300)


def draw(runs: Mapping[Key, Run], file: Path) -> None:
    """Mean difference to uniform in points with 95 % t intervals, fresh seeds, one panel a number of steps."""
    runs = fresh(runs)
    with plt.rc_context({"svg.hashsalt": "default", "svg.fonttype": "none", "font.size": 9}):
        figure, panels = plt.subplots(1, len(STEPS), figsize=(10, 6.4), sharey=True, layout="constrained")
        for axes, step in zip(panels, STEPS, strict=True):
            _panel(axes, runs, step)
        panels[0].set_yticks(range(len(CONDITIONS)), [f"{name}, {condition}" for name, condition in CONDITIONS])
        panels[0].invert_yaxis()
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
        figure.savefig(file, metadata={"Date": None})
        plt.close(figure)


def _panel(axes: Axes, runs: Mapping[Key, Run], step: int) -> None:
    axes.axvline(0, color="black", linewidth=0.8)
    for place, (method, (label, colour, marker)) in enumerate(SHOWN.items()):
        assert method in METHODS
        found = compared(runs, method, step)
        heights = [CONDITIONS.index(each) + 0.12 * (place - (len(SHOWN) - 1) / 2) for each in found]
        means = [100 * each.mean for each in found.values()]
        reach = [0.0 if each.high is None else 100 * (each.high - each.mean) for each in found.values()]
        axes.errorbar(
            means, heights, xerr=reach, fmt=marker, color=colour, markersize=4, elinewidth=0.9, capsize=2, label=label
        )
    for line in range(1, len(CONDITIONS)):
        axes.axhline(line - 0.5, color="0.9", linewidth=0.6, zorder=0)
    axes.set_title(f"after {step} steps")
    axes.set_xlabel("test accuracy less uniform's, points")
    axes.spines[["top", "right"]].set_visible(False)
