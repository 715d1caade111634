"""docs/study.md, of results files alone."""

from __future__ import annotations

from pathlib import Path


def write(results: Path, usefulness: Path, page: Path) -> None:
    """Write the page and its pictures."""
