"""An audit as a page or a picture."""

from __future__ import annotations

from pathlib import Path

from saln.audit.audit import Audit
from saln.audit.words import LEVEL_WORDS, summary, verdict
from saln.catalogue import Words
from saln.pages.audit_figures import panels
from saln.pages.page import inline, render
from saln.pages.panels import drawn, write_picture
from saln.writing import write_text


def write_audit(audit: Audit, path: Path, command: str | None = None, lang: str = "en") -> Path:
    """Write an audit as an HTML page, or its figures as one svg, png or pdf, by the ending of `path`.

    Parameters
    ----------
    audit : Audit
    path : Path
    command : str, optional
        What to type to repeat it.
    lang : {"en", "ja"}

    Raises
    ------
    DataError
        Another ending.
    """
    if path.suffix.lower() != ".html":
        return write_picture(panels(audit, Words(lang)), path)
    write_text(path, audit_html(audit, command, lang))
    return path


def audit_html(audit: Audit, command: str | None = None, lang: str = "en") -> str:
    """The page of an audit, one document that needs no other file and no network."""
    words = Words(lang)
    return render(
        "pages/audit.html.j2",
        words,
        audit=audit,
        verdict=verdict(audit),
        summary=summary(audit),
        levels=LEVEL_WORDS,
        pictures=inline(drawn(panels(audit, words))),
        command=command,
    )
