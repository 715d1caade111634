"""The report's figures as numbers."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from saln.catalogue import Words
from saln.pages.contents import pilot_figures
from saln.pilot.output.result import PilotResult
from saln.writing import made, write_table, write_text

SCHEMA = "saln.pages/1"
DRAWN = ("drawn.json", "drawn.csv")
COLUMNS = ("figure", "series", "x", "y", "low", "high")


def write_data(result: PilotResult, folder: Path) -> list[Path]:
    """Write the report's figures as `drawn.json` and `drawn.csv`.

    Parameters
    ----------
    result : PilotResult
    folder : Path
        Made where it is missing.

    Returns
    -------
    list of Path
        The files written. Both have, for every mark of every figure, its series, x and y, and the ends of its interval;
        titles and captions are in English.
    """
    drawn = [(each.name, each.title, each.caption, each.data) for each in pilot_figures(result, Words())]
    as_json, as_csv = (made(folder) / name for name in DRAWN)
    document = {
        "schema": SCHEMA,
        "data": result.data.name,
        "figures": [
            {"name": name, "title": title, "caption": caption, "data": [_known(asdict(datum)) for datum in data]}
            for name, title, caption, data in drawn
        ],
    }
    write_text(as_json, json.dumps(document, indent=1))
    rows = [(name, _known(asdict(datum))) for name, _, _, data in drawn for datum in data]
    write_table(as_csv, [COLUMNS, *([name, *(known[key] for key in COLUMNS[1:])] for name, known in rows)])
    return [as_json, as_csv]


def _known(datum: dict[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in datum.items()
    }
