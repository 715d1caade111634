"""An audit on the terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from saln.audit.audit import Audit
from saln.audit.rates import Rates
from saln.audit.words import LEVEL_WORDS, summary, verdict

GROUPS_SHOWN = 12
COLUMNS = (
    "a row: draws per row of the group; of top: that over the highest; ever: rows drawn at least once; "
    "× share: share of draws over share of the pool"
)
STYLES = {"fails": "bold red", "shown": "bold yellow", "unclear": "cyan", "fine": "green"}


def print_audit(audit: Audit, console: Console | None = None) -> None:
    """Verdict, findings, and the rates of each column."""
    console = console or Console()
    console.print(Text(verdict(audit), style="bold"))
    console.print(Text(summary(audit)))
    for finding in audit.findings:
        line = Text(f"  {LEVEL_WORDS[finding.level]:<8}", style=STYLES[finding.level])
        console.print(line.append(finding.text, style="default"))
    console.print(Text(COLUMNS, style="dim"))
    for rates in audit.rates:
        console.print(_table(rates))
    for note in audit.notes:
        console.print(Text("Note: " + note, style="dim"))


def _table(rates: Rates) -> Table:
    """The groups that depart most from their share."""
    table = Table(
        title=f"Draws by {rates.column}",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("group", no_wrap=True, max_width=24)
    for column in ("rows", "draws", "a row", "of top", "ever", "× share"):
        table.add_column(column, justify="right", no_wrap=True)
    shown = sorted(rates.groups, key=lambda each: -abs(each.relative - 1))[:GROUPS_SHOWN]
    for each in rates.groups:
        if each in shown:
            table.add_row(
                each.group,
                str(each.rows),
                str(each.draws),
                f"{each.draw_rate:.2f}",
                f"{each.draw_ratio:.2f}",
                f"{100 * each.row_rate:.0f} %",
                f"{each.relative:.2f}",
            )
    if len(rates.groups) > len(shown):
        table.caption = f"the {len(shown)} groups that depart most; {len(rates.groups) - len(shown)} are not shown"
    return table
