"""An audit in a sentence or two."""

from __future__ import annotations

from collections.abc import Sequence

from saln.audit.audit import Audit
from saln.audit.findings import Level

LEVEL_WORDS: dict[Level, str] = {"fails": "FAILS", "shown": "shown", "unclear": "unclear", "fine": "fine"}
CORRECTIONS = {"holm": "Holm", "bh": "Benjamini-Hochberg"}


def verdict(audit: Audit) -> str:
    """One sentence over all findings."""
    failed = [each for each in audit.findings if each.level == "fails"]
    shown = [each for each in audit.findings if each.level == "shown"]
    if failed:
        return f"{len(failed)} {_plural(failed, 'limit was', 'limits were')} broken by more than chance."
    if shown:
        return f"No limit was broken; {len(shown)} {_plural(shown, 'departure is', 'departures are')} more than chance."
    return "No limit was broken, and nothing departs from the pool by more than chance."


def summary(audit: Audit) -> str:
    """What was looked at, and how it was judged."""
    steps = f"{audit.steps} steps, " if audit.steps > 1 else ""
    return (
        f"{steps}{audit.draws} draws out of {audit.pool_rows} rows, {audit.rows_chosen} of them drawn at least once. "
        f"{len(audit.tests)} tests by {audit.permutations} random exchanges of rows; p-values are corrected for that "
        f"many ({CORRECTIONS[audit.correction]}), and below {audit.limits.alpha:g} count as shown."
    )


def _plural(found: Sequence[object], one: str, many: str) -> str:
    return one if len(found) == 1 else many
