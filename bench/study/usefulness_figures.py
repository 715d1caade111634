"""What the rank correlations of bench.usefulness say, with intervals over trained models."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Callable, Mapping

from bench.markdown import table
from bench.study.predictors import CHEAP, PREDICTORS
from bench.usefulness import CANDIDATES, PROPOSALS, STAGES, Key
from saln.pilot.judging.intervals import Interval, interval

Lines = Mapping[Key, dict[str, float]]
TESTS = len(PREDICTORS) * len(PROPOSALS)
"""Intervals looked at, to correct for."""
SHOWN = 12
"""Predictors in the short table, the strongest first."""


@dataclasses.dataclass(frozen=True)
class Correlation:
    """A predictor's mean rank correlation with the fall of the held-out loss.

    Attributes
    ----------
    found : Interval
        Over models: a model is a set, condition and seed, and its value the mean over its stages.
    certain : bool
        The t interval stays clear of 0 when corrected for all `TESTS` (Bonferroni).
    """

    found: Interval
    certain: bool


def model_means(lines: Lines, predictor: str, chosen: Callable[[Key], bool]) -> list[float]:
    """A value a model over the lines chosen; a predictor has none where it was the same for all batches."""
    models: dict[tuple[str, str, int], list[float]] = {}
    for key, values in lines.items():
        if chosen(key) and not math.isnan(values[predictor]):
            models.setdefault(key[:3], []).append(values[predictor])
    return [statistics.fmean(values) for values in models.values()]


def mean(lines: Lines, predictor: str, chosen: Callable[[Key], bool]) -> float:
    """Over models; NaN without any."""
    means = model_means(lines, predictor, chosen)
    return statistics.fmean(means) if means else math.nan


def correlation(lines: Lines, predictor: str, kind: str) -> Correlation | None:
    """Over all models, for a kind of proposals."""
    means = model_means(lines, predictor, lambda key: key.proposals == kind)
    if not means:
        return None
    found = interval(means, comparisons=TESTS)
    return Correlation(found, found.above(0.0) or found.below(0.0))


def agreement(lines: Lines, predictor: str, kind: str) -> tuple[int, int]:
    """In how many sets and conditions the mean correlation has the sign it has over all, and of how many."""
    overall = mean(lines, predictor, lambda key: key.proposals == kind)
    found = [
        mean(lines, predictor, lambda key, at=problem: (*key[:2], key.proposals) == (*at, kind))  # type: ignore[misc]
        for problem in dict.fromkeys(key[:2] for key in lines)
    ]
    return sum(value * overall > 0 for value in found), sum(value == value for value in found)


def all_correlations(lines: Lines) -> list[dict[str, object]]:
    """Every predictor over both kinds of proposals, the strongest first; means by condition and stage beside it."""
    rows: list[dict[str, object]] = []
    conditions = list(dict.fromkeys(key.condition for key in lines))
    parts = [*(("condition", value) for value in conditions), *(("stage", value) for value in STAGES)]
    for kind in PROPOSALS:
        found = {name: each for name in PREDICTORS if (each := correlation(lines, name, kind)) is not None}
        for name, each in sorted(found.items(), key=lambda pair: -abs(pair[1].found.mean)):
            bounds = (each.found.mean, each.found.low, each.found.high)
            row: dict[str, object] = {"proposals": kind, "predictor": name.replace(" quality", " × q")}
            row |= dict(zip(("mean", "low", "high"), map(_signed, bounds), strict=True))
            row |= {"certain": each.certain, "same_sign": "{} of {}".format(*agreement(lines, name, kind))}
            for field, value in parts:
                row[value] = _signed(_part(lines, name, kind, field, value))
            rows.append(row)
    return rows


def short_table(lines: Lines, found: list[dict[str, object]]) -> str:
    """The strongest predictors of varied proposals, and all that cost little."""
    if not lines:
        return "No results of `python -m bench.usefulness` yet."
    of_kind = {kind: [row for row in found if row["proposals"] == kind] for kind in PROPOSALS}
    plain = {row["predictor"]: row["mean"] for row in of_kind["uniform"]}
    rows = []
    for place, row in enumerate(of_kind["varied"]):
        name = row["predictor"]
        if place < SHOWN or name in CHEAP:
            mean = f"**{row['mean']}**" if row["certain"] else row["mean"]
            parts = [row[part] or "-" for part in list(row)[list(row).index("same_sign") :]]
            name = str(name).replace("_", " ")
            rows.append([name, f"{mean} [{row['low']}, {row['high']}]", *parts, plain[row["predictor"]]])
    names = list(found[0])[list(found[0]).index("same_sign") + 1 :]
    head = ("predictor", "mean ρ [95 %, all together]", "same sign in", *names, "ρ, uniform proposals")
    models = len({key[:3] for key in lines})
    stages = ", ".join(f"{stage} ({steps} steps)" for stage, steps in STAGES.items())
    what = (
        f"{models} models (sets × conditions × seeds) at {len(STAGES)} stages, {stages}; {CANDIDATES} batches of each "
        f"kind per stage; {len(PREDICTORS)} predictors. All {TESTS} intervals hold "
        "together with 95 % (Student's t over models, Bonferroni); **bold** marks those clear of 0."
    )
    return f"{what}\n\n{table(head, rows)}"


def _part(lines: Lines, name: str, kind: str, field: str, value: str) -> float:
    return mean(lines, name, lambda key: (key.proposals, getattr(key, field)) == (kind, value))


def _signed(value: float | None) -> str:
    return "" if value is None or value != value else f"{value:+.2f}"
