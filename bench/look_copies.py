"""Copies, neighbours and outliers beside cleanlab and scikit-learn: `python -m bench.look_copies DATA [PART ..]`.

DATA is a folder with CIFAR-10 images and features, NEU features, IMDb and TREC texts as docs/study.md names them.
Parts: copies, outliers, speed, million; all by default. Writes bench/results/look-copies-<date>.json, where parts that
are not asked for stay as they are. Needs cleanlab.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.look_data import Planted, grey_pixels, outlier_sets, planted_sets
from bench.machine import describe
from saln.inspection import copies
from saln.inspection.copies import find_copies
from saln.inspection.neighbours import nearest_neighbours
from saln.inspection.outliers import outlier_scores
from saln.inspection.standard_rows import StandardRows, similarities

CHANCES = [10.0**-power for power in range(1, 10)]
JUDGED = 1000
MILLION, WIDTH, LATENT, CENTRES = 1_000_000, 512, 64, 2000


def main() -> None:
    """Measure and write."""
    folder, wanted = Path(sys.argv[1]), sys.argv[2:]
    parts: dict[str, Callable[[Path], Any]] = {
        "copies": measure_copies,
        "outliers": measure_outliers,
        "speed": measure_speed,
        "million": measure_million,
    }
    path = Path(__file__).parent / "results" / f"look-copies-{date.today()}.json"
    for name in wanted or parts:
        measured = {"where": describe("bench.look_copies"), "results": parts[name](folder)}
        result = {**(json.loads(path.read_text()) if path.exists() else {}), name: measured}
        path.write_text(json.dumps(result, indent=1) + "\n")
        print(name, json.dumps(result[name]["results"], indent=1), flush=True)


def measure_copies(folder: Path) -> list[dict[str, Any]]:
    """Precision and recall of rows that have copies, by default thresholds and at equal precision."""
    return [{"set": each.name, "rows": len(each.features), **_beside_cleanlab(each)} for each in planted_sets(folder)]


def _beside_cleanlab(planted: Planted) -> dict[str, Any]:
    features, truth = torch.from_numpy(planted.features), planted.copied
    theirs, distances = _cleanlab_duplicates(planted.features)
    neighbours = nearest_neighbours(features)
    ours, usual = [], copies.CHANCE
    for chance in CHANCES:
        copies.CHANCE = chance
        ours.append(_judged((find_copies(features, neighbours=neighbours).counts > 1).numpy(), truth))
    copies.CHANCE = usual
    default = _judged((find_copies(features, neighbours=neighbours).counts > 1).numpy(), truth)
    cleanlab = _judged(theirs, truth)
    order = distances.argsort(kind="stable")
    hits = truth[order].cumsum()
    swept = list(zip(hits / np.arange(1, len(hits) + 1), hits / max(1, truth.sum()), strict=True))
    return {
        "ours": default,
        "cleanlab": cleanlab,
        "recall_at_precision": {
            str(precision): {"ours": _recall(ours, precision), "cleanlab": _recall(swept, precision)}
            for precision in (0.9, 0.95, 0.98)
        },
        "recall_at_cleanlabs_precision": _recall(ours, cleanlab[0]) if theirs.any() else None,
    }


def _judged(found: Any, truth: Any) -> tuple[float, float]:
    """Precision and recall."""
    right = float((found & truth).sum())
    return right / max(1, int(found.sum())), right / max(1, int(truth.sum()))


def _recall(pairs: list[tuple[float, float]], precision: float) -> float:
    return float(max((recall for reached, recall in pairs if reached >= precision), default=0.0))


def _cleanlab_duplicates(features: Any) -> tuple[Any, Any]:
    from cleanlab import Datalab

    lab = Datalab({"row": list(range(len(features)))}, verbosity=0)
    lab.find_issues(features=features.astype(np.float32), issue_types={"near_duplicate": {}})
    issues = lab.get_issues("near_duplicate")
    return issues["is_near_duplicate_issue"].to_numpy(), issues["distance_to_nearest_neighbor"].to_numpy()


def measure_outliers(folder: Path) -> list[dict[str, Any]]:
    """Area under the curve of rows from elsewhere, and the share of other rows whose score is above a half."""
    from cleanlab.outlier import OutOfDistribution
    from sklearn.metrics import roc_auc_score

    found = []
    for name, features, strange in outlier_sets(folder):
        ours = outlier_scores(torch.from_numpy(features)).numpy()
        theirs = -OutOfDistribution().fit_score(features=features.astype(np.float32), verbose=False)
        found.append(
            {
                "set": name,
                "ours": float(roc_auc_score(strange, ours)),
                "cleanlab": float(roc_auc_score(strange, theirs)),
                "above_half": float((ours[~strange] > 0.5).mean()),
            }
        )
    return found


def measure_speed(folder: Path) -> dict[str, Any]:
    """Neighbours of 50 000 x 512, one after the other in one run, by clock and by processor time."""
    from sklearn.neighbors import NearestNeighbors

    features = torch.from_numpy(grey_pixels(folder))
    seconds: dict[str, tuple[float, float]] = {}
    for name in ("ours", "scikit-learn"):
        began, busy = time.perf_counter(), time.process_time()
        if name == "ours":
            found = nearest_neighbours(features)
        else:
            centred = (features - features.mean(dim=0)).numpy()
            model = NearestNeighbors(n_neighbors=10, algorithm="brute", metric="cosine", n_jobs=-1).fit(centred)
            truth = torch.from_numpy(model.kneighbors()[1])
        seconds[name] = (time.perf_counter() - began, time.process_time() - busy)
    same = (found.rows[:, :, None] == truth[:, None, :]).any(dim=2).double().mean()
    return {
        "seconds": {name: {"wall": wall, "cpu": busy} for name, (wall, busy) in seconds.items()},
        "times_faster": {
            what: seconds["scikit-learn"][at] / seconds["ours"][at] for at, what in enumerate(("wall", "cpu"))
        },
        "of_scikit_learns_ten_nearest": float(same),
        "recall": _recall_at_ten(features, found),
    }


def _recall_at_ten(features: Any, found: Any) -> float:
    """Share of the ten nearest that were found, of some rows."""
    rows = StandardRows.of(features, found.equal.first)
    some = torch.arange(min(JUDGED, len(rows)))
    x = rows.take(some)
    best = torch.full((len(some), 10), -2.0)
    which = torch.full((len(some), 10), -1)
    for part in torch.split(torch.arange(len(rows)), 1 << 14):
        y = rows.take(part)
        near = similarities(x @ y.T, x.square().sum(dim=1), y.square().sum(dim=1))
        near.masked_fill_(some[:, None] == part, -2.0)
        best, order = torch.cat([best, near], dim=1).topk(10, dim=1)
        which = torch.cat([which, part.expand(len(some), -1)], dim=1).gather(1, order)
    return float((found.different[0][some][:, :, None] == which[:, None, :]).any(dim=1).double().mean())


def measure_million(folder: Path) -> dict[str, Any]:
    """A mapped file of a million rows with planted copies: seconds, memory, what was found."""
    del folder
    source = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "features.npy"
        written = np.lib.format.open_memmap(path, "w+", np.float16, (MILLION, WIDTH))
        centres = source.normal(size=(CENTRES, LATENT)).astype(np.float32)
        spread = (source.normal(size=(LATENT, WIDTH)) / LATENT**0.5).astype(np.float32)
        for first in range(0, MILLION, 50_000):
            latent = centres[source.integers(CENTRES, size=50_000)]
            latent = latent + source.normal(scale=0.7, size=latent.shape).astype(np.float32)
            noise = source.normal(scale=0.3, size=(50_000, WIDTH)).astype(np.float32)
            written[first : first + 50_000] = latent @ spread + noise
        chosen = source.permutation(MILLION)[:22_000]
        near, equal = chosen[:20_000].reshape(2, -1), chosen[20_000:].reshape(2, -1)
        written[near[1]] = written[near[0]] + source.normal(scale=0.1, size=(10_000, WIDTH)).astype(np.float16)
        written[equal[1]] = written[equal[0]]
        written.flush()
        del written
        features = torch.from_numpy(np.load(path, mmap_mode="c"))
        memory, before = _Memory(), _anonymous()
        seconds = {}
        began = time.perf_counter()
        neighbours = nearest_neighbours(features)
        seconds["nearest_neighbours"] = time.perf_counter() - began
        began = time.perf_counter()
        found = find_copies(features, neighbours=neighbours)
        seconds["find_copies"] = time.perf_counter() - began
        began = time.perf_counter()
        outlier_scores(features, neighbours=neighbours)
        seconds["outlier_scores"] = time.perf_counter() - began
        peak = memory.stop()
        groups = found.groups.numpy()
        return {
            "seconds": seconds,
            "cpu_seconds": time.process_time(),
            "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "peak_own_memory_mb": peak,
            "own_memory_before_mb": before,
            "file_mb": MILLION * WIDTH * 2 / 2**20,
            "recall": _recall_at_ten(features, neighbours),
            "near_copies_found": float((groups[near[0]] == groups[near[1]]).mean()),
            "equal_rows_found": float((groups[equal[0]] == groups[equal[1]]).mean()),
            "other_rows_grouped": int((found.counts > 1).sum()) - len(chosen),
        }


def _anonymous() -> float:
    """Memory of this process without mapped files, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))


class _Memory:
    """The most memory of its own that this process held."""

    def __init__(self) -> None:
        self.peak = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            self.peak = max(self.peak, _anonymous())

    def stop(self) -> float:
        self._ended.set()
        self._thread.join()
        return self.peak


if __name__ == "__main__":
    main()
