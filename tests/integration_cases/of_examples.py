"""The examples, run as scripts."""

from __future__ import annotations

import contextlib
import io
import os
import runpy
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(folder: Path, name: str) -> str:
    """The last line that an example prints; what it writes goes into the folder."""
    os.chdir(folder)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    return (printed.getvalue().strip().splitlines() or [""])[-1]
