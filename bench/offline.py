"""What `saln score` and `saln select` cost over files, and what limits them: `python -m bench.offline`.

Every command is a process of its own, watched from outside: seconds, CPU seconds, the peak of memory that is no file's
(RssAnon), and the bytes it had read from the disk. Beside them, from the same run, what the machine can do: reading the
file from the disk and from the system's cache, and scoring the same candidates with everything in memory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import saln_kernels
from bench.machine import ROOT, describe, field
from bench.markdown import table

WIDTH, SIZE, CRITERION = 512, 64, "effective_rank"
WRITTEN = 20_000  # rows at once
READ = 1 << 24  # bytes at once
METHOD = ("--method", "spectral_candidates")  # the default refuses what is streamed, and may abstain


def write_features(path: Path, n_rows: int) -> None:
    """float32 [n_rows, WIDTH], never all in memory."""
    rng = np.random.default_rng(0)
    file = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(n_rows, WIDTH))
    for start in range(0, n_rows, WRITTEN):
        file[start : start + WRITTEN] = rng.standard_normal((min(WRITTEN, n_rows - start), WIDTH), dtype=np.float32)
    file.flush()


def forget(path: Path) -> None:
    """Have the system drop what it has cached of a file."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_rate(path: Path) -> float:
    """Bytes a second of one pass over a file."""
    begun, buffer, total = time.perf_counter(), bytearray(READ), 0
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            total += count
    return total / (time.perf_counter() - begun)


def watch(arguments: Sequence[str]) -> dict[str, float]:
    """Run a saln command to its end."""
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "saln", *arguments, "--json"], stdout=subprocess.DEVNULL)
    peak = read = 0
    while process.poll() is None:
        folder = f"/proc/{process.pid}"
        peak = max(peak, int((field(f"{folder}/status", "RssAnon:").split() or [0])[0]) * 1024)
        read = max(read, int(field(f"{folder}/io", "read_bytes:") or 0))
        time.sleep(0.02)
    if process.returncode:
        raise RuntimeError(f"saln {' '.join(arguments)} ended with status {process.returncode}")
    used = os.times()
    return {"seconds": time.perf_counter() - begun, "anonymous": peak, "read": read, "children_cpu": used[2] + used[3]}


def measure(folder: Path, n_rows: int, n_candidates: int) -> list[dict[str, Any]]:
    """The commands on one file, from the disk and from the cache."""
    features, candidates = folder / "features.npy", folder / "candidates.npy"
    write_features(features, n_rows)
    np.save(candidates, np.random.default_rng(1).integers(0, n_rows, size=(n_candidates, SIZE)))
    forget(features)
    limits = {"disk": read_rate(features), "cache": read_rate(features), "scored": _scored_a_second(n_rows)}
    commands = {
        "score": ["score", str(features), str(candidates), "-o", str(folder / "scores.npy"), "--criterion", CRITERION],
        "select": ["select", str(features), "-o", str(folder / "selected.npy"), "--batch-size", str(SIZE), *METHOD],
    }
    found = []
    for name, command in commands.items():
        for cold in (True, False):
            if cold:
                forget(features)
            before = os.times()
            seen = watch([*command, "--restart"])
            seen["cpu"] = seen.pop("children_cpu") - before[2] - before[3]
            work = n_candidates if name == "score" else len(np.load(folder / "selected.npy", mmap_mode="r"))
            facts = {"command": name, "rows": n_rows, "batches": work, "from": "disk" if cold else "cache"}
            found.append({**facts, **seen, **limits})
    for file in folder.iterdir():
        file.unlink()
    return found


def _scored_a_second(n_rows: int, n_candidates: int = 4096) -> float:
    """Candidates a second where features and candidates lie in memory, from few rows: arithmetic alone."""
    x = torch.randn(min(n_rows, 2000), WIDTH)
    candidates = torch.randint(0, x.shape[0], (n_candidates, SIZE))
    saln_kernels.score_batches(x, candidates[:64], CRITERION)
    begun = time.perf_counter()
    saln_kernels.score_batches(x, candidates, CRITERION)
    return n_candidates / (time.perf_counter() - begun)


def page(found: dict[str, Any]) -> str:
    """The figures in markdown."""
    rows = [
        [
            each["command"],
            f"{each['rows']:,}",
            f"{each['batches']:,}",
            each["from"],
            f"{each['seconds']:.1f}",
            f"{each['cpu']:.1f}",
            f"{each['anonymous'] / 2**20:.0f}",
            f"{each['read'] / 2**30:.2f}",
            f"{each['batches'] / each['seconds']:,.0f}",
            f"{each['batches'] * SIZE * (1 if each['command'] == 'score' else 5) / each['seconds']:,.0f}",
            f"{each['scored']:,.0f}",
            f"{each['disk'] / 1e9:.2f} / {each['cache'] / 1e9:.2f}",
        ]
        for each in found["runs"]
    ]
    head = (
        "command", "rows", "batches", "features from", "seconds", "CPU seconds", "anonymous, MiB", "read, GiB",
        "batches / s", "rows read / s", "scored in memory / s", "disk / cache, GB/s",
    )  # fmt: skip
    about, machine = found["about"], found["about"]["machine"]
    where = f"{machine['cpu']}, {machine['cores']} cores, load {machine['load'][0]:.1f}, {about['date']}"
    lines = (f"float32 [rows, {WIDTH}], batches of {SIZE}; {where}. `{about['command']}`", "", table(head, rows), "")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Measure, write JSON and markdown."""
    parser = argparse.ArgumentParser(prog="python -m bench.offline", description=__doc__)
    parser.add_argument("--rows", default="10000,100000,1000000", help="separated by commas")
    parser.add_argument("--candidates", type=int, default=100_000, help="at the most rows; fewer in proportion")
    parser.add_argument("--output", type=Path, default=ROOT / "bench/results", help="folder")
    given = parser.parse_args(arguments)
    sizes = [int(float(each)) for each in given.rows.split(",")]
    about, runs = describe("bench.offline"), []
    with tempfile.TemporaryDirectory() as folder:
        for n_rows in sizes:
            runs += measure(Path(folder), n_rows, max(1, given.candidates * n_rows // max(sizes)))
    found = {"schema": "saln.offline_bench/1", "about": about, "runs": runs}
    stem = given.output / f"offline-{about['date'][:10]}"
    stem.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    stem.with_suffix(".md").write_text(page(found), encoding="utf-8")
    sys.stdout.write(page(found))


if __name__ == "__main__":
    main()
