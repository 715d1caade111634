"""The page: a template, inline pictures, no other file."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from matplotlib import rc_context

from saln.pilot.kpi import Kpis
from saln.pilot.result import PilotResult
from saln.pilot.selection import Selection
from saln.pilot.verdict import BETTER, WORSE, headline
from saln.pilot.words import number, points, times
from saln.report import figures, selection_figures
from saln.report.style import RC, looks, to_svg

TEMPLATE = "template.html.j2"


def render_report(result: PilotResult, path: Path, command: str | None = None) -> Path:
    """Write the report of a pilot.

    Parameters
    ----------
    result : PilotResult
    path : Path
        The HTML file to write; it needs no other file and no network.
    command : str, optional
        What to type to run the pilot again.

    Returns
    -------
    Path
        The file written.
    """
    path.write_text(report_html(result, command), encoding="utf-8")
    return path


def report_html(result: PilotResult, command: str | None = None) -> str:
    """The report as one HTML document."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(resources.files("saln.report").joinpath(TEMPLATE).read_text("utf-8"))
    return template.render(
        result=result,
        headline=headline(result.verdicts),
        rows=_rows(result),
        figures=_drawn(result),
        look=looks(result.methods),
        tone={BETTER: "better", WORSE: "worse"},
        command=command,
        settings=[(name.replace("_", " "), value) for name, value in result.config.as_dict().items()],
    )


def _drawn(result: PilotResult) -> list[dict[str, Any]]:
    makers = [figures.curves_by_step, figures.curves_by_seconds, figures.cost_to_target, figures.overhead]
    if len(result.kpis) > 1:
        makers.insert(0, figures.gains)
    pictures = []
    with rc_context(RC):
        for make in (*makers, selection_figures.coverage, selection_figures.spectra):
            drawn = make(result)
            # What `to_svg` returns was drawn here; text from the data is escaped by matplotlib.
            pictures.append({"drawn": drawn, "svg": Markup(to_svg(drawn.figure, drawn.name))})
    return pictures


def _rows(result: PilotResult) -> dict[str, list[str]]:
    """Each key figure with its value for every method."""
    columns = [_column(*both, result) for both in zip(result.kpis, result.selections, strict=True)]
    return {name: [column[name] for column in columns] for name in columns[0]}


def _column(kpis: Kpis, selection: Selection, result: PilotResult) -> dict[str, str]:
    target = kpis.target
    return {
        "final accuracy": f"{kpis.final_accuracy:.4f} ± {kpis.final_accuracy_sd:.4f}",
        "against uniform, points": points(kpis.difference),
        "the same at equal time": points(kpis.difference_equal_time),
        "at equal time, all counted": points(kpis.difference_equal_time_with_setup),
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
        "share of it selecting": f"{100 * kpis.overhead:.0f} %",
        "seconds beforehand": f"{kpis.setup_seconds:.2f}",
        "rows ever chosen": f"{100 * selection.rows_used:.0f} %",
        "most often chosen row": f"{selection.most_used:.0f} times",
        "effective rank of a batch": f"{selection.effective_rank:.1f}",
    }
