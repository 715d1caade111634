"""One self-contained HTML file of a pilot. May import `saln.pilot`; draws what it found and computes nothing new."""

from saln.report.html import render_report

__all__ = ["render_report"]
