"""Success criteria given beforehand, and whether they were met.

A gate is one line, `[METHOD:] FIGURE OP BOUND`:

- FIGURE: a name of `saln.pilot.judging.measures.MEASURES`, with the metric that runs are judged by in place of
  accuracy where it is another; or `final_` and any metric that the training reports
- OP: `<=`, `<`, `>=` or `>`
- BOUND: `0.9`, `uniform`, `0.8 * uniform`, `uniform * 0.8`, `uniform + 0.01` or `uniform - 0.01`; uniform's is the
  value of the same seed
- METHOD: as in `--methods`; every method but uniform where it is left out
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from saln.pilot.config import PilotError
from saln.pilot.judging.intervals import DIGITS, Interval, interval
from saln.pilot.judging.kpi import Kpis
from saln.pilot.judging.measures import FINAL, MEASURES, figure_named, measures

GateOutcome = Literal["passed", "failed", "undecided"]
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
PATTERN = re.compile(rf"""\s*(?:(?P<method>\S+?)\s*:\s+|(?P<tight>\S+):)?(?P<figure>[a-z_]+)\s*(?P<op><=|>=|<|>)\s*
    (?:(?P<number>{NUMBER})(?P<times>\s*\*\s*uniform)?|uniform(?:\s*(?P<sign>[*+-])\s*(?P<other>{NUMBER}))?)\s*""",
    re.VERBOSE,
)  # fmt: skip
HELP = (
    "wanted FIGURE, one of <= < >= >, and a number, uniform, NUMBER * uniform or uniform + NUMBER, "
    "such as 'time_to_accuracy <= 0.8 * uniform'"
)


@dataclass(frozen=True)
class Gate:
    """One criterion: `figure op factor × uniform + offset`.

    Attributes
    ----------
    text : str
        As it was given.
    method : str or None
        None for every method.
    figure : str
    op : str
    factor, offset : float
        A factor of 0 leaves uniform out.
    """

    text: str
    method: str | None
    figure: str
    op: str
    factor: float
    offset: float

    @property
    def wants_low(self) -> bool:
        return self.op.startswith("<")


@dataclass(frozen=True)
class GateVerdict:
    """Whether a method met a criterion.

    Attributes
    ----------
    gate : str
        As it was given.
    method : str
    figure : str
    unit : str
        Of value, bound and margin; empty for shares, ratios and counts.
    outcome : {"passed", "failed", "undecided"}
        Passed and failed need the interval of the margin on one side of 0.
    value, bound : float or None
        Means over the seeds that have one.
    margin : Interval or None
        What is left to the bound, paired by seed: above 0 is met. The margins of all methods that the gate is about
        hold together with 95 %. None where a seed lacks the value or its bound.
    missed : int
        Seeds in which the method never got to the target, or to uniform's final accuracy where that is the figure's.
    """

    gate: str
    method: str
    figure: str
    unit: str
    outcome: GateOutcome
    value: float | None
    bound: float | None
    margin: Interval | None
    missed: int


def parse_gate(text: str, metric: str | None = None) -> Gate:
    """One line as a gate; figures may be named after the metric that runs are judged by, any where it is None.

    Raises
    ------
    PilotError
        It is not in the grammar, or names no figure.

    Examples
    --------
    >>> from saln.pilot.judging.gates import parse_gate
    >>> gate = parse_gate("time_to_accuracy <= 0.8 * uniform")
    >>> gate.figure, gate.op, gate.factor, gate.offset
    ('time_to_accuracy', '<=', 0.8, 0.0)
    >>> parse_gate("guard:jest: final_accuracy >= uniform - 0.005").method
    'guard:jest'
    """
    found = PATTERN.fullmatch(text)
    if found is None:
        raise PilotError(f"gate '{text}': {HELP}")
    figure = figure_named(found["figure"], metric)
    if figure not in MEASURES and not figure.startswith(FINAL):
        raise PilotError(f"gate '{text}': no figure named '{found['figure']}'; there are {', '.join(MEASURES)}")
    factor, offset = 0.0, 0.0
    if found["number"] is None:
        factor = 1.0
        if found["sign"] == "*":
            factor = float(found["other"])
        elif found["sign"]:
            offset = float(found["other"]) * (-1.0 if found["sign"] == "-" else 1.0)
    elif found["times"]:
        factor = float(found["number"])
    else:
        offset = float(found["number"])
    return Gate(text.strip(), found["method"] or found["tight"], figure, found["op"], factor, offset)


def read_gates(path: Path) -> tuple[str, ...]:
    """Gates from a file: a list `gates` in TOML or JSON, or a JSON list, or one a line with # comments (any other).

    Raises
    ------
    PilotError
        The file cannot be read, or holds something else.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PilotError(f"{path}: cannot be read: {error}") from error
    if path.suffix.lower() not in (".toml", ".json"):
        lines = (line.split("#", 1)[0].strip().removeprefix("- ").strip("\"'") for line in text.splitlines())
        return tuple(line for line in lines if line and line != "gates:")
    document = _document(path, text)
    gates = document.get("gates") if isinstance(document, dict) else document
    if not isinstance(gates, list) or not all(isinstance(each, str) for each in gates):
        raise PilotError(f"{path}: wanted a list of strings named gates")
    return tuple(gates)


