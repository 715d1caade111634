"""How long a whole pilot takes: `python -m bench.pilot_time` writes bench/results/pilot-<date>.json.

`saln pilot` as a user calls it, on an npz of 20 000 rows of 1280 features in ten classes, five methods, five seeds, its
other settings as they come.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np

from bench.machine import describe

N_ROWS, WIDTH, N_CLASSES, SEEDS = 20_000, 1280, 10, 5
METHODS = "uniform,one_pass,jest,rho_loss,saln"
LIMIT = 600.0  # seconds that it may take


def main() -> None:
    """Measure, write, and fail where it took too long."""
    source = np.random.default_rng(0)
    labels = source.integers(N_CLASSES, size=N_ROWS)
    means = source.normal(size=(N_CLASSES, WIDTH)) * 0.1
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        np.savez(data, features=(means[labels] + source.normal(size=(N_ROWS, WIDTH))).astype("f4"), labels=labels)
        command = ["pilot", str(data), "--methods", METHODS, "--seeds", str(SEEDS), "--json", "-o", f"{folder}/r.html"]
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "saln", *command], check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - begun
    result = {**describe("bench.pilot_time"), "rows": N_ROWS, "features": WIDTH, "methods": METHODS, "seeds": SEEDS}
    file = Path(__file__).parent / f"results/pilot-{date.today()}.json"
    file.write_text(json.dumps({**result, "seconds": round(seconds, 1), "limit": LIMIT}, indent=1) + "\n")
    sys.stdout.write(f"{seconds:.0f} s of {LIMIT:.0f}: {file}\n")
    if seconds > LIMIT:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
