"""An audit in a sentence or two."""

from __future__ import annotations

from saln.audit.audit import Audit
from saln.audit.findings import Level
from saln.catalogue import Message, message

LEVEL_WORDS: dict[Level, Message] = {
    "fails": message("audit.fails"),
    "shown": message("audit.shown"),
    "unclear": message("audit.unclear"),
    "fine": message("audit.fine"),
}
CORRECTIONS = {"holm": "Holm", "bh": "Benjamini-Hochberg"}


def verdict(audit: Audit) -> Message:
    """One sentence over all findings."""
    levels = [each.level for each in audit.findings]
    if "fails" in levels:
        return message("audit.broken", n=levels.count("fails"))
    if "shown" in levels:
        return message("audit.departs", n=levels.count("shown"))
    return message("audit.as_chance")


def summary(audit: Audit) -> Message:
    """What was looked at, and how it was judged."""
    return message(
        "audit.summary" if audit.steps > 1 else "audit.summary_at_once",
        steps=audit.steps,
        draws=audit.draws,
        rows=audit.pool_rows,
        chosen=audit.rows_chosen,
        tests=len(audit.tests),
        exchanges=audit.permutations,
        correction=CORRECTIONS[audit.correction],
        alpha=audit.limits.alpha,
    )
