"""Figures about the metric and time. Each returns a drawn figure with the words for those who cannot see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from saln.catalogue import Message, Words, message
from saln.pages.page import Datum, Drawn
from saln.pages.style import INK, WIDTH, Look, legend_above, looks, plain_log_ticks, short_rows
from saln.pilot.judging.intervals import Interval, interval
from saln.pilot.judging.measures import MEASURES
from saln.pilot.output.result import PilotResult
from saln.pilot.output.words import difference, metric_words, value
from saln.pilot.training.run import Run

Panels = Sequence[tuple[Message, tuple[str, ...]]]
"""Title, and the figures in it: the last of two has everything counted."""

FEWEST_FOR_A_LINE = 3
"""Evaluations; of fewer each is marked."""


def gains(result: PilotResult, words: Words) -> Drawn:
    """Difference to uniform in the metric and in time, with intervals."""
    panels = (
        (message("gains.points", metric=metric_words(result.metric), unit=_unit(result)), ("final_accuracy",)),
        (message("gains.speed"), ("training_speed_up", "speed_up")),
    )
    return _against_uniform(result, words, "gains", words("gains"), [], panels)


def equal_time(result: PilotResult, words: Words) -> Drawn:
    """Difference to uniform in the metric after as many seconds, either way."""
    stopped = ("accuracy_in_uniforms_training_time", "accuracy_in_uniforms_time")
    longer = ("lead_in_own_training_time", "lead_in_own_time")
    panels = [(message("equal_time.stopped", unit=_unit(result)), stopped)]
    if result.longer:
        panels.append((message("equal_time.longer", unit=_unit(result)), longer))
    caption = [message("equal_time.caption", metric=metric_words(result.metric))]
    return _against_uniform(result, words, "equal-time", words("equal_time"), caption, panels)


def _unit(result: PilotResult) -> Message:
    return message("unit.points" if result.metric.is_share else "unit.own")


def _against_uniform(
    result: PilotResult, words: Words, name: str, title: str, caption: list[Message], panels: Panels
) -> Drawn:
    metric = result.metric
    scale, sign = (100.0, 1.0) if metric.is_share else (1.0, 1.0 if metric.higher_is_better else -1.0)
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
                    shown = found if by.as_ratio or sign > 0 else -found
                    _interval_bar(axes, at, shown, 1.0 if by.as_ratio else scale, look[kpis.method], hollow=place > 0)
                    data.append(Datum(each, kpis.method, found.mean, found.low, found.high))
        axes.axvline(by.neutral, color=INK, linewidth=1)
        axes.set_title(words.say(heading))
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
            for fill, label in ((INK, words("selection counted")), ("white", words("also counted")))
        ],
        loc="outside lower center",
        ncol=2,
        handletextpad=0.2,
        columnspacing=1.0,
    )
    first = panels[0][1][-1]
    alt = "; ".join(f"{kpis.method}: {difference(kpis.against(first), metric, bounds=False)}" for kpis in compared)
    caption = [*caption, message("together")]
    if sign < 0:
        caption.append(message("together.lower", metric=metric_words(metric)))
    return Drawn(name, figure, title, _sentences(words, caption), alt, tuple(data))


def _sentences(words: Words, said: Sequence[Message]) -> str:
    return (" " if words.language == "en" else "").join(_capital(words.say(each)) for each in said)


def curves_by_step(result: PilotResult, words: Words) -> Drawn:
    """Mean of the metric over steps, with the interval over seeds as a band."""
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    data = _curves(axes, result, words, lambda runs: [float(point.step) for point in runs[0].curve], "")
    target = result.metric.score(result.target)
    axes.axhline(target, color=INK, linewidth=0.8, linestyle=":")
    axes.annotate(
        words("curves.target", value=value(result.target, result.metric)), (0, target), va="bottom",
        xycoords=("axes fraction", "data"), xytext=(3, 1), textcoords="offset points", fontsize=9.5,
    )  # fmt: skip
    axes.set_xlabel(words("curves.steps"))
    legend_above(figure, axes)
    return Drawn(
        "curves-steps",
        figure,
        _capital(words("curves", metric=metric_words(result.metric))),
        words("curves.caption", seeds=result.config.seeds),
        "; ".join(
            words("curves.ends", method=kpis.method, value=value(kpis.known("final_accuracy"), result.metric))
            for kpis in result.kpis
        ),
        tuple(data),
    )


def curves_by_seconds(result: PilotResult, words: Words) -> Drawn:
    """Mean of the metric over mean seconds, without and with what had to be done first."""
    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    panels = figure.subplots(2, 1, sharex=True, sharey=True)
    data, longer = list[Datum](), _longer(result)
    for axes, with_setup in zip(panels, (False, True), strict=True):
        title = "clock.all" if with_setup else "clock.training"

        def seconds(runs: Sequence[Run], with_setup: bool = with_setup) -> list[float]:
            setup = float(np.mean([run.setup_seconds for run in runs])) if with_setup else 0.0
            of_seeds = np.mean([[point.seconds for point in run.curve] for run in runs], axis=0) + setup
            return [float(each) for each in of_seeds]

        data += _curves(axes, result, words, seconds, f"{title}: ")
        axes.set_title(words(title))
        axes.set_ylabel("")  # one for both
        if longer:
            axes.plot(*zip(*longer, strict=True), color=looks(result.methods)["uniform"].colour, linestyle=":", lw=1.8)
    data += [Datum("uniform trained on", *each) for each in longer]
    figure.supylabel(words("curves.test", metric=metric_words(result.metric)), fontsize=10)
    panels[1].set_xlabel(words("clock.seconds"))
    legend_above(figure, panels[0])
    return Drawn(
        "curves-seconds",
        figure,
        _capital(words("clock", metric=metric_words(result.metric))),
        _sentences(words, [message("clock.caption"), *([message("clock.longer")] if longer else [])]),
        "; ".join(
            words(
                "clock.alt", method=each.method, ms=1e3 * each.known("step_seconds"), setup=each.known("setup_seconds")
            )
            for each in result.kpis
        ),
        tuple(data),
    )


def cost_to_target(result: PilotResult, words: Words) -> Drawn:
    """Steps and seconds to the target."""
    figure = Figure(figsize=(WIDTH, 1.6 + 0.72 * len(result.kpis)), layout="constrained")
    panels = dict(zip(("steps", "training_time"), figure.subplots(2, 1), strict=True))
    look = looks(result.methods)
    for row, kpis in enumerate(result.kpis):
        colour = look[kpis.method].colour
        for name, axes in panels.items():
            found = kpis.intervals[f"{name}_to_accuracy"]
            if found is None:
                axes.annotate(f"  {words('target.not_reached')}", (0, row), va="center", fontsize=9.5)
                continue
            axes.barh(row, found.mean, color=colour, height=0.6)
            end = (kpis.mean("time_to_accuracy") or 0.0) if name != "steps" else found.mean
            if end > found.mean:
                axes.barh(row, end - found.mean, left=found.mean, color="white", ec=colour, hatch="////", height=0.6)
            all_seeds = found.n == result.config.seeds
            seeds = "" if all_seeds else f" {words('target.seeds', n=found.n, m=result.config.seeds)}"
            shown = f" {end:{'.0f' if name == 'steps' or end >= 100 else '.2g'}}{seeds}"
            axes.annotate(shown, (end, row), va="center", fontsize=9.5)
    metric = result.metric
    panels["steps"].set_title(words("target.steps", metric=metric_words(metric), value=value(result.target, metric)))
    panels["training_time"].set_title(words("target.seconds"))
    for axes in panels.values():
        short_rows(axes, result.methods, 30)
        axes.margins(x=0.22)
        axes.set_xlim(left=0.0)
    drawn = ("steps_to_accuracy", "training_time_to_accuracy", "time_to_accuracy")
    return Drawn(
        "target",
        figure,
        words("target"),
        words("target.caption"),
        "; ".join(
            f"{kpis.method}: {words('never') if steps is None else words('unit.steps', value=f'{steps:.0f}')}"
            for kpis in result.kpis
            for steps in [kpis.mean("steps_to_accuracy")]
        ),
        tuple(
            Datum(name, kpis.method, mean)
            for kpis in result.kpis
            for name in drawn
            if (mean := kpis.mean(name)) is not None
        ),
    )


def overhead(result: PilotResult, words: Words) -> Drawn:
    """Milliseconds of a step, selection and training apart."""
    figure = Figure(figsize=(WIDTH, 1.0 + 0.42 * len(result.kpis)), layout="constrained")
    axes = figure.subplots()
    look, data = looks(result.methods), list[Datum]()
    for row, kpis in enumerate(result.kpis):
        total, share = 1e3 * kpis.known("step_seconds"), kpis.known("overhead")
        training, colour = total * (1 - share), look[kpis.method].colour
        axes.barh(row, training, color=colour, alpha=0.45, height=0.6)
        axes.barh(row, total - training, left=training, color=colour, height=0.6)
        axes.annotate(f" {words('overhead.bar', ms=total, share=100 * share)}", (total, row), va="center", fontsize=9.5)
        parts = {"training, ms per step": training, "selection, ms per step": total - training}
        data += [Datum(part, kpis.method, value) for part, value in parts.items()]
    short_rows(axes, result.methods, 30)
    axes.set_xlim(0, 1e3 * max(kpis.known("step_seconds") for kpis in result.kpis) * 2.1)
    axes.set_xlabel(words("overhead.axis"))
    figure.legend(
        handles=[Patch(color=INK, alpha=0.45, label=words("training")), Patch(color=INK, label=words("selecting"))],
        loc="outside upper center",
        ncol=2,
    )
    return Drawn(
        "overhead",
        figure,
        words("overhead"),
        words("overhead.caption"),
        "; ".join(f"{kpis.method}: {100 * kpis.known('overhead'):.0f} %" for kpis in result.kpis),
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
    axes: Axes, result: PilotResult, words: Words, places: Callable[[Sequence[Run]], list[float]], prefix: str
) -> list[Datum]:
    """Mean of the metric of each method with its band, at places worked out from its runs."""
    data, metric = [], result.metric
    faint = min(0.15, 0.75 / len(result.methods))  # fainter where many lie on one another
    for method, look in looks(result.methods).items():
        runs = result.runs_of(method)
        found = [
            interval([metric.score(at.score) for at in of_seeds])
            for of_seeds in zip(*(run.curve for run in runs), strict=True)
        ]
        least, most = (0.0, 1.0) if metric.is_share else (-np.inf, np.inf)
        middle = [each.mean for each in found]
        low = [each.mean if each.low is None else max(least, each.low) for each in found]
        high = [each.mean if each.high is None else min(most, each.high) for each in found]
        x = places(runs)
        marker = look.marker if len(x) < FEWEST_FOR_A_LINE else None
        axes.plot(x, middle, color=look.colour, linestyle=look.line, linewidth=1.8, marker=marker, label=method)
        axes.fill_between(x, low, high, color=look.colour, alpha=faint, linewidth=0)
        data += [Datum(f"{prefix}{method}", *each) for each in zip(x, middle, low, high, strict=True)]
    axes.set_ylabel(words("curves.test", metric=metric_words(metric)))
    _leave_out_the_untrained(axes, result)
    return data


def _leave_out_the_untrained(axes: Axes, result: PilotResult) -> None:
    """Where the first part of the curves would squeeze the rest."""
    worst = min(min(run.curve[len(run.curve) // 8].score, run.final.score) for run in result.runs)
    best = max(point.score for run in result.runs for point in run.curve)
    room = 0.1 * (best - worst)
    if result.metric.is_share:
        axes.set_ylim(max(0.0, worst - room - 0.01), min(1.01, best + 1.5 * room + 0.01))
    elif room:
        axes.set_ylim(*sorted((result.metric.score(worst - room), result.metric.score(best + room))))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _longer(result: PilotResult) -> list[tuple[float, float]]:
    """Uniform trained on, mean over seeds: seconds and values, from where its run ended, as far as all seeds went."""
    curves = [each.curve for each in result.longer]
    if len({len(curve) for curve in curves}) != 1:
        return []
    ends = [run.final for run in result.runs_of("uniform")]
    found = [
        (
            float(np.mean([at.seconds for at in of_seeds])),
            result.metric.score(float(np.mean([at.score for at in of_seeds]))),
        )
        for of_seeds in (ends, *zip(*curves, strict=True))
    ]
    went_on = [
        all(at.seconds > end.seconds for at, end in zip(of_seeds, ends, strict=True))
        for of_seeds in zip(*curves, strict=True)
    ]
    return [found[0], *(each for each, further in zip(found[1:], went_on, strict=True) if further)]
