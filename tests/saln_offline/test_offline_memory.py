"""What a process holds while it reads files larger than its budget."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from saln.datasets.room import in_words
from saln.offline.budget import anonymous_bytes, parse_bytes

MIB = 1 << 20
# Peak of what is not a file's, looked at every few milliseconds from a thread beside the work.
CHILD = """
import json, sys, threading, time
from pathlib import Path
from saln.offline import rows, score_file, select_file
from saln.offline.budget import anonymous_bytes

candidates, in_place, memory = sys.argv[1], sys.argv[4], sys.argv[5]
features, folder = Path(sys.argv[2]), Path(sys.argv[3])
rows.fits = lambda n_bytes: in_place == "in place"
held = peak = anonymous_bytes()
over = threading.Event()

def watch():
    global peak
    while not over.is_set():
        peak = max(peak, anonymous_bytes())
        time.sleep(0.002)

thread = threading.Thread(target=watch)
thread.start()
if candidates:
    score_file(features, folder / candidates, folder / "s.npy", "participation_ratio", memory=int(memory))
else:
    select_file(features, folder / "s.npy", method="uniform", memory=int(memory))
over.set()
thread.join()
json.dump(peak - held, sys.stdout)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Features, 244 MiB in each of two formats, and candidates that touch more of them than fits the budget."""
    found = tmp_path_factory.mktemp("memory")
    n_rows, width = 250_000, 256
    x = np.random.default_rng(0).random((n_rows, width), dtype=np.float32)
    np.save(found / "x.npy", x)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(x.ravel()), width)
    pq.write_table(pa.table({"x": lists}), found / "x.parquet", row_group_size=50_000, compression="none")
    c = np.random.default_rng(1).integers(0, n_rows, size=(8000, 32))
    np.save(found / "c.npy", c)
    np.save(found / "fewer.npy", c[:3000])
    yield found
    shutil.rmtree(found)


@pytest.mark.skipif(anonymous_bytes() == 0, reason="this system does not say what memory is a file's")
@pytest.mark.parametrize(
    ("candidates", "name", "how"),
    [("c.npy", "x.npy", "gathered"), ("c.npy", "x.npy", "in place"), ("fewer.npy", "x.parquet", "gathered"),
     ("", "x.npy", "gathered")],
)  # fmt: skip
def test_peak_stays_within_the_budget(folder: Path, candidates: str, name: str, how: str) -> None:
    budget = 180 * MIB
    done = subprocess.run(
        [sys.executable, "-c", CHILD, candidates, str(folder / name), str(folder), how, str(budget)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    peak = json.loads(done.stdout)
    assert peak < budget, in_words(peak)


def test_numbers_of_bytes() -> None:
    assert [parse_bytes("memory", text) for text in ("7", "1KiB", "2kb", "0.5 MiB", "3GB")] == [
        7, 1024, 2000, MIB // 2, 3 * 10**9,
    ]  # fmt: skip
    for wrong in ("", "GiB", "-1GB", "1 parsec", "1e9"):
        with pytest.raises(ValueError, match="memory is"):
            parse_bytes("memory", wrong)


BESIDE = """
import numpy as np

from saln.offline.budget import Budget, anonymous_bytes

MIB = 1 << 20
budget = Budget(300 * MIB)
left = budget.left()
assert 250 * MIB < left < 300 * MIB, left
held = np.ones(200 * MIB, dtype=np.uint8)
assert left - 210 * MIB < budget.left() < left - 150 * MIB or anonymous_bytes() == 0, budget.left()
try:
    budget.left(overhead=held.nbytes)
except ValueError as error:
    assert "memory is 300 MiB; wanted at least" in str(error), error
else:
    raise AssertionError("so much is not left")
assert Budget(300 * MIB).left() > 250 * MIB  # what came before it does not count
"""


def test_a_budget_is_beside_what_the_process_held() -> None:
    """In a process whose memory nobody else moves."""
    done = subprocess.run([sys.executable, "-c", BESIDE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
