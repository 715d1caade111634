"""The host code of the CUDA library, in a process of its own: see host_code.py."""

import os
import subprocess
import sys
from pathlib import Path

from programs import ROOT


def test_host_code() -> None:
    """Every test of host_code.py passes."""
    file = Path(__file__).with_name("host_code.py")
    options = ("-p", "no:xdist", "-p", "no:cacheprovider", "--no-header", "-x")
    command = (sys.executable, "-m", "pytest", str(file), *options)
    path = os.pathsep.join(map(str, (ROOT, ROOT / "python_api", ROOT / "tests")))
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
