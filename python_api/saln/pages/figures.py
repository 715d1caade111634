"""Figures about accuracy and time. Each returns a drawn figure with the words for those who cannot see it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from saln.pages.page import Datum, Drawn
from saln.pages.style import INK, WIDTH, Look, legend_above, looks, plain_log_ticks, short_rows
from saln.pilot.judging.intervals import Interval, interval
from saln.pilot.judging.kpi import Kpis
from saln.pilot.output.result import PilotResult
from saln.pilot.training.trainer import Run


def gains(result: PilotResult) -> Drawn:
    """Difference to uniform in accuracy and in time, with intervals."""
    compared = [kpis for kpis in result.kpis if kpis.difference is not None]
    figure = Figure(figsize=(WIDTH, 1.7 + 0.62 * len(compared)), layout="constrained")
    top, bottom = figure.subplots(2, 1)
    look = looks(result.methods)
    for row, kpis in enumerate(compared):
        if kpis.difference is not None:
            _interval_bar(top, row, kpis.difference, 100.0, look[kpis.method])
        if kpis.speed_up is not None and kpis.speed_up_with_setup is not None:
            _interval_bar(bottom, row - 0.14, kpis.speed_up.ratio, 1.0, look[kpis.method])
            _interval_bar(bottom, row + 0.14, kpis.speed_up_with_setup.ratio, 1.0, look[kpis.method], hollow=True)
    for axes, neutral in ((top, 0.0), (bottom, 1.0)):
        axes.axvline(neutral, color=INK, linewidth=1)
        _method_rows(axes, compared)
    top.set_title("Final accuracy minus uniform's, points")
    bottom.set_title("Times as fast as uniform (log)")
    bottom.set_xscale("log")
    low, high = bottom.get_xlim()
    plain_log_ticks(bottom.xaxis, min(low, 0.8), max(high, 1.25))
    top.xaxis.set_major_locator(MaxNLocator(4))
    _legend_below(figure)
    return Drawn(
        "gains",
        figure,
        "Gain or loss against uniform",
        "Right of the line is better. Bars are 95\u00a0% intervals (Student's t) over seeds, paired by seed.",
        "; ".join(f"{kpis.method}: {_signed(kpis.difference)} points" for kpis in compared),
        (
            *(_datum("accuracy minus uniform's", kpis.method, kpis.difference) for kpis in compared),
            *(
                _datum("times as fast", kpis.method, kpis.speed_up.ratio if kpis.speed_up else None)
                for kpis in compared
            ),
            *(
                _datum(
                    "times as fast, all counted",
                    kpis.method,
                    kpis.speed_up_with_setup.ratio if kpis.speed_up_with_setup else None,
                )
                for kpis in compared
            ),
        ),
    )


def equal_time(result: PilotResult) -> Drawn:
    """Difference to uniform in accuracy after as many seconds, either way."""
    compared = [kpis for kpis in result.kpis if kpis.difference_equal_time is not None]
    panels: list[tuple[str, list[tuple[Interval | None, Interval | None]]]] = [
        (
            "Stopped when uniform was over, points",
            [(each.difference_equal_time, each.difference_equal_time_with_setup) for each in compared],
        )
    ]
    if any(each.difference_longer_uniform is not None for each in compared):
        longer = [(each.difference_longer_uniform, each.difference_longer_uniform_with_setup) for each in compared]
        panels.append(("Uniform trained on for as long, points", longer))
    figure = Figure(figsize=(WIDTH, 0.7 + len(panels) * (0.5 + 0.31 * len(compared))), layout="constrained")
    look = looks(result.methods)
    data: list[Datum] = []
    for axes, (title, found) in zip(np.atleast_1d(np.asarray(figure.subplots(len(panels), 1))), panels, strict=True):
        for row, (kpis, (training, everything)) in enumerate(zip(compared, found, strict=True)):
            for shift, each, hollow in ((-0.14, training, False), (0.14, everything, True)):
                if each is not None:
                    _interval_bar(axes, row + shift, each, 100.0, look[kpis.method], hollow=hollow)
                    counted = "everything counted" if hollow else "selection counted"
                    data.append(_datum(f"{title}, {counted}", kpis.method, each))
        axes.axvline(0.0, color=INK, linewidth=1)
        axes.set_title(title)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        _method_rows(axes, compared)
    _legend_below(figure)
    return Drawn(
        "equal-time",
        figure,
        "Equal wall clock",
        "Accuracy minus uniform's after as many seconds. Right of the line is better; 95\u00a0% intervals (Student's "
        "t) over seeds, paired by seed.",
        "; ".join(f"{kpis.method}: {_signed(kpis.difference_equal_time_with_setup)} points" for kpis in compared),
        tuple(data),
    )


def curves_by_step(result: PilotResult) -> Drawn:
    """Mean accuracy over steps, with the interval over seeds as a band."""
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    data: list[Datum] = []
    for method, look in looks(result.methods).items():
        runs = result.runs_of(method)
        steps = [point.step for point in runs[0].curve]
        middle, low, high = _band(runs)
        data += [Datum(method, *each) for each in zip(steps, middle, low, high, strict=True)]
        axes.plot(steps, middle, color=look.colour, linestyle=look.line, linewidth=1.8, label=method)
        axes.fill_between(steps, low, high, color=look.colour, alpha=_faint(result), linewidth=0)
    axes.axhline(result.target, color=INK, linewidth=0.8, linestyle=":")
    axes.annotate(
        f"target {result.target:.3f}", (0, result.target), xycoords=("axes fraction", "data"), va="bottom",
        xytext=(3, 1), textcoords="offset points", fontsize=8.5,
    )  # fmt: skip
    axes.set_xlabel("training steps (the same number of kept samples for all)")
    axes.set_ylabel(f"test {_metric(result)}")
    _focus(axes, result)
    legend_above(figure, axes)
    return Drawn(
        "curves-steps",
        figure,
        "Accuracy over steps",
        f"Mean of {result.config.seeds} seeds; bands are 95\u00a0% intervals (Student's t) of the mean.",
        "; ".join(f"{kpis.method} ends at {kpis.final_accuracy:.3f}" for kpis in result.kpis),
        tuple(data),
    )


def curves_by_seconds(result: PilotResult) -> Drawn:
    """Mean accuracy over mean seconds, without and with what had to be done first."""
    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    panels = figure.subplots(2, 1, sharex=True, sharey=True)
    data: list[Datum] = []
    for axes, with_setup in zip(panels, (False, True), strict=True):
        title = "features and reference network counted" if with_setup else "selection and training only"
        for method, look in looks(result.methods).items():
            runs = result.runs_of(method)
            setup = float(np.mean([run.setup_seconds for run in runs])) if with_setup else 0.0
            seconds = np.mean([[point.seconds for point in run.curve] for run in runs], axis=0) + setup
            middle, low, high = _band(runs)
            axes.plot(seconds, middle, color=look.colour, linestyle=look.line, linewidth=1.8, label=method)
            axes.fill_between(seconds, low, high, color=look.colour, alpha=_faint(result), linewidth=0)
            points = zip(seconds.tolist(), middle, low, high, strict=True)
            data += [Datum(f"{title}: {method}", *each) for each in points]
        longer = _longer(result)
        if longer is not None:
            colour = looks(result.methods)["uniform"].colour
            axes.plot(*longer, color=colour, linestyle=":", linewidth=1.8)
            if not with_setup:
                data += [Datum("uniform trained on", *each) for each in zip(*longer, strict=True)]
        axes.set_title(title)
        axes.set_ylabel(f"test {_metric(result)}")
        _focus(axes, result)
    panels[1].set_xlabel("seconds (evaluation not counted)")
    legend_above(figure, panels[0])
    return Drawn(
        "curves-seconds",
        figure,
        "Accuracy over wall-clock time",
        "Mean accuracy at the mean time of each evaluation; bands are 95\u00a0% intervals. Every method stops after "
        "the same number of steps."
        + (" Dotted: uniform trained on for as long as the others took." if result.longer else ""),
        "; ".join(
            f"{kpis.method}: {1e3 * kpis.step_seconds:.2f} ms a step, {kpis.setup_seconds:.2f} s beforehand"
            for kpis in result.kpis
        ),
        tuple(data),
    )


def cost_to_target(result: PilotResult) -> Drawn:
    """Steps and seconds to the target accuracy."""
    figure = Figure(figsize=(WIDTH, 1.6 + 0.72 * len(result.kpis)), layout="constrained")
    top, bottom = figure.subplots(2, 1)
    look = looks(result.methods)
    for row, kpis in enumerate(result.kpis):
        reached = kpis.target
        colour = look[kpis.method].colour
        for axes, value in ((top, reached.steps), (bottom, reached.seconds)):
            if value is None:
                axes.annotate("  not reached", (0, row), va="center", fontsize=9)
                continue
            axes.barh(row, value, color=colour, height=0.6)
            setup = (reached.seconds_with_setup or 0.0) - (reached.seconds or 0.0) if axes is bottom else 0.0
            if setup > 0:
                axes.barh(row, setup, left=value, color="white", edgecolor=colour, hatch="////", height=0.6)
            seeds = "" if reached.seeds == result.config.seeds else f" ({reached.seeds}/{result.config.seeds} seeds)"
            text = f" {value:.0f}" if axes is top else f" {value + setup:.2g}"
            axes.annotate(text + seeds, (value + setup, row), va="center", fontsize=9)
    top.set_title(f"Steps to {100 * result.target:.1f} % accuracy")
    bottom.set_title("Seconds (hatched: features, reference)")
    for axes in (top, bottom):
        _method_rows(axes, result.kpis)
        axes.margins(x=0.22)
        axes.set_xlim(left=0.0)
    return Drawn(
        "target",
        figure,
        "Cost of reaching the target",
        "Mean over the seeds that reached it, at the first evaluation at or above the target.",
        "; ".join(
            f"{kpis.method}: {'not reached' if kpis.target.steps is None else f'{kpis.target.steps:.0f} steps'}"
            for kpis in result.kpis
        ),
        tuple(
            Datum(unit, kpis.method, value)
            for kpis in result.kpis
            for unit, value in (
                ("steps", kpis.target.steps),
                ("seconds", kpis.target.seconds),
                ("seconds, everything counted", kpis.target.seconds_with_setup),
            )
            if value is not None
        ),
    )


def overhead(result: PilotResult) -> Drawn:
    """Milliseconds of a step, selection and training apart."""
    figure = Figure(figsize=(WIDTH, 1.0 + 0.42 * len(result.kpis)), layout="constrained")
    axes = figure.subplots()
    look = looks(result.methods)
    for row, kpis in enumerate(result.kpis):
        total = 1e3 * kpis.step_seconds
        training = total * (1 - kpis.overhead)
        colour = look[kpis.method].colour
        axes.barh(row, training, color=colour, alpha=0.45, height=0.6)
        axes.barh(row, total - training, left=training, color=colour, height=0.6)
        axes.annotate(f" {total:.2f} ms, {100 * kpis.overhead:.0f} % selecting", (total, row), va="center", fontsize=9)
    _method_rows(axes, result.kpis)
    axes.set_xlim(0, 1e3 * max(kpis.step_seconds for kpis in result.kpis) * 2.1)
    axes.set_xlabel("milliseconds a step")
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
        "; ".join(f"{kpis.method}: {100 * kpis.overhead:.0f} percent of the step" for kpis in result.kpis),
        tuple(
            Datum(part, kpis.method, 1e3 * kpis.step_seconds * share)
            for kpis in result.kpis
            for part, share in (("training, ms a step", 1 - kpis.overhead), ("selection, ms a step", kpis.overhead))
        ),
    )


def _legend_below(figure: Figure) -> None:
    figure.legend(
        handles=[
            Line2D([], [], color=INK, marker="o", linestyle="none", label="selection counted"),
            Line2D([], [], color=INK, marker="o", mfc="white", linestyle="none", label="features, reference too"),
        ],
        loc="outside lower center",
        ncol=2,
        handletextpad=0.2,
        columnspacing=1.0,
    )


def _datum(series: str, method: str, found: Interval | None) -> Datum:
    if found is None:
        return Datum(series, method, float("nan"))
    return Datum(series, method, found.mean, found.low, found.high)


def _interval_bar(axes: Axes, row: float, found: Interval, scale: float, look: Look, hollow: bool = False) -> None:
    if found.low is not None and found.high is not None:
        axes.plot([scale * found.low, scale * found.high], [row, row], color=look.colour, linewidth=2)
    axes.plot(
        [scale * found.mean], [row], marker="o", markersize=6, color=look.colour, mfc="white" if hollow else look.colour
    )


def _band(runs: Sequence[Run]) -> tuple[list[float], list[float], list[float]]:
    middle, low, high = [], [], []
    for points in zip(*(run.curve for run in runs), strict=True):
        found = interval([point.accuracy for point in points])
        middle.append(found.mean)
        low.append(found.mean if found.low is None else max(0.0, found.low))
        high.append(found.mean if found.high is None else min(1.0, found.high))
    return middle, low, high


def _faint(result: PilotResult) -> float:
    """Opacity of a band: fainter where many lie on one another."""
    return min(0.15, 0.75 / len(result.methods))


def _longer(result: PilotResult) -> tuple[list[float], list[float]] | None:
    """Uniform trained on, mean over seeds: seconds and accuracies, from where its run ended."""
    curves = [each.curve for each in result.longer]
    if not curves or len({len(curve) for curve in curves}) > 1:
        return None
    seconds = np.mean([[point.seconds for point in curve] for curve in curves], axis=0)
    accuracy = np.mean([[point.accuracy for point in curve] for curve in curves], axis=0)
    ends = [run.final for run in result.runs_of("uniform")]
    start = float(np.mean([end.seconds for end in ends]))
    later = seconds > start
    return (
        [start, *seconds[later].tolist()],
        [float(np.mean([end.accuracy for end in ends])), *accuracy[later].tolist()],
    )


def _metric(result: PilotResult) -> str:
    return result.config.metric.replace("_", " ")


def _focus(axes: Axes, result: PilotResult) -> None:
    """Leave the untrained part out of the picture where it would squeeze the rest."""
    finals = [run.final.accuracy for run in result.runs]
    early = [run.curve[len(run.curve) // 8].accuracy for run in result.runs]
    highest = max(point.accuracy for run in result.runs for point in run.curve)
    low = max(0.0, min(min(early), min(finals)) - 0.05)
    axes.set_ylim(low, min(1.01, highest + 0.15 * (highest - low) + 0.01))


def _method_rows(axes: Axes, kpis: Sequence[Kpis]) -> None:
    short_rows(axes, [each.method for each in kpis], 30)


def _signed(found: Interval | None) -> str:
    return "not compared" if found is None else f"{100 * found.mean:+.2f}"
