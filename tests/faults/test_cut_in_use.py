"""Files that somebody cuts off while they are mapped: an error that names them, where a plain read ends the program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

import saln
from saln import mapping
from saln.features import load
from saln.mapping import check

ROWS, WIDTH = 4000, 32
X = np.random.default_rng(0).normal(size=(ROWS, WIDTH)).astype(np.float32)
LEFT = 9000
"""Bytes that are left of a file."""

# Each program runs in a copy of this one, which has imported everything, and cuts the file between two uses.
DRIVER = f"""
import json, os, sys, warnings
from pathlib import Path
import numpy as np, torch, saln
from saln.datasets import DataError
from saln.datasets.files import ArrayFile
from saln.datasets.image_columns import image_column
from saln.features import load
from saln.offline.rows import Source
warnings.simplefilter("ignore")
labels = torch.arange({ROWS}) % 3
found = {{}}
for name, (path, program) in json.load(sys.stdin).items():
    told, tell = os.pipe()
    child = os.fork()
    if not child:
        scope = {{**globals(), "path": Path(path)}}
        try:
            exec(program, scope)
            os.truncate(path, {LEFT})
            scope["use"]()
            said = "read"
        except BaseException as error:
            said = f"{{type(error).__name__}}: {{error}}"
        os.write(tell, said.encode())
        os._exit(0)
    os.close(tell)
    with open(told) as file:
        said = file.read()
    found[name] = said, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(json.dumps(found))
"""
SAMPLER = """
sampler = saln.SpectralBatchSampler(path, 16, labels=labels, selector="k_center", ahead={ahead})
batches = iter(sampler)
use = lambda: [next(batches) for _ in range({ahead} + 1)]
use()
"""
FEATURES = "features = load(path)\nuse = lambda: {use}\n"
SUPER_BATCH = "whole = saln.SuperBatch({features}, labels=labels)\nuse = lambda: {use}\nuse()"
SOURCE = "reader = Source('features', path).open()\n"
NPY = {
    "sampler": SAMPLER.format(ahead=0),
    "sampler, ahead": SAMPLER.format(ahead=2),
    "new sampler": FEATURES.format(use="saln.SpectralBatchSampler(features, 16)"),
    "selector that looks at all": SUPER_BATCH.format(
        features="load(path).tensor()", use="saln.selectors.Auto().prepare(whole)"
    ),
    "select": FEATURES.format(use="saln.select(features, 4, 'k_center')"),
    "select of a part": FEATURES.format(use="saln.select(features.tensor()[3000:], 4, 'k_center')"),
    "super-batch": SUPER_BATCH.format(features="load(path).tensor()", use="whole.take(torch.tensor([3999]))"),
    "look": FEATURES.format(use="saln.look(features, labels)"),
    **{
        method: FEATURES.format(use=f"saln.prune(features, labels, method='{method}')")
        for method in ("credibility", "k_center", "facility_location", "logdet", "herding")
    },
    "offline": f"{SOURCE}use = lambda: reader.take(np.arange(3900, 4000))\nuse()",
    "offline, in place": f"{SOURCE}{SUPER_BATCH.format(features='reader.whole()', use='whole.take(labels)')}",
}
CUT = f"progress=lambda what, done, total: done and what != 'rows looked at' and os.truncate(path, {LEFT})"
NPY["score"] = (
    "np.save(path.with_suffix('.c.npy'), np.random.default_rng(0).integers(0, 4000, (900, 16)))\n"
    f"saln.offline.score_file(path, path.with_suffix('.c.npy'), path.with_suffix('.s.npy'), chunk=100, {CUT})"
)
NPY["choose"] = f"saln.offline.select_file(path, path.with_suffix('.s.npy'), method='k_center', batch_size=2, {CUT})"
TABLES = {
    "texts.arrow": "source = saln.datasets.read_source(path, text='text')\nuse = lambda: source[3999]\nuse()",
    "images.arrow": "images = image_column(ArrayFile(path), 'image')\nuse = lambda: images.given(3999)\nuse()",
    "columns.arrow": "file = ArrayFile(path)\nuse = lambda: file.read('label')\nuse()",
    "x.parquet": f"{SOURCE}reader.take(np.array([0]))\nuse = lambda: reader.take(np.array([3999]))",
}
UNSEEN = "array = load(path).array\nuse = lambda: array[3999].sum()"


def write(path: Path) -> None:
    """A file of that name."""
    if path.suffix == ".npy":
        return np.save(path, X)
    if path.suffix == ".parquet":
        return pq.write_table(pa.table({"features": list(X)}), path, row_group_size=1000)
    texts = [f"text {row} " * 20 for row in range(ROWS)]
    columns = {"image": [text.encode() for text in texts]} if path.stem == "images" else {"text": texts}
    table = pa.table({**columns, "label": np.arange(ROWS) % 3})
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[str, int, Path, int]]:
    """What a program says and how it ends, its file, and how long that was."""
    folder = tmp_path_factory.mktemp("cut")
    programs = {name: (str(folder / f"{number}.npy"), each) for number, (name, each) in enumerate(NPY.items())}
    programs |= {name: (str(folder / name), each) for name, each in TABLES.items()}
    programs["unseen"] = str(folder / "unseen.npy"), UNSEEN
    sizes = {}
    for name, (path, _) in programs.items():
        write(Path(path))
        sizes[name] = Path(path).stat().st_size
    ran = subprocess.run([sys.executable, "-c", DRIVER], input=json.dumps(programs), capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    return lambda name: (*found[name], Path(programs[name][0]), sizes[name])


@pytest.mark.parametrize("name", [*NPY, *TABLES])
def test_what_is_cut_in_use_is_named(after: Callable[[str], tuple[str, int, Path, int]], name: str) -> None:
    said, status, path, size = after(name)
    wanted = f"DataError: {path}: was cut off while it was read: it has {LEFT} bytes; wanted {size}"
    assert (said, status) == (wanted, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems end a program otherwise")
def test_without_a_look_at_the_file_the_program_ends(after: Callable[[str], tuple[str, int, Path, int]]) -> None:
    """Or the tests above would show nothing."""
    assert after("unseen")[:2] == ("", -signal.SIGBUS)


def test_a_file_that_is_replaced_stays_as_it_was_opened(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, X)
    rows = load(path).tensor()
    np.save(path.with_name("other.npy"), X[:2])
    path.with_name("other.npy").replace(path)
    check(rows)
    assert np.array_equal(rows.numpy(), X)


def test_what_is_unmapped_is_forgotten(tmp_path: Path) -> None:
    for number in range(5):
        np.save(tmp_path / f"{number}.npy", X[:10])
        found = load(tmp_path / f"{number}.npy").tensor()
        assert len(mapping._watched[1]) <= number + 1
        os.truncate(tmp_path / f"{number}.npy", 0)
    alive = [region for region in mapping._watched[1] if region.mapping() is not None]
    assert sum(region.start <= found.data_ptr() < region.stop for region in alive) == 1
    del found
    assert not [region for region in alive if region.mapping() is not None and region.end == 128 + 40 * WIDTH]
    saln.SuperBatch(torch.randn(10, WIDTH)).take(torch.arange(10))
