"""A million rows are never in memory at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from saln.datasets.room import in_words
from saln.offline.budget import anonymous_bytes

MIB = 1 << 20
# Peak of what is not a file's, looked at from a thread beside the work.
CHILD = """
import json, sys, threading, time
import torch
import saln
from saln.offline.budget import anonymous_bytes

class Rows(torch.utils.data.Dataset):
    def __len__(self):
        return 1_000_000

    def __getitem__(self, row):
        return "x" * (row % 50)

def model(batch):
    return torch.tensor([float(len(text)) for text in batch])[:, None].expand(-1, 64)

saln.extract(model, ["x"] * 10, sys.argv[1] + ".first.npy", progress=False)  # what is loaded once
held = peak = anonymous_bytes()
over = threading.Event()

def watch():
    global peak
    while not over.is_set():
        peak = max(peak, anonymous_bytes())
        time.sleep(0.01)

thread = threading.Thread(target=watch)
thread.start()
found = saln.extract(model, Rows(), sys.argv[1], batch_size=500, progress=False)
over.set()
thread.join()
assert found.array[-1, 5] == 999_999 % 50
json.dump([peak - held, found.array.nbytes], sys.stdout)
"""


@pytest.mark.skipif(anonymous_bytes() == 0, reason="this system does not say what memory is a file's")
def test_a_million_rows_in_bounded_memory(out: Path) -> None:
    done = subprocess.run([sys.executable, "-c", CHILD, str(out)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    peak, written = json.loads(done.stdout)
    assert written == 1_000_000 * 64 * 4
    assert peak < 64 * MIB, in_words(peak)
