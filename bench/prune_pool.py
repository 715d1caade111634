"""`saln.prune` on a pool of 200 000 x 512: `python -m bench.prune_pool` writes bench/results/prune-pool-<date>.json.

Every method and share runs in a process of its own over a mapped float32 file of clusters with a falling spectrum.
Peak memory is that of the process, with what it had mapped of the file, and without (anonymous memory, sampled).
On a machine that does other work, too, CPU seconds are what counts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.machine import ROOT, describe, field
from bench.probe import peak, reset_peak

CASES = (
    ("random", 0.3), ("k_center", 0.01), ("logdet", 0.01), ("k_center", 0.1), ("logdet", 0.1),
    ("facility_location", 0.01), ("credibility", 0.3),
)  # fmt: skip
CLUSTERS = 1000


def write_pool(path: Path, rows: int, width: int) -> None:
    """Features in blocks: a centre a cluster and deviations half as large, in directions of falling size."""
    source = np.random.default_rng(0)
    sizes = (1 / np.sqrt(1 + np.arange(width) / 16)).astype(np.float32)
    centres = source.standard_normal((CLUSTERS, width), dtype=np.float32)
    out = np.lib.format.open_memmap(path, "w+", np.float32, (rows, width))
    for start in range(0, rows, 10_000):
        stop = min(start + 10_000, rows)
        own = centres[source.integers(CLUSTERS, size=stop - start)]
        out[start:stop] = (own + 0.5 * source.standard_normal((stop - start, width), dtype=np.float32)) * sizes
    out.flush()


class Watch(threading.Thread):
    """The most anonymous memory of this process, ten times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most = 0

    def run(self) -> None:
        """Until the process ends."""
        while True:
            self.most = max(self.most, 1024 * int(field("/proc/self/status", "RssAnon:").split()[0]))
            time.sleep(0.1)


def one(path: Path, method: str, keep: float) -> dict[str, Any]:
    """Seconds and bytes of a call."""
    import saln

    features = saln.features.load(path)
    labels = torch.arange(len(features)) % 10
    saln.prune(torch.randn(50, 4), keep=10, method=method)  # libraries are loaded
    watch = Watch()
    watch.start()
    reset_peak()
    begun, cpu = time.perf_counter(), time.process_time()
    kept = saln.prune(features, labels, keep=keep, method=method)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    return {
        "method": method, "keep": keep, "kept": len(kept), "seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2),
        "peak_bytes": peak(), "peak_anonymous_bytes": watch.most, "threads": torch.get_num_threads(),
    }  # fmt: skip


def main() -> None:
    """Measure and write; `--one FILE METHOD KEEP` is a case in its process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--cases", help="METHOD:SHARE,... in place of all")
    parser.add_argument("--one", nargs=3)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(Path(given.one[0]), given.one[1], float(given.one[2]))))
        return
    named = [case.split(":") for case in (given.cases or "").split(",") if case]
    cases = [(method, float(share)) for method, share in named] or list(CASES)
    file, found = Path(__file__).parent / f"results/prune-pool-{date.today()}.json", []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pool.npy"
        write_pool(path, given.rows, given.width)
        for method, keep in cases:
            command = [sys.executable, "-m", "bench.prune_pool", "--one", str(path), method, str(keep)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
            found.append(json.loads(done.stdout))
            print(found[-1], flush=True)
            result = {**describe("bench.prune_pool"), "rows": given.rows, "width": given.width, "cases": found}
            file.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
