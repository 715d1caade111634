"""The examples, run by the command that each of them names."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"
COMMANDS = {"python": [sys.executable], "torchrun": [sys.executable, "-m", "torch.distributed.run"]}


def run(folder: Path, name: str, *arguments: str) -> str:
    """The last line that an example prints; what it writes goes into the folder."""
    path = EXAMPLES / f"{name}.py"
    first_line = (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines()[0]
    program, *options, script = first_line.rpartition(": ")[2].split()
    assert script == f"examples/{name}.py"
    return started([*COMMANDS[program], *options, str(path), *arguments], folder)


def started(command: list[str], folder: Path) -> str:
    """The last line that a command prints in a folder, on one thread and no GPU; it ends well."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return (done.stdout.strip().splitlines() or [""])[-1]
