"""Features of any data in any batches, cut off wherever: those that a plain loop over the rows would give."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import saln
from properties.examples import examples
from saln.datasets import DataError
from saln.features import job

WIDTH = 3
LARGEST = 40
"""Rows."""
KINDS = ("plain", "pairs", "mappings", "texts")
FEATURES = np.float32([2, -4, 0.5])


class Stopped(BaseException):
    """As a kill: nobody catches it, and what is not kept yet is lost."""


class Rows(torch.utils.data.Dataset[Any]):
    """Rows [N, 3], some of which cannot be read; it counts what was asked for."""

    def __init__(self, x: Tensor, unreadable: set[int], kind: str) -> None:
        self.x, self.unreadable, self.kind = x, unreadable, kind

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, row: int) -> Any:
        if row in self.unreadable:
            raise OSError(f"no row {row}")
        x = self.x[row]
        if self.kind == "texts":  # of any length, so that they do not come in order
            return f"{'-' * (row * 7 % 11)} {row}"
        return {"plain": x, "pairs": (x, row % 2), "mappings": {"x": x, "label": row % 2}}[self.kind]


class Model(nn.Module):
    """Exact in float32, so that no batch shows; it stops once it was asked for so many rows."""

    def __init__(self, x: Tensor) -> None:
        super().__init__()
        self.x, self.left, self.asked = x, float("inf"), 0
        self.factor = nn.Parameter(torch.tensor(FEATURES))

    def forward(self, batch: Any) -> Tensor:
        if isinstance(batch, list):
            batch = torch.stack([self.x[int(text.split()[-1])] for text in batch])
        self.left -= len(batch)
        if self.left < 0:
            raise Stopped
        self.asked += len(batch)
        return batch * self.factor


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@st.composite
def data_of(draw: st.DrawFn, *, broken: bool, least: int = 1, kinds: tuple[str, ...] = KINDS) -> tuple[Rows, set[int]]:
    """Data, and rows that have no features: unreadable, not finite, or too large for float16."""
    n = draw(st.integers(least, LARGEST))
    x = torch.randn(n, WIDTH, generator=torch.Generator().manual_seed(draw(st.integers(0, 99))))
    some = st.sets(st.integers(0, n - 1), max_size=min(3, n - 1) if broken else 0)
    unreadable, bad = draw(some), draw(some)
    for row in bad:
        x[row, draw(st.integers(0, WIDTH - 1))] = draw(st.sampled_from([float("nan"), float("inf")]))
    return Rows(x, unreadable, draw(st.sampled_from(kinds))), unreadable | bad


def wanted(data: Rows, without: set[int], dtype: str) -> np.ndarray[Any, Any]:
    """What a plain loop gives."""
    found = (data.x.numpy() * FEATURES).astype(dtype)
    found[sorted(without)] = np.nan
    return found


DTYPES = st.sampled_from(["float32", "float16"])
SIZES = st.integers(1, LARGEST + 1)


@examples(15)
@given(given=data_of(broken=True), batch_size=SIZES, dtype=DTYPES)
def test_rows_are_in_order_and_broken_ones_are_named(given: tuple[Rows, set[int]], batch_size: int, dtype: str) -> None:
    """Every row in its place whatever the batch; NaN for exactly those without features, with the reason."""
    data, without = given
    if len(without) == len(data):
        return
    options: dict[str, Any] = {"batch_size": batch_size, "dtype": dtype, "progress": False}
    state = torch.get_rng_state()
    with folder() as path:
        out = path / "f.npy"
        found = saln.extract(Model(data.x), data, out, skip_broken=True, **options)
        assert found.array.dtype == dtype
        np.testing.assert_array_equal(found.array, wanted(data, without, dtype))
        assert set(found.broken) == without
        for row, cause in found.broken.items():
            assert cause.startswith("cannot be read: OSError") == (row in data.unreadable)
        assert bool(found.notes) == bool(without)
        assert all(f"row {row}" in found.notes[0] for row in without if len(without) <= job.SHOWN)
        again = saln.features.load(out)
        assert (again.broken, again.notes) == (found.broken, found.notes)
        np.testing.assert_array_equal(again.array, found.array)
        if without:  # the same file, and now they are not to be left out
            with pytest.raises(DataError, match=r"row \d+ of the data: ") as caught:
                saln.extract(Model(data.x), data, out, **options)
            assert int(str(caught.value).split()[1]) in without
    with folder() as path:
        if without:
            with pytest.raises(DataError, match=r"row \d+ of the data: "):
                saln.extract(Model(data.x), data, path / "f.npy", **options)
            assert not (path / "f.npy").exists()
    assert torch.equal(torch.get_rng_state(), state)


@examples(25)
@given(
    given=data_of(broken=True, least=8),
    sizes=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    dtype=DTYPES,
    data=st.data(),
)
def test_it_goes_on_wherever_it_was_cut(
    given: tuple[Rows, set[int]], sizes: list[int], dtype: str, data: st.DataObject
) -> None:
    """Stopped at any row, in other batches each time, files of the unfinished work cut: the same features."""
    rows, without = given
    if len(without) == len(rows):
        return
    options: dict[str, Any] = {"dtype": dtype, "skip_broken": True, "progress": False}
    keep = data.draw(st.sampled_from([0, 1 << 23]), label="bytes after which rows are kept")
    model = Model(rows.x)
    with folder() as path, patch.object(job, "KEEP_BYTES", keep):
        out = path / "f.npy"
        for size in sizes:
            model.left = len(rows) - data.draw(st.integers(1, len(rows)), label="rows before the end where it stops")
            try:
                saln.extract(model, rows, out, batch_size=size, **options)
            except Stopped:
                assert not out.exists()
                _harm(path / "f.npy.partial", data)
        model.left = float("inf")
        n_before = model.asked
        found = saln.extract(model, rows, out, batch_size=sizes[-1], **options)
        np.testing.assert_array_equal(found.array, wanted(rows, without, dtype))
        assert set(found.broken) == without
        assert not (path / "f.npy.partial").exists()
        n_asked = model.asked
        assert n_asked - n_before <= len(rows) - len(rows.unreadable)
        saln.extract(model, rows, out, **options)
        assert model.asked == n_asked, "what is there is computed once more"


def _harm(partial: Path, data: st.DataObject) -> None:
    """Cut one of the files, or none."""
    files = sorted(
        each for each in partial.iterdir() if each.suffix in (".npy", ".done") or each.name == "progress.json"
    )
    if files:
        file = data.draw(st.sampled_from(files), label="file")
        size = file.stat().st_size
        os.truncate(file, size - size * data.draw(st.integers(0, 100), label="per cent cut off") // 100)


@pytest.mark.parametrize("change", ["row", "order", "weights", "dtype", "length"])
@examples(3)
@given(given=data_of(broken=False, least=2, kinds=KINDS[:3]), data=st.data())
def test_what_is_something_else_is_extracted_anew(
    change: str, given: tuple[Rows, set[int]], data: st.DataObject
) -> None:
    """Other rows, weights or another dtype never get features that were made of what was there before."""
    rows, _ = given
    x, model, dtype = rows.x.clone(), Model(rows.x), "float32"
    with folder() as path:
        saln.extract(model, rows, path / "f.npy", progress=False)
        if change == "row":
            x[data.draw(st.integers(0, len(x) - 1))] += 1  # all rows of so few are looked at
        elif change == "order":
            x = x.flip(0)
        elif change == "length":
            x = x[1:]
        elif change == "weights":
            model.factor.data[1] = 3
        else:
            dtype = "float16"
        model.asked = 0
        found = saln.extract(model, Rows(x, set(), rows.kind), path / "f.npy", dtype=dtype, progress=False)
        assert model.asked == len(x)
        np.testing.assert_array_equal(found.array, (x * model.factor.detach()).numpy().astype(dtype))


MODELS: dict[str, Callable[[Tensor], Tensor]] = {"too large": lambda x: x * 1e5, "fits": lambda x: x}


@examples(10)
@given(
    values=st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=12),
    dtype=DTYPES,
    name=st.sampled_from(sorted(MODELS)),
    batch_size=st.integers(1, 5),
)
def test_what_is_too_large_for_the_file_is_broken(values: list[float], dtype: str, name: str, batch_size: int) -> None:
    """A finite feature that float16 cannot hold is named as that, and no other row is."""
    x = torch.tensor(values, dtype=torch.float32)[:, None]
    with np.errstate(over="ignore"):
        truth = MODELS[name](x).numpy().astype(dtype)
    large = np.flatnonzero(np.isinf(truth[:, 0])).tolist()
    with folder() as path:
        found = saln.extract(
            MODELS[name], x, path / "f.npy", batch_size=batch_size, dtype=dtype, skip_broken=True, progress=False
        )
        assert found.broken == dict.fromkeys(large, "its features are too large for float16")
        truth[large] = np.nan
        np.testing.assert_array_equal(found.array, truth)
