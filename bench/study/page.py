"""docs/study.md: its tables, its pictures and the files of figures beside it, of results files alone."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import usefulness
from bench.markdown import table
from bench.study import results
from bench.study.claims import claims_table
from bench.study.pictures import draw
from bench.study.problems import SETS
from bench.study.results import Runs
from bench.study.speed import problems_of
from bench.study.tables import ablation_table, clock_table, default_summary, default_table, every_figure, points_table
from bench.study.usefulness_figures import all_correlations, short_table

PLACE = re.compile(r"<!-- (\w+) -->\n.*?<!-- end -->", re.DOTALL)
"""Where a generated part of the page stands; all else is written by hand."""
TABLES = {
    "Parts of the default: points of the final value, and times as fast as uniform by steps": ablation_table,
    "All methods: points of the final value beside uniform, for uniform the value": points_table,
    "All methods: times as fast as uniform by the clock, at total cost": clock_table,
}
"""In a file beside the page: a row per set and condition, a column per method."""


def write(file: Path, alone_file: Path, usefulness_file: Path, page: Path, text: str) -> None:
    """Write the page, and to a folder of its name beside it the large tables, the pictures and all figures as CSV.

    The default is compared with uniform by the runs of `alone_file`, where there are any. `text` is a page whose
    generated parts are replaced.
    """
    about, runs = results.read(file)
    _, alone = results.read(alone_file)
    alone = alone or runs
    lines = usefulness.read(usefulness_file)
    folder = page.with_suffix("")
    draw(runs, lines, folder)
    correlations = all_correlations(lines)
    _csv(folder / "methods.csv", every_figure(runs))
    _csv(folder / "usefulness.csv", correlations)
    tables = "\n\n".join(f"## {title}\n\n{of(runs)}" for title, of in TABLES.items())
    (folder / "tables.md").write_text(f"# Tables of [the study](../{page.name})\n\n{tables}\n", encoding="utf-8")
    parts = {
        "runs": _what_was_run(about, runs),
        "default": f"{default_table(alone)}\n\n{default_summary(alone)}".rstrip(),
        "claims": claims_table(runs),
        "usefulness": short_table(lines, correlations),
    }
    page.write_text(fill(text, parts), encoding="utf-8")


def fill(text: str, parts: Mapping[str, str]) -> str:
    r"""The page with its generated parts in their places.

    Raises
    ------
    ValueError
        A part has no place in the page or more than one, or a place no part.

    Examples
    --------
    >>> fill("Found:\n<!-- sum -->\nold\n<!-- end -->\n", {"sum": "4"})
    'Found:\n<!-- sum -->\n4\n<!-- end -->\n'
    """
    there = [found[1] for found in PLACE.finditer(text)]
    if sorted(there) != sorted(parts):
        raise ValueError(f"the page has places for {', '.join(there) or 'nothing'}, want {', '.join(parts)}")
    return PLACE.sub(lambda found: f"<!-- {found[1]} -->\n{parts[found[1]]}\n<!-- end -->", text)


def _csv(file: Path, rows: Sequence[Mapping[str, object]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, rows[0] if rows else (), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _what_was_run(about: dict[str, Any], runs: Runs) -> str:
    machine, versions, pilot = about["machine"], about["versions"], about["settings"]["pilot"]
    rows = []
    for name in dict.fromkeys(problem.set for problem in problems_of(runs)):
        conditions = [problem.condition for problem in problems_of(runs) if problem.set == name]
        mine = [key for key in runs if key.set == name]
        fewest = min(
            len({key.seed for key in mine if (key.condition, key.method) == each})
            for each in {(key.condition, key.method) for key in mine}
        )
        methods = len({key.method for key in mine})
        rows.append([SETS[name].title, ", ".join(conditions), methods, fewest, len(mine)])
    settings = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in pilot.items())
    return "\n\n".join(
        (
            table(("set", "conditions", "methods", "seeds, at least", "runs"), rows),
            f"Settings of the pilot: {settings}. Machine: {machine['processor']}, {machine['torch threads']} thread. "
            f"PyTorch {versions['torch']}, Python {versions['python']}.",
        )
    )
