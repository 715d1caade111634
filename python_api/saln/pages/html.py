"""The report of a pilot as one page."""

from __future__ import annotations

from pathlib import Path

import torch

from saln.pages.contents import pilot_figures
from saln.pages.page import inline, render
from saln.pages.samples import samples_of
from saln.pages.style import looks
from saln.pilot.judging.kpi import Kpis
from saln.pilot.judging.measures import MEASURES
from saln.pilot.judging.selection import Selection
from saln.pilot.judging.verdict import BETTER, GAIN, LOSS, QUESTIONS, STEPS_ONLY, WORSE, headline
from saln.pilot.output.result import PilotResult
from saln.pilot.output.words import (
    amount,
    amounts,
    answer,
    extremes,
    final,
    gap,
    gate_figures,
    number,
    points,
    times,
)

SIDE_BY_SIDE = 5
"""Methods beside uniform in one table."""
TONES = {
    BETTER: "better", WORSE: "worse", GAIN: "better", STEPS_ONLY: "better", LOSS: "worse", "passed": "better",
    "failed": "worse",
}  # fmt: skip
AGAINST = {
    "final_accuracy": "against uniform, points",
    "accuracy_in_uniforms_training_time": "when uniform is over",
    "accuracy_in_uniforms_time": "when uniform is over, all counted",
    "lead_in_own_training_time": "against uniform trained as long",
    "lead_in_own_time": "the same, all counted",
    "training_speed_up": "times as fast",
    "speed_up": "times as fast, all counted",
}


def render_report(
    result: PilotResult, path: Path, command: str | None = None, images: torch.Tensor | None = None
) -> Path:
    """Write the report of a pilot.

    Parameters
    ----------
    result : PilotResult
    path : Path
        The HTML file to write; it needs no other file and no network.
    command : str, optional
        What to type to run the pilot again.
    images : Tensor, optional
        `[N, C, H, W]` of the whole data set, to show samples by.

    Returns
    -------
    Path
        The file written.
    """
    path.write_text(report_html(result, command, images), encoding="utf-8")
    return path


def report_html(result: PilotResult, command: str | None = None, images: torch.Tensor | None = None) -> str:
    """The report as one HTML document."""
    return render(
        "pages/pilot.html.j2",
        result=result,
        headline=headline(result.verdicts),
        questions=QUESTIONS,
        answer=answer,
        gate_figures=gate_figures,
        rows=_rows(result),
        key_columns=_key_columns(len(result.methods)),
        pictures=inline(pilot_figures(result)),
        samples=samples_of(result, images),
        look=looks(result.methods),
        tones=TONES,
        command=command,
        amount=amount,
        amounts=amounts,
        settings=[(name.replace("_", " "), value) for name, value in result.config.as_dict().items()],
    )


def _key_columns(n: int) -> list[list[int]]:
    """Methods of each table of key figures: as many as fit on a desk, uniform first in each.

    Examples
    --------
    >>> _key_columns(8)
    [[0, 1, 2, 3, 4, 5], [0, 6, 7]]
    """
    others = list(range(1, n))
    parts = [others[start : start + SIDE_BY_SIDE] for start in range(0, len(others), SIDE_BY_SIDE)]
    return [[0, *part] for part in parts] or [[0]]


def _rows(result: PilotResult) -> dict[str, list[str]]:
    """Each key figure with its value for every method."""
    columns = [_column(*both, result) for both in zip(result.kpis, result.selections, strict=True)]
    return {name: [column[name] for column in columns] for name in columns[0]}


def _column(kpis: Kpis, selection: Selection, result: PilotResult) -> dict[str, str]:
    metric = result.metric.words
    column = {f"final {metric}": final(kpis, 4)}
    for name, title in AGAINST.items():
        if result.longer or not name.startswith("lead"):
            column[title] = (times if MEASURES[name].as_ratio else points)(kpis.against(name))
    reached = kpis.intervals["steps_to_accuracy"]
    column |= {
        "steps to target": number(kpis.mean("steps_to_accuracy"), ".0f"),
        "samples to target": number(kpis.mean("samples_to_accuracy"), ",.0f").replace(",", " "),
        "seconds to target": number(kpis.mean("training_time_to_accuracy"), ".3g"),
        "seconds, all counted": number(kpis.mean("time_to_accuracy"), ".3g"),
        "seeds that reached it": f"{0 if reached is None else reached.n} of {result.config.seeds}",
        "worst class": f"{kpis.known('worst_class'):.3f}",
        "largest drop": f"{kpis.known('largest_drop'):.3f}",
        "ms per step": f"{1e3 * kpis.known('step_seconds'):.2f}",
        "share of it selecting": f"{100 * kpis.known('overhead'):.0f}\u00a0%",
        "seconds beforehand": f"{kpis.known('setup_seconds'):.2f}",
        "rows ever chosen": f"{100 * selection.rows_used:.0f}\u00a0%",
        "most often chosen row": f"{selection.most_used:.0f} times",
        "effective rank of a batch": f"{selection.effective_rank:.1f}",
    }
    if result.data.wrong_labels:
        column["wrong labels among chosen"] = f"{100 * selection.wrong_chosen:.1f}\u00a0%"
    if result.data.copied_rows:
        column["copies among chosen"] = f"{100 * selection.copies_chosen:.1f}\u00a0%"
    for found in result.by_group:
        each = found.methods[result.methods.index(kpis.method)]
        least, most = extremes(found, each)
        column |= {
            f"{found.column}, least of its share": least,
            f"{found.column}, most of its share": most,
            f"{found.column}, accuracy gap in points": gap(each.gap),
        }
    return column
