"""The Python of docs/trainers.md, each block by itself."""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path

from integration_cases.runs import message

PAGE = Path(__file__).parents[2] / "docs" / "trainers.md"


def blocks() -> list[str]:
    """In the order of the page."""
    return re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def run(folder: Path) -> dict[str, str]:
    """What goes wrong in each block."""
    os.chdir(folder)
    told = {}
    for number, block in enumerate(blocks()):
        name = f"block {number}: {block.splitlines()[-1]}"
        told[name] = message(partial(exec, compile(block, name, "exec"), {"__name__": "__main__"}))
    return told
