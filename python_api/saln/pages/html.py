"""The report of a pilot as one page."""

from __future__ import annotations

from pathlib import Path

import torch

from saln.pages.contents import pilot_figures
from saln.pages.page import inline, render
from saln.pages.samples import samples_of
from saln.pages.style import looks
from saln.pilot.judging.kpi import Kpis
from saln.pilot.judging.selection import Selection
from saln.pilot.judging.verdict import BETTER, GAIN, LOSS, STEPS_ONLY, WORSE, Verdict, headline
from saln.pilot.output.result import PilotResult
from saln.pilot.output.words import amount, amounts, extremes, gap, number, points, times

QUESTIONS = (
    "Accuracy, equal steps",
    "Time to uniform's accuracy, selection counted",
    "The same, everything counted",
    "Accuracy, equal time, selection counted",
    "The same, everything counted",
)
SIDE_BY_SIDE = 5
"""Methods beside uniform in one table."""
TONES = {
    BETTER: "better", WORSE: "worse", GAIN: "better", STEPS_ONLY: "better", LOSS: "worse", "passed": "better",
    "failed": "worse",
}  # fmt: skip


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
        headline=headline(result.verdicts).partition(". "),
        cards=[(each, _answers(each)) for each in result.verdicts],
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


def _answers(verdict: Verdict) -> list[tuple[str, str, str]]:
    """Question, answer, and the figures behind it."""
    outcomes = (
        verdict.accuracy,
        verdict.wall_clock,
        verdict.wall_clock_with_setup,
        verdict.equal_time,
        verdict.equal_time_with_setup,
    )
    return [
        (question, outcome, sentence.partition(f"{outcome}, ")[2])
        for question, outcome, sentence in zip(QUESTIONS, outcomes, verdict.sentences, strict=False)
        if outcome is not None
    ]


def _rows(result: PilotResult) -> dict[str, list[str]]:
    """Each key figure with its value for every method."""
    columns = [_column(*both, result) for both in zip(result.kpis, result.selections, strict=True)]
    return {name: [column[name] for column in columns] for name in columns[0]}


def _column(kpis: Kpis, selection: Selection, result: PilotResult) -> dict[str, str]:
    target = kpis.target
    column = {
        f"final {result.config.metric.replace('_', ' ')}": f"{kpis.final_accuracy:.4f} ± {kpis.final_accuracy_sd:.4f}",
        "against uniform, points": points(kpis.difference),
        "when uniform is over": points(kpis.difference_equal_time),
        "when uniform is over, all counted": points(kpis.difference_equal_time_with_setup),
    }
    if result.longer:
        column |= {
            "against uniform trained as long": points(kpis.difference_longer_uniform),
            "the same, all counted": points(kpis.difference_longer_uniform_with_setup),
        }
    column |= {
        "times as fast": times(kpis.speed_up),
        "times as fast, all counted": times(kpis.speed_up_with_setup),
        "steps to target": number(target.steps, ".0f"),
        "samples to target": number(target.samples, ",.0f").replace(",", " "),
        "seconds to target": number(target.seconds, ".3g"),
        "seconds, all counted": number(target.seconds_with_setup, ".3g"),
        "seeds that reached it": f"{target.seeds} of {result.config.seeds}",
        "worst class": f"{kpis.worst_class:.3f}",
        "largest drop": f"{kpis.largest_drop:.3f}",
        "ms a step": f"{1e3 * kpis.step_seconds:.2f}",
        "share of it selecting": f"{100 * kpis.overhead:.0f}\u00a0%",
        "seconds beforehand": f"{kpis.setup_seconds:.2f}",
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
