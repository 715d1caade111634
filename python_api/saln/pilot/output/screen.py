"""A pilot on the terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from saln.pilot.judging.by_group import ByGroup
from saln.pilot.judging.costs import Costs
from saln.pilot.judging.verdict import BETTER, GAIN, LOSS, QUESTIONS, WORSE, Verdict, headline
from saln.pilot.output.result import PilotResult
from saln.pilot.output.words import amount, answer, extremes, final, gap, gate_figures, number, points, times

STYLES = {BETTER: "bold blue", WORSE: "bold yellow", GAIN: "bold blue", LOSS: "bold yellow"}
LEADS = ("lead_in_own_training_time", "lead_in_own_time")
GATE_STYLES = {"passed": "bold blue", "failed": "bold yellow", "undecided": "bold"}


def print_result(result: PilotResult, console: Console) -> None:
    """Key figures, verdicts, gates, costs, and what to know before believing them."""
    data, config = result.data, result.config
    console.print(
        f"{data.name}: {data.n_train} rows to train on, {data.n_test} to test on; {config.seeds} seeds × "
        f"{result.steps} steps × {config.batch_size} of {data.n_offered} samples",
        highlight=False,
    )
    console.print(accuracy_table(result))
    console.print(time_table(result))
    if data.wrong_labels or data.copied_rows:
        console.print(noise_table(result))
    for found in result.by_group:
        console.print(group_table(found))
    for verdict in result.verdicts:
        _print_verdict(verdict, console)
    if result.gates:
        _print_gates(result, console)
    if result.costs is not None:
        console.print(cost_table(result.costs))
        console.print(_pilot_cost(result.costs), highlight=False)
    for note in result.notes:
        console.print(Text("Note: " + note, style="dim"))
    console.print(Text(" ".join(headline(result.verdicts)), style="bold"))


def accuracy_table(result: PilotResult) -> Table:
    """What each method reached, at equal steps and at equal wall clock."""
    name = result.metric.words.capitalize()
    table = _table(
        f"{name} after {result.steps} steps; points more than uniform",
        "final", "equal steps", "uniform\nas long", "all\ncounted", "worst\nclass",
    )  # fmt: skip
    for kpis in result.kpis:
        table.add_row(
            kpis.method,
            final(kpis),
            *(points(kpis.against(name), bounds=False) for name in ("final_accuracy", *LEADS)),
            f"{kpis.known('worst_class'):.3f}",
        )
    return table


def time_table(result: PilotResult) -> Table:
    """What each method cost."""
    table = _table(
        f"Time, and what accuracy {result.target:.3f} took",
        "ms per\nstep", "of it\nchoosing", "steps", "seconds", "times\nas fast", "all\ncounted",
    )  # fmt: skip
    for kpis in result.kpis:
        table.add_row(
            kpis.method,
            f"{1e3 * kpis.known('step_seconds'):.2f}",
            f"{100 * kpis.known('overhead'):.0f} %",
            number(kpis.mean("steps_to_accuracy"), ".0f"),
            number(kpis.mean("training_time_to_accuracy"), ".2f"),
            *(times(kpis.against(name), bounds=False) for name in ("training_speed_up", "speed_up")),
        )
    return table


def noise_table(result: PilotResult) -> Table:
    """How much of what the pilot spoiled each method chose."""
    table = _table("Of the chosen samples", "wrong labels", "copies")
    for each in result.selections:
        table.add_row(each.method, f"{100 * each.wrong_chosen:.1f} %", f"{100 * each.copies_chosen:.1f} %")
    return table


def group_table(found: ByGroup) -> Table:
    """Which groups of a column each method chose least and most of, and how far their accuracies are apart."""
    table = _table(f"By {found.column}: share chosen over share offered", "least", "most", "accuracy\ngap, points")
    for each in found.methods:
        table.add_row(each.method, *extremes(found, each, length=14), gap(each.gap, bounds=False))
    return table


def cost_table(costs: Costs) -> Table:
    """What a full training costs with each method, and what that saves."""
    table = _table(
        f"Cost in {costs.currency}", "one run", "full\ntraining", "saved\nby it", "return on\nthe pilot", "pays after"
    )
    for each in costs.methods:
        most = "≤" if each.at_most else ""
        table.add_row(
            each.method,
            "" if each.run is None else amount(each.run.mean),
            amount(each.full_training),
            most + amount(each.saved),
            f"{most}{amount(each.return_on_pilot, '+')} ×",
            "never" if each.break_even is None else f"{'≥' if each.at_most else ''}{amount(each.break_even)} trainings",
        )
    return table


def _pilot_cost(costs: Costs) -> str:
    whose = "as long as uniform's run here" if costs.assumed else f"{costs.full_training_hours:g} h"
    return (
        f"The pilot took {costs.pilot_seconds / 60:.1f} min and cost {amount(costs.pilot_cost)} {costs.currency}; "
        f"returns are times its cost, over {costs.trainings} full training"
        f"{'' if costs.trainings == 1 else 's'} of {whose}."
    )


def _print_verdict(verdict: Verdict, console: Console) -> None:
    title = Text(verdict.method + ": ", style="bold")
    title.append(verdict.gain, style=STYLES.get(verdict.gain, "bold"))
    console.print(title)
    for each in verdict.answers:
        line = Text(f"  {QUESTIONS[each.figure]}: ")
        line.append(each.outcome, style=STYLES.get(each.outcome, ""))
        console.print(line.append(f", {answer(each)}.", style=""))


def _print_gates(result: PilotResult, console: Console) -> None:
    for stage in result.stages:
        state = f"passed by {', '.join(stage.passed) or 'none'}" if stage.ran else "not run"
        console.print(Text(f"Stage {stage.share:g}: {state} ({stage.reason})", style="bold"))
    for each in result.gates:
        value, bound, margin = gate_figures(each)
        line = Text(f"{each.method}: ", style="bold").append(f"{each.gate}: ", style="not bold")
        line.append(each.outcome, style=GATE_STYLES[each.outcome])
        console.print(line.append(f", {value} against {bound}, margin {margin}.", style="not bold"))


def _table(title: str, *columns: str) -> Table:
    """Without frames, which would not leave room for the figures on 80 columns."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("method", style="bold", overflow="fold", min_width=12, max_width=24)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table