def _document(path: Path, text: str) -> Any:
    try:
        if path.suffix.lower() == ".json":
            return json.loads(text)
        if sys.version_info < (3, 11):
            raise PilotError(f"{path}: TOML needs Python 3.11; write the gates as JSON, or one a line in a .txt file")
        import tomllib

        return tomllib.loads(text)
    except PilotError:
        raise
    except (ValueError, RecursionError) as error:
        raise PilotError(f"{path}: {error}") from error


def judge_gates(gates: Sequence[Gate], kpis: Sequence[Kpis], currency: str = "EUR") -> tuple[GateVerdict, ...]:
    """Every gate for every method it is about."""
    base = next(each for each in kpis if each.method == "uniform")
    compared = [each for each in kpis if each.method != "uniform"]
    return tuple(
        _judge(gate, each, base, len(compared) if gate.method is None else 1, currency)
        for each in compared
        for gate in gates
        if gate.method in (None, each.method)
    )


def check_gates(gates: Sequence[Gate], methods: Sequence[str], price_per_hour: float | None) -> None:
    """A PilotError where a gate could never be judged: known before anything is run."""
    for gate in gates:
        if gate.method is not None and gate.method not in methods:
            raise PilotError(f"gate '{gate.text}': '{gate.method}' is none of the methods {', '.join(methods)}")
        if gate.figure.startswith("cost") and price_per_hour is None:
            raise PilotError(f"gate '{gate.text}': needs a price (price_per_hour)")


def check_reported(gates: Sequence[Gate], reported: Mapping[str, float]) -> None:
    """A PilotError where a gate is about a metric that the training does not report: known after one evaluation."""
    known = measures(reported)
    for gate in gates:
        if gate.figure not in known:
            there = ", ".join(name for name in known if name.startswith(FINAL))
            raise PilotError(f"gate '{gate.text}': the training reports no such metric; there are {there}")


def _judge(gate: Gate, kpis: Kpis, base: Kpis, comparisons: int, currency: str) -> GateVerdict:
    values = kpis.values[gate.figure]
    bounds = [_bound(gate, value) for value in base.values[gate.figure]]
    excess = [round(a - b, DIGITS) for a, b in zip(values, bounds, strict=True) if a is not None and b is not None]
    own, unit = kpis.intervals[gate.figure], MEASURES[gate.figure].unit if gate.figure in MEASURES else ""
    at_most = 0 if own is None else own.missed
    margin = None
    if len(excess) == len(values):
        margin = interval(excess, comparisons=comparisons, missed=at_most)
        margin = -margin if gate.wants_low else margin
    lacking = sum(value is None for value in values)
    return GateVerdict(
        gate.text,
        kpis.method,
        gate.figure,
        currency if unit == "currency" else unit,
        _outcome(gate, margin, values, bounds),
        kpis.mean(gate.figure),
        _mean_known(bounds),
        margin,
        lacking or at_most,
    )


def _outcome(
    gate: Gate, margin: Interval | None, values: Sequence[float | None], bounds: Sequence[float | None]
) -> GateOutcome:
    """A method that never got to a target that uniform got to every time has failed; one that always got there has
    passed where uniform never did. Where only some seeds got there, there is no margin, and nothing is claimed.
    """
    if margin is None:
        reached, wanted = ({value is not None for value in each} for each in (values, bounds))
        if not gate.wants_low or {True, False} in (reached, wanted) or reached == wanted:
            return "undecided"
        return "passed" if reached == {True} else "failed"
    # A margin of exactly 0 in every seed meets <= and >=, and misses < and >.
    if margin.low == margin.high == 0.0:
        return "passed" if "=" in gate.op else "failed"
    if margin.above(0.0):
        return "passed"
    return "failed" if margin.below(0.0) else "undecided"


def _bound(gate: Gate, uniform: float | None) -> float | None:
    if gate.factor == 0.0:
        return gate.offset
    return None if uniform is None else gate.factor * uniform + gate.offset


def _mean_known(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
