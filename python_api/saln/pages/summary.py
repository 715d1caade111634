"""What decides, for the first screen and the first printed page: the decision, what it saves, each method's verdict."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from saln.catalogue import Words, message
from saln.pages.page import render
from saln.pages.style import looks
from saln.pilot.judging.costs import SHORTEST, Costs
from saln.pilot.judging.intervals import Interval
from saln.pilot.judging.verdict import BETTER, EQUAL, GAIN, LOSS, NO_GAIN, STEPS_ONLY, WORSE, Verdict
from saln.pilot.output.result import PilotResult
from saln.pilot.output.words import (
    BASELINE,
    difference,
    final,
    metric_words,
    short_time,
    span,
    spent_once,
    times,
)

TONES = {
    BETTER: "better", WORSE: "worse", EQUAL: "none", GAIN: "better", STEPS_ONLY: "better", NO_GAIN: "none",
    LOSS: "worse", "passed": "better", "failed": "worse", "undecided": "none", "adopt": "better", "extend": "none",
    "stop": "worse",
}  # fmt: skip
Line = str
"""A message, or text that is the same in every language."""


def summary_html(result: PilotResult, lang: str = "en", command: str | None = None) -> str:
    """The decision, hours and money, risk, next stage and each method's verdict, as a piece of HTML without a page.

    Parameters
    ----------
    result : PilotResult
    lang : {"en", "ja"}
    command : str, optional
        What ran the pilot; the next stage is a change of it.

    Examples
    --------
    >>> from saln.datasets import load_builtin
    >>> from saln.pages import summary_html
    >>> from saln.pilot.builtin import BuiltinConfig, BuiltinJob
    >>> from saln.pilot.runner import run_pilot
    >>> from saln.pilot.training.methods import make_methods
    >>> config = BuiltinConfig(seeds=1, steps=4, batch_size=16, evaluations=2)
    >>> result = run_pilot(BuiltinJob(load_builtin("digits")), config, make_methods(["uniform"]))
    >>> "Only uniform was run" in summary_html(result)
    True
    """
    return render("pages/summary.html.j2", Words(lang), **summary(result, command))


def summary(result: PilotResult, command: str | None) -> dict[str, Any]:
    """What `summary.html.j2` shows."""
    decision = result.decision
    once = [] if result.costs is None else spent_once(result.costs)
    unit = message("unit.points") if result.metric.is_share else metric_words(result.metric)
    return {
        "result": result,
        "decision": decision,
        "tone": TONES[decision.outcome],
        "next_command": decision.command(command),
        "boxes": [
            ("saved", _saved(result)),
            ("once", once),
            ("risk", decision.risks),
        ],
        "columns": [
            message("verdict"),
            message("final", metric=metric_words(result.metric)),
            message("equal steps", unit=unit),
            message("equal time", unit=unit),
            message("speed"),
        ],
        "verdicts": _verdicts(result),
        "look": looks(result.methods),
        "tones": TONES,
    }


def in_money(found: Interval | None, costs: Costs, key: str = "money", sign: str = "") -> str:
    """A range of money, or nothing where there is none."""
    return "" if found is None else message(key, value=span(found, sign), currency=costs.currency)


def assumed(costs: Costs) -> str:
    """That the hours of a full training are those of the pilot, where it is so."""
    return message("saved.assumed") if costs.assumed else ""


def _saved(result: PilotResult) -> list[Line]:
    costs = result.costs
    worth = None if costs is None else costs.of(result.decision.method)
    if costs is None or worth is None:
        return [message("saved.unknown")]
    if worth.hours_saved is None:
        return [message("saved.short", seconds=short_time(costs.run_seconds), shortest=SHORTEST)]
    speed = next(each for each in result.verdicts if each.method == worth.method).found("speed_up")
    if speed is not None and speed.missed == speed.n:
        return [message("saved.never", method=worth.method, metric=metric_words(result.metric))]
    found: list[Line] = [message("saved.hours", method=worth.method, hours=span(worth.hours_saved))]
    if worth.money_saved is not None:
        found.append(in_money(worth.money_saved, costs, "money a year"))
    if worth.first_year is not None:
        found.append(message("saved.first_year", money=in_money(worth.first_year, costs, sign="+")))
    prices = {"price_per_hour": costs.price_per_hour, "people_price_per_hour": costs.people_cost}
    lacking = [name for name, price in prices.items() if price is None]
    if lacking:
        found.append(message("saved.prices", options=", ".join(lacking)))
    hours = f"{costs.full_training_hours:.3g}"
    share = 100 * costs.share_concerned
    basis = message(
        "saved.basis", trainings=f"{costs.trainings_per_year:g}", share=share, hours=hours, assumed=assumed(costs)
    )
    return [*found, basis]


def _verdicts(result: PilotResult) -> list[tuple[str, list[tuple[str, Line | Markup]]]]:
    """Each method with its verdict, its final value, and the figures that decide; every cell with its tone."""
    metric = result.metric
    judged = {each.method: each for each in result.verdicts}
    rows = []
    for kpis in result.kpis:
        verdict = judged.get(kpis.method)
        gain = ("", BASELINE) if verdict is None else (TONES[verdict.gain], message(verdict.gain))
        shown = {
            "final_accuracy": difference(kpis.against("final_accuracy"), metric),
            "lead_in_own_time": difference(kpis.against("lead_in_own_time"), metric),
            "speed_up": times(kpis.against("speed_up")),
        }
        answers = [(_tone(verdict, figure), text) for figure, text in shown.items()]
        rows.append((kpis.method, [gain, ("", final(kpis, metric)), *answers]))
    return rows


def _tone(verdict: Verdict | None, figure: str) -> str:
    found = None if verdict is None else verdict.outcome(figure)
    return "" if found is None else TONES[found]
