"""Figures about accuracy and time. Each returns a drawn figure with the words for those who cannot see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from saln.pages.page import Datum, Drawn
from saln.pages.style import INK, WIDTH, Look, legend_above, looks, plain_log_ticks, short_rows
from saln.pilot.judging.intervals import Interval, interval
from saln.pilot.judging.measures import MEASURES
from saln.pilot.output.result import PilotResult
from saln.pilot.output.words import points
from saln.pilot.training.run import Run

TOGETHER = (
    "Right of the line is better. Bars are the intervals that decide: by each figure, those of all methods hold "
    "together with 95\u00a0%. ◁ is the most it can have been."
)
Panels = Sequence[tuple[str, tuple[str, ...]]]
"""Title, and the figures in it: the last of two has everything counted."""


def gains(result: PilotResult) -> Drawn:
    """Difference to uniform in accuracy and in time, with intervals."""
    panels = (
        ("Final accuracy minus uniform's, points", ("final_accuracy",)),
        ("Times as fast as uniform (log)", ("training_speed_up", "speed_up")),
    )
    return _against_uniform(result, "gains", "Gain or loss against uniform", TOGETHER, panels)


def equal_time(result: PilotResult) -> Drawn:
    """Difference to uniform in accuracy after as many seconds, either way."""
    stopped = ("accuracy_in_uniforms_training_time", "accuracy_in_uniforms_time")
    longer = ("lead_in_own_training_time", "lead_in_own_time")
    panels = [("Stopped when uniform was over, points", stopped)]
    if result.longer:
        panels.append(("Uniform trained on for as long, points", longer))
    caption = f"Accuracy minus uniform's after as many seconds. {TOGETHER}"
    return _against_uniform(result, "equal-time", "Equal wall clock", caption, panels)


def _against_uniform(result: PilotResult, name: str, title: str, caption: str, panels: Panels) -> Drawn:
    compared = result.kpis[1:]
    figure = Figure(figsize=(WIDTH, 0.7 + len(panels) * (0.5 + 0.31 * len(compared))), layout="constrained")
    look, data = looks(result.methods), list[Datum]()
    for axes, (heading, names) in zip(np.atleast_1d(figure.subplots(len(panels), 1)), panels, strict=True):
        by = MEASURES[names[0]]
        for row, kpis in enumerate(compared):
            for place, each in enumerate(names):
                found = kpis.against(each)
                if found is not None:
                    at = row + 0.28 * (place - (len(names) - 1) / 2)
                    _interval_bar(axes, at, found, 1.0 if by.as_ratio else 100.0, look[kpis.method], hollow=place > 0)
                    data.append(Datum(each, kpis.method, found.mean, found.low, found.high))
        axes.axvline(by.neutral, color=INK, linewidth=1)
        axes.set_title(heading)
        short_rows(axes, [kpis.method for kpis in compared], 30)
        if by.as_ratio:
            axes.set_xscale("log")
            low, high = axes.get_xlim()
            plain_log_ticks(axes.xaxis, max(min(low, 0.8), 1e-3), min(max(high, 1.25), 1e3))
        else:
            axes.xaxis.set_major_locator(MaxNLocator(4))
    figure.legend(
        handles=[
            Line2D([], [], marker="o", linestyle="none", color=INK, mfc=fill, label=label)
            for fill, label in ((INK, "selection counted"), ("white", "features, reference too"))
        ],
        loc="outside lower center",
        ncol=2,
        handletextpad=0.2,
        columnspacing=1.0,
    )
    first = panels[0][1][-1]
    alt = "; ".join(f"{kpis.method}: {points(kpis.against(first), bounds=False)} points" for kpis in compared)
    return Drawn(name, figure, title, caption, alt, tuple(data))


def curves_by_step(result: PilotResult) -> Drawn:
    """Mean accuracy over steps, with the interval over seeds as a band."""
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    data = _curves(axes, result, lambda runs: [float(point.step) for point in runs[0].curve], "")
    axes.axhline(result.target, color=INK, linewidth=0.8, linestyle=":")
    axes.annotate(
        f"target {result.target:.3f}", (0, result.target), xycoords=("axes fraction", "data"), va="bottom",
        xytext=(3, 1), textcoords="offset points", fontsize=8.5,
    )  # fmt: skip
    axes.set_xlabel("training steps (the same number of kept samples for all)")
    legend_above(figure, axes)
    return Drawn(
        "curves-steps",
        figure,
        "Accuracy over steps",
        f"Mean of {result.config.seeds} seeds; bands are 95\u00a0% intervals (Student's t) of the mean, one by one.",
        "; ".join(f"{kpis.method} ends at {kpis.known('final_accuracy'):.3f}" for kpis in result.kpis),
        tuple(data),
    )


def curves_by_seconds(result: PilotResult) -> Drawn:
    """Mean accuracy over mean seconds, without and with what had to be done first."""
    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    panels = figure.subplots(2, 1, sharex=True, sharey=True)
    data, longer = list[Datum](), _longer(result)
    for axes, with_setup in zip(panels, (False, True), strict=True):
        title = "features and reference network counted" if with_setup else "selection and training only"

        def seconds(runs: Sequence[Run], with_setup: bool = with_setup) -> list[float]:
            setup = float(np.mean([run.setup_seconds for run in runs])) if with_setup else 0.0
            of_seeds = np.mean([[point.seconds for point in run.curve] for run in runs], axis=0) + setup
            return [float(each) for each in of_seeds]

        data += _curves(axes, result, seconds, f"{title}: ")
        axes.set_title(title)
        if longer:
            axes.plot(*zip(*longer, strict=True), color=looks(result.methods)["uniform"].colour, linestyle=":", lw=1.8)
    data += [Datum("uniform trained on", *each) for each in longer]
    panels[1].set_xlabel("seconds (evaluation not counted)")
    legend_above(figure, panels[0])
    return Drawn(
        "curves-seconds",
        figure,
        "Accuracy over wall-clock time",
        "Mean accuracy at the mean time of each evaluation; bands are 95\u00a0% intervals, one by one. Every method "
        "stops after the same number of steps."
        + (" Dotted: uniform trained on for as long as the others took." if longer else ""),
        "; ".join(
            f"{kpis.method}: {1e3 * kpis.known('step_seconds'):.2f} ms per step, {kpis.known('setup_seconds'):.2f} s "
            "beforehand"
            for kpis in result.kpis
        ),
        tuple(data),
    )


def cost_to_target(result: PilotResult) -> Drawn:
    """Steps and seconds to the target accuracy."""
    figure = Figure(figsize=(WIDTH, 1.6 + 0.72 * len(result.kpis)), layout="constrained")
    panels = dict(zip(("steps", "training_time"), figure.subplots(2, 1), strict=True))
    look = looks(result.methods)
    for row, kpis in enumerate(result.kpis):
        colour = look[kpis.method].colour
        for name, axes in panels.items():
            found = kpis.intervals[f"{name}_to_accuracy"]
            if found is None:
                axes.annotate("  not reached", (0, row), va="center", fontsize=9)
                continue
            axes.barh(row, found.mean, color=colour, height=0.6)
            end = (kpis.mean("time_to_accuracy") or 0.0) if name != "steps" else found.mean
            if end > found.mean:
                axes.barh(row, end - found.mean, left=found.mean, color="white", ec=colour, hatch="////", height=0.6)
            seeds = "" if found.n == result.config.seeds else f" ({found.n}/{result.config.seeds} seeds)"
            axes.annotate(f" {end:{'.0f' if name == 'steps' else '.2g'}}{seeds}", (end, row), va="center", fontsize=9)
    panels["steps"].set_title(f"Steps to {100 * result.target:.1f} % accuracy")
    panels["training_time"].set_title("Seconds (hatched: features, reference)")
    for axes in panels.values():
        short_rows(axes, result.methods, 30)
        axes.margins(x=0.22)
        axes.set_xlim(left=0.0)
    shown = ("steps_to_accuracy", "training_time_to_accuracy", "time_to_accuracy")
    return Drawn(
        "target",
        figure,
        "Cost of reaching the target",
        "Mean over the seeds that reached it, at the first evaluation at or above the target.",
        "; ".join(
            f"{kpis.method}: {'not reached' if steps is None else f'{steps:.0f} steps'}"
            for kpis in result.kpis
            for steps in [kpis.mean("steps_to_accuracy")]
        ),
        tuple(
            Datum(name, kpis.method, value)
            for kpis in result.kpis
            for name in shown
            if (value := kpis.mean(name)) is not None
        ),
    )


def overhead(result: PilotResult) -> Drawn:
    """Milliseconds of a step, selection and training apart."""
    figure = Figure(figsize=(WIDTH, 1.0 + 0.42 * len(result.kpis)), layout="constrained")
    axes = figure.subplots()
    look, data = looks(result.methods), list[Datum]()
    for row, kpis in enumerate(result.kpis):
        total, share = 1e3 * kpis.known("step_seconds"), kpis.known("overhead")
        training, colour = total * (1 - share), look[kpis.method].colour
        axes.barh(row, training, color=colour, alpha=0.45, height=0.6)
        axes.barh(row, total - training, left=training, color=colour, height=0.6)
        axes.annotate(f" {total:.2f} ms, {100 * share:.0f} % selecting", (total, row), va="center", fontsize=9)
        parts = {"training, ms per step": training, "selection, ms per step": total - training}
        data += [Datum(part, kpis.method, value) for part, value in parts.items()]
    short_rows(axes, result.methods, 30)
    axes.set_xlim(0, 1e3 * max(kpis.known("step_seconds") for kpis in result.kpis) * 2.1)
    axes.set_xlabel("milliseconds per step")
    figure.legend(
        handles=[Patch(color=INK, alpha=0.45, label="training"), Patch(color=INK, label="selection")],
        loc="outside upper center",
        ncol=2,
    )
    return Drawn(
        "overhead",
        figure,
        "What selection costs",
        "Mean time of a step. Losses of the whole super-batch, where a method needs them, count as selection.",
        "; ".join(f"{kpis.method}: {100 * kpis.known('overhead'):.0f} percent of the step" for kpis in result.kpis),
        tuple(data),
    )


def _interval_bar(axes: Axes, row: float, found: Interval, scale: float, look: Look, hollow: bool) -> None:
    low = found.mean if found.low is None else found.low
    if found.high is not None:
        axes.plot([scale * low, scale * found.high], [row, row], color=look.colour, linewidth=2)
    axes.plot(
        [scale * found.mean], [row], marker="<" if found.missed else "o", markersize=6, color=look.colour,
        mfc="white" if hollow else look.colour,
    )  # fmt: skip


def _curves(
    axes: Axes, result: PilotResult, places: Callable[[Sequence[Run]], list[float]], prefix: str
) -> list[Datum]:
    """Mean accuracy of each method with its band, at places worked out from its runs."""
    data = []
    faint = min(0.15, 0.75 / len(result.methods))  # fainter where many lie on one another
    for method, look in looks(result.methods).items():
        runs = result.runs_of(method)
        found = [interval([at.score for at in of_seeds]) for of_seeds in zip(*(r.curve for r in runs), strict=True)]
        middle = [each.mean for each in found]
        low = [each.mean if each.low is None else max(0.0, each.low) for each in found]
        high = [each.mean if each.high is None else min(1.0, each.high) for each in found]
        x = places(runs)
        axes.plot(x, middle, color=look.colour, linestyle=look.line, linewidth=1.8, label=method)
        axes.fill_between(x, low, high, color=look.colour, alpha=faint, linewidth=0)
        data += [Datum(f"{prefix}{method}", *each) for each in zip(x, middle, low, high, strict=True)]
    axes.set_ylabel(f"test {result.metric.words}")
    # Leave the untrained part out of the picture where it would squeeze the rest.
    early = [run.curve[len(run.curve) // 8].score for run in result.runs]
    finals = [run.final.score for run in result.runs]
    highest = max(point.score for run in result.runs for point in run.curve)
    lowest = max(0.0, min(*early, *finals) - 0.05)
    axes.set_ylim(lowest, min(1.01, highest + 0.15 * (highest - lowest) + 0.01))
    return data


def _longer(result: PilotResult) -> list[tuple[float, float]]:
    """Uniform trained on, mean over seeds: seconds and accuracies, from where its run ended."""
    curves = [each.curve for each in result.longer]
    if len({len(curve) for curve in curves}) != 1:
        return []
    ends = [run.final for run in result.runs_of("uniform")]
    found = [
        (float(np.mean([at.seconds for at in of_seeds])), float(np.mean([at.score for at in of_seeds])))
        for of_seeds in (ends, *zip(*curves, strict=True))
    ]
    return [found[0], *(each for each in found[1:] if each[0] > found[0][0])]
