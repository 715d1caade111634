"""Rows that cannot be read, and features that are not finite: named, or left out on demand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from saln import SpectralBatchSampler, extract
from saln.datasets import DataError


class Broken:
    """Texts of which some cannot be read."""

    def __init__(self, n_rows: int, broken: tuple[int, ...]) -> None:
        self.n_rows, self.broken = n_rows, broken

    def __len__(self) -> int:
        return self.n_rows

    def __getitem__(self, row: int) -> str:
        if row in self.broken:
            raise OSError(f"file {row} is cut off")
        return "x" * (1 + row % 5)


def lengths(batch: list[str]) -> Tensor:
    return torch.tensor([[float(len(text)), 1.0] for text in batch])


@pytest.mark.parametrize("workers", [0, 1])
def test_a_row_that_cannot_be_read_is_named(out: Path, workers: int) -> None:
    with pytest.raises(DataError, match="row 37 of the data: cannot be read: OSError: file 37 is cut off; skip_broken"):
        extract(lengths, Broken(100, (37, 90)), out, progress=False, num_workers=workers)
    assert not out.exists()


def test_rows_left_out_are_nan_and_never_served(out: Path) -> None:
    data = Broken(100, (1, 37, 99))
    found = extract(lengths, data, out, progress=False, skip_broken=True, batch_size=4)
    assert np.flatnonzero(np.isnan(found.array).any(1)).tolist() == [1, 37, 99]
    assert found.array[2:5, 0].tolist() == [3.0, 4.0, 5.0]
    assert found.broken == {row: f"cannot be read: OSError: file {row} is cut off" for row in (1, 37, 99)}
    [note] = found.notes
    assert note.startswith("3 rows have no features and are NaN: row 1: cannot be read: OSError: file 1 is cut off; ")
    with pytest.raises(DataError, match="row 1 of the data: cannot be read: OSError: file 1 is cut off; skip_broken"):
        extract(lengths, data, out, progress=False)  # what is there has such rows
    with pytest.warns(UserWarning, match="3 of 100 samples have values that are not finite"):
        sampler = SpectralBatchSampler(out, batch_size=4, selector="uniform")
    assert {1, 37, 99}.isdisjoint(index for batch in sampler for index in batch)


@pytest.mark.parametrize(
    ("value", "dtype", "cause"),
    [
        (float("nan"), "float32", "its features are not finite"),
        (float("inf"), "float32", "its features are not finite"),
        (1e6, "float16", "its features are too large for float16"),
    ],
)
def test_features_that_are_not_finite(out: Path, value: float, dtype: str, cause: str) -> None:
    images = torch.rand(20, 3)
    images[11, 1] = value
    options: dict[str, Any] = {"progress": False, "dtype": dtype}
    with pytest.raises(DataError, match=f"row 11 of the data: {cause}; skip_broken makes it NaN"):
        extract(torch.nn.Identity(), images, out, **options)
    found = extract(torch.nn.Identity(), images, out, **options, skip_broken=True)
    assert found.notes == (f"1 row has no features and is NaN: row 11: {cause}",)
    assert np.isnan(found.array[11]).all()
    assert np.isfinite(np.delete(found.array, 11, 0)).all()


def test_data_of_which_nothing_can_be_read(out: Path) -> None:
    with pytest.raises(DataError, match="none of the 5 rows of the data can be read"):
        extract(lengths, Broken(5, tuple(range(5))), out, progress=False, skip_broken=True)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 10])
def test_the_first_batches_may_hold_nothing_that_can_be_read(out: Path, batch_size: int) -> None:
    """How many features a row has is known from the first batch that has some."""
    options: dict[str, Any] = {"progress": False, "skip_broken": True, "batch_size": batch_size}
    found = extract(lengths, Broken(8, (0, 1, 2, 5)), out, **options)
    assert sorted(found.broken) == [0, 1, 2, 5]
    assert np.isnan(found.array).all(axis=1).nonzero()[0].tolist() == [0, 1, 2, 5]
    assert np.array_equal(found.array[3:], extract(lengths, Broken(8, (5,)), out, **options).array[3:], equal_nan=True)


def test_what_was_finished_before_an_error_is_kept(out: Path) -> None:
    seen = []

    def model(batch: Tensor) -> Tensor:
        seen.append(len(batch))
        if len(seen) == 3:
            raise RuntimeError("out of memory")
        return batch

    images = torch.rand(60, 3)
    with pytest.raises(RuntimeError, match="rows 20 to 29 of the data: the model fails: RuntimeError: out of memory"):
        extract(model, images, out, progress=False, batch_size=10)
    assert torch.equal(extract(model, images, out, progress=False, batch_size=10).tensor(), images)
    assert sum(seen) == 70
