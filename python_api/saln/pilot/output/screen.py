"""A pilot on the terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from saln.catalogue import message
from saln.pilot.judging.by_group import ByGroup
from saln.pilot.judging.costs import SHORTEST, Costs
from saln.pilot.judging.verdict import BETTER, GAIN, LOSS, WORSE, Verdict
from saln.pilot.metric import Metric
from saln.pilot.output.decision import Decision
from saln.pilot.output.result import PilotResult
from saln.pilot.output.words import (
    answer,
    difference,
    extremes,
    final,
    gap,
    gate_figures,
    metric_words,
    number,
    short_time,
    span,
    spent_once,
    times,
    until_paid,
    value,
)

STYLES = {BETTER: "bold blue", WORSE: "bold yellow", GAIN: "bold blue", LOSS: "bold yellow"}
LEADS = ("lead_in_own_training_time", "lead_in_own_time")
GATE_STYLES = {"passed": "bold blue", "failed": "bold yellow", "undecided": "bold"}


def print_result(result: PilotResult, console: Console, command: str | None = None) -> None:
    """Key figures, verdicts, gates, costs, and what to know before believing them."""
    data, config = result.data, result.config
    console.print(
        f"{data.name}: {data.n_train} rows to train on, {data.n_test} to test on; {config.seeds} "
        f"{'seed' if config.seeds == 1 else 'seeds'} × "
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
        _print_verdict(verdict, result.metric, console)
    if result.gates:
        _print_gates(result, console)
    if result.costs is not None and result.costs.methods:
        _print_costs(result.costs, console)
    for note in result.notes:
        console.print(Text("Note: " + note, style="dim"))
    _print_decision(result.decision, console, command)


def accuracy_table(result: PilotResult) -> Table:
    """What each method reached, at equal steps and at equal wall clock."""
    metric = result.metric
    unit = "points more than" if metric.is_share else "less"
    table = _table(
        f"{metric_words(metric).capitalize()} after {result.steps} steps; {unit} uniform's",
        "final", "equal steps", "uniform\nas long", "all\ncounted", "worst\nclass",
    )  # fmt: skip
    for kpis in result.kpis:
        worst = kpis.mean("worst_class")
        table.add_row(
            kpis.method,
            final(kpis, metric),
            *(difference(kpis.against(name), metric, bounds=False) for name in ("final_accuracy", *LEADS)),
            "" if worst is None else f"{worst:.3f}",
        )
    return table


def time_table(result: PilotResult) -> Table:
    """What each method cost."""
    table = _table(
        f"Time, and what {metric_words(result.metric)} {value(result.target, result.metric)} took",
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
    """What each method saves a year, from one end of the interval that decides to the other."""
    table = _table("Saved a year, everything counted", "machine hours", costs.currency, "first year", "pays after")
    for each in costs.methods:
        known = (each.hours_saved, each.money_saved, each.first_year)
        paid = "" if each.first_year is None else until_paid(each.break_even)
        table.add_row(each.method, *("" if found is None else span(found) for found in known), paid)
    return table


def _print_costs(costs: Costs, console: Console) -> None:
    if costs.carried_over:
        console.print(cost_table(costs))
        hours = f"{costs.full_training_hours:.3g} h each{' (as long as here)' if costs.assumed else ''}"
        share = f"{100 * costs.share_concerned:g} % of them concerned"
        console.print(f"{costs.trainings_per_year:g} trainings a year, {share}, {hours}.", highlight=False)
    else:
        console.print(message("saved.short", seconds=short_time(costs.run_seconds), shortest=SHORTEST), highlight=False)
    console.print(f"Once: {'; '.join(spent_once(costs))}.", highlight=False)


def _print_decision(decision: Decision, console: Console, command: str | None) -> None:
    console.print(Text(f"{message(decision.outcome)}. {decision.reason}", style="bold"))
    for each in decision.risks:
        console.print(Text(f"Risk: {each}"))
    console.print(Text(f"Next: {decision.next}"))
    if following := decision.command(command):
        console.print(Text(following), soft_wrap=True)


def _print_verdict(verdict: Verdict, metric: Metric, console: Console) -> None:
    title = Text(verdict.method + ": ", style="bold")
    title.append(verdict.gain, style=STYLES.get(verdict.gain, "bold"))
    console.print(title)
    for each in verdict.answers:
        question = message(f"question.{each.figure}", metric=metric_words(metric))
        line = Text(f"  {question[0].upper()}{question[1:]}: ")
        line.append(each.outcome, style=STYLES.get(each.outcome, ""))
        console.print(line.append(f", {answer(each, metric)}.", style=""))


def _print_gates(result: PilotResult, console: Console) -> None:
    for stage in result.stages:
        state = f"passed by {', '.join(stage.passed) or 'none'}" if stage.ran else "not run"
        console.print(Text(f"Stage {stage.share:g}: {state} ({stage.reason})", style="bold"))
    for each in result.gates:
        value, bound, margin = gate_figures(each, result.metric)
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
