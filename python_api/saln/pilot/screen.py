"""A pilot on the terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from saln.pilot.result import PilotResult
from saln.pilot.verdict import BETTER, WORSE, Outcome, headline
from saln.pilot.words import number, points, short_times

STYLES = {BETTER: "bold blue", WORSE: "bold yellow"}


def print_result(result: PilotResult, console: Console) -> None:
    """Key figures, verdicts, and what to know before believing them."""
    data, config = result.data, result.config
    console.print(
        f"{data.name}: {data.n_train} rows to train on, {data.n_test} to test on; {config.seeds} seeds × "
        f"{config.steps} steps × {config.batch_size} of {config.super_batch_size} samples",
        highlight=False,
    )
    console.print(accuracy_table(result))
    console.print(time_table(result))
    for verdict in result.verdicts:
        console.print(Text(verdict.method, style="bold"))
        outcomes: tuple[Outcome, ...] = (verdict.accuracy, verdict.wall_clock, verdict.wall_clock_with_setup)
        for outcome, sentence in zip(outcomes, verdict.sentences, strict=True):
            line = Text("  " + sentence)
            line.highlight_words([outcome], style=STYLES.get(outcome, "bold"))
            console.print(line)
    for note in result.notes:
        console.print(Text("Note: " + note, style="dim"))
    console.print(Text(headline(result.verdicts), style="bold"))


def accuracy_table(result: PilotResult) -> Table:
    """What each method reached."""
    table = _table(f"Accuracy after {result.config.steps} steps", "final", "minus uniform's, points", "worst class")
    for kpis in result.kpis:
        table.add_row(
            kpis.method,
            f"{kpis.final_accuracy:.3f} ± {kpis.final_accuracy_sd:.3f}",
            points(kpis.difference),
            f"{kpis.worst_class:.3f}",
        )
    return table


def time_table(result: PilotResult) -> Table:
    """What each method cost."""
    table = _table(
        f"Time, and what accuracy {result.target:.3f} took",
        "ms a\nstep", "of it\nchoosing", "steps", "seconds", "times\nas fast", "all\ncounted",
    )  # fmt: skip
    for kpis in result.kpis:
        table.add_row(
            kpis.method,
            f"{1e3 * kpis.step_seconds:.2f}",
            f"{100 * kpis.overhead:.0f} %",
            number(kpis.target.steps, ".0f"),
            number(kpis.target.seconds, ".2f"),
            short_times(kpis.speed_up),
            short_times(kpis.speed_up_with_setup),
        )
    return table


def _table(title: str, *columns: str) -> Table:
    """Without frames, which would not leave room for the figures on 80 columns."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("method", style="bold", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table
