"""An audit as a page or a picture."""

from __future__ import annotations

from pathlib import Path

from matplotlib import rc_context

from saln.audit.audit import Audit
from saln.audit.figures import drawn, picture
from saln.audit.words import LEVEL_WORDS, summary, verdict
from saln.datasets import DataError
from saln.report.page import inline, render
from saln.report.style import RC

PICTURES = (".svg", ".png", ".pdf")


def write_audit(audit: Audit, path: Path, command: str | None = None) -> Path:
    """Write an audit as an HTML page, or its figures as one svg, png or pdf, by the ending of `path`.

    Parameters
    ----------
    audit : Audit
    path : Path
    command : str, optional
        What to type to repeat it.

    Raises
    ------
    DataError
        Another ending.
    """
    suffix = path.suffix.lower()
    if suffix in PICTURES:
        with rc_context({**RC, "svg.hashsalt": "audit"}):
            metadata = {"Date": None} if suffix == ".svg" else None
            picture(audit).savefig(path, dpi=160, metadata=metadata)
    elif suffix == ".html":
        path.write_text(audit_html(audit, command), encoding="utf-8")
    else:
        raise DataError(f"{path}: unknown ending '{path.suffix}'; wanted .html, {', '.join(PICTURES)}")
    return path


def audit_html(audit: Audit, command: str | None = None) -> str:
    """The page of an audit, one document that needs no other file and no network."""
    return render(
        "audit/audit.html.j2",
        audit=audit,
        verdict=verdict(audit),
        summary=summary(audit),
        words=LEVEL_WORDS,
        pictures=inline(drawn(audit)),
        command=command,
    )
