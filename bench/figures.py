"""Pictures of the results, as SVG."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from bench import counts

OURS, THEIRS, TARGET = "#2a6f97", "#b0b7bf", "#c1121f"


def draw(results: dict[str, Any], folder: Path, stem: str) -> list[str]:
    """Write all pictures; names of the SVG files."""
    plt.rcParams.update({"svg.hashsalt": "bench", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    names = []
    for name, figure in (("counts", _counts(results)), ("ratios", _ratios(results))):
        figure.savefig(folder / f"{stem}-{name}.svg", metadata={"Date": None})
        plt.close(figure)
        names.append(f"{stem}-{name}.svg")
    return names


def _counts(results: dict[str, Any]) -> Figure:
    rows = results["counts"]
    figure, (total, each) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for index, name in enumerate(dict.fromkeys(row["call"] for row in rows)):
        color = THEIRS if name.startswith("torch") else (OURS, "#61a5c2")[index % 2]
        medians = counts.medians(rows, name)
        total.loglog(list(medians), list(medians.values()), "o-", color=color, label=name)
        each.loglog(list(medians), [1e6 * s / c for c, s in medians.items()], "o-", color=color, label=name)
        if not name.startswith("torch"):
            first = next((c for c in medians if c >= counts.LINEAR_FROM), min(medians))
            line = [medians[first] * c / first for c in medians]
            total.loglog(list(medians), line, ":", color=color, linewidth=0.8)
    _label(total, "Cost against the number of candidates (b = 64, d = 512)", "candidates C", "seconds (dotted: linear)")
    each.yaxis.set_major_formatter(ScalarFormatter())
    each.yaxis.set_minor_formatter(ScalarFormatter())
    each.tick_params(axis="y", which="minor", labelsize=6)
    _label(each, "Cost of one candidate", "candidates C", "microseconds")
    return figure


def _ratios(results: dict[str, Any]) -> Figure:
    cases = results["cases"]
    figure, axes = plt.subplots(1, len(cases), figsize=(5 * len(cases), 5.5), layout="constrained", squeeze=False)
    for axis, case in zip(axes[0], cases, strict=True):
        chosen = [v for v in case["variants"] if (not v["ours"] or v["threads"] == 2) and v["group"] != "sgemm"]
        chosen.sort(key=lambda v: v["ratio_torch"])
        colors = [OURS if v["ours"] else THEIRS for v in chosen]
        bars = axis.barh([v["name"] for v in chosen], [v["ratio_torch"] for v in chosen], color=colors)
        paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}  # the target's line goes behind the values
        axis.bar_label(bars, fmt="%.2g", padding=2, fontsize=7, bbox=paper)
        axis.axvline(case["ratio_target"], color=TARGET, linewidth=0.8, linestyle="--")
        axis.set_xscale("log")
        axis.set_xlim(0.02, 40)
        axis.set_xticks([0.1, 1, 10], ["0.1", "1", "10"])
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.tick_params(axis="y", labelsize=7)
        axis.set_title(f"{case['name']}: {case['shape']}", fontsize=8)
        axis.set_xlabel("times as fast as gather + bmm + eigvalsh\n(dashed: target of exact)", fontsize=8)
    return figure


def _label(axis: Axes, title: str, x: str, y: str) -> None:
    axis.set_title(title)
    axis.set_xlabel(x)
    axis.set_ylabel(y)
    axis.grid(True, which="major", linewidth=0.3)
    axis.legend(frameon=False)
