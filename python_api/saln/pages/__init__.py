"""One self-contained HTML file of a pilot, and its figures as numbers. Draws what was found and computes nothing new.

`page`, `style` and `page.html.j2` are what the pages of this package share; they import nothing of `saln.pilot`.
"""

from saln.needs import extra_pilot

with extra_pilot():
    from saln.pages.data import write_data
    from saln.pages.html import render_report
    from saln.pages.summary import summary_html

__all__ = ["render_report", "summary_html", "write_data"]
