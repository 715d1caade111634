"""Where and with what a measurement was made."""

import datetime
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import saln_kernels

ROOT = Path(__file__).parent.parent
PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "threadpoolctl")


def describe(module: str = "bench.report") -> dict[str, Any]:
    """Machine, versions, commit and command of a program, ready for JSON."""
    info = saln_kernels.build_info()
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "command": command(module),
        "git": _commit(),
        "machine": {
            "cpu": field("/proc/cpuinfo", "model name") or platform.processor(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "memory": field("/proc/meminfo", "MemTotal"),
            "caches": _caches(),
            "system": f"{platform.system()} {platform.machine()}",
            "load": list(os.getloadavg()),
        },
        "isa": {"in_use": info.cpu_isa_in_use, "compiled": list(info.cpu_isa_compiled)},
        "versions": {
            "python": platform.python_version(),
            "compiler": info.compiler,
            "saln_kernels": info.version,
            **{name: _version(name) for name in PACKAGES},
        },
    }


def command(module: str) -> str:
    """The command line, without where the interpreter lives; of absolute paths the last part."""
    arguments = [Path(each).name if each.startswith("/") else each for each in sys.argv[1:]]
    return " ".join(["python", "-m", module, *arguments])


def _commit() -> dict[str, Any]:
    given = os.environ.get("SALN_COMMIT")  # where the sources are a copy without their history
    if given:
        return {"commit": given.removesuffix("-dirty"), "dirty": given.endswith("-dirty")}
    return {"commit": _git("rev-parse", "HEAD"), "dirty": bool(_git("status", "--porcelain", "--", *_sources()))}


def _sources() -> tuple[str, ...]:
    # results of earlier runs are not what is measured
    return ("csrc", "saln_kernels", "bench/*.py", "bench/gpu", "setup.py")


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def field(path: str | Path, name: str) -> str:
    """A line's value in a file of the system's; empty where there is none, as when a process has ended."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _caches() -> dict[str, str]:
    found = {}
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        kind = (index / "type").read_text().strip()
        if kind != "Instruction":
            found[f"L{(index / 'level').read_text().strip()}"] = (index / "size").read_text().strip()
    return found
