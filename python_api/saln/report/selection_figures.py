"""Figures about what was chosen: classes and spectra."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from saln.pilot.result import PilotResult
from saln.report.figures import Drawn
from saln.report.style import INK, WIDTH, legend_above, looks

CLASSES_SHOWN = 20
NAME_LENGTH = 18


def coverage(result: PilotResult) -> Drawn:
    """Share of each class among chosen samples over its share among those offered."""
    pool = np.asarray(result.selections[0].pool_share)
    ratios = {each.method: np.asarray(each.class_share) / np.where(pool > 0, pool, 1.0) for each in result.selections}
    departure = np.max([np.abs(ratio - 1) for ratio in ratios.values()], axis=0)
    shown = np.sort(np.argsort(-departure, kind="stable")[:CLASSES_SHOWN])
    figure = Figure(figsize=(WIDTH, 1.1 + 0.27 * len(shown)), layout="constrained")
    axes = figure.subplots()
    for method, look in looks(result.methods).items():
        axes.plot(
            ratios[method][shown], range(len(shown)), linestyle="none", marker=look.marker, markersize=6.5,
            color=look.colour, mec="white", mew=0.5, label=method,
        )  # fmt: skip
    axes.axvline(1.0, color=INK, linewidth=1)
    names = [result.data.class_names[i] for i in shown]
    axes.set_yticks(
        range(len(shown)), [name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1] + "…" for name in names]
    )
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_ylabel("class")
    axes.set_xlim(left=0.0, right=max(1.2, axes.get_xlim()[1]))
    axes.set_xlabel("share among chosen / share among offered")
    legend_above(figure, axes, handlelength=1.2)
    left_out = len(pool) - len(shown)
    extremes = [
        f"{method}: from {ratio.min():.2f} to {ratio.max():.2f} times its share" for method, ratio in ratios.items()
    ]
    return Drawn(
        "coverage",
        figure,
        "Which classes were chosen",
        "1 is as often as offered; below 1 a class is starved."
        + (f" The {len(shown)} classes that depart most; {left_out} others are not shown." if left_out else ""),
        "; ".join(extremes),
    )


def spectra(result: PilotResult) -> Drawn:
    """Mean eigenvalues of the cosine Gram matrices of chosen batches."""
    figure = Figure(figsize=(WIDTH, 3.1), layout="constrained")
    axes = figure.subplots()
    look = looks(result.methods)
    smallest = 1e-3
    for each in result.selections:
        values = np.maximum(np.asarray(each.spectrum), smallest)
        style = look[each.method]
        numbers = range(1, len(values) + 1)
        axes.plot(numbers, values, color=style.colour, linestyle=style.line, linewidth=1.8, label=each.method)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("eigenvalue number (log)")
    axes.set_ylabel("eigenvalue (log)")
    legend_above(figure, axes)
    return Drawn(
        "spectra",
        figure,
        "Spectra of the chosen batches",
        "Cosine Gram matrices of the features selectors saw; mean over steps and seeds. A flatter line is a batch of "
        f"more independent samples. Values below {smallest:g} are drawn there.",
        "; ".join(f"{each.method}: effective rank {each.effective_rank:.1f}" for each in result.selections),
    )
