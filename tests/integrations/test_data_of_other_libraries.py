"""Data sets of Hugging Face and DataFrames of polars, as objects and as they are saved."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Image, Value
from PIL import Image as Pillow

from saln.datasets import DataError, load_dataset, read_source

N = 30
PIXELS = np.random.default_rng(0).integers(0, 256, (N, 6, 5, 3), dtype=np.uint8)
TEXTS = [f"what is the film number {i} about" for i in range(N)]
KINDS = ClassLabel(names=["cat", "dog", "emu"])


def of_images() -> Any:
    columns = {"image": [Pillow.fromarray(each) for each in PIXELS], "label": [i % 3 for i in range(N)]}
    return Dataset.from_dict(columns, features=Features({"image": Image(), "label": KINDS}))


def of_texts(n: int = N, labelled: bool = True) -> Any:
    columns = {"idx": list(range(n)), "sentence": TEXTS[:n], "label": [i % 3 if labelled else -1 for i in range(n)]}
    features = Features({"idx": Value("int32"), "sentence": Value("string"), "label": KINDS})
    return Dataset.from_dict(columns, features=features)


@pytest.mark.parametrize("way", ["object", "saved", "parquet", "chosen rows"])
def test_images(tmp_path: Path, way: str) -> None:
    data: Any = of_images()
    rows = list(range(N))
    if way == "saved":
        data.save_to_disk(tmp_path / "d", num_shards=2)
        data = tmp_path / "d"
    elif way == "parquet":
        data.to_parquet(tmp_path / "d.parquet")
        data = tmp_path / "d.parquet"
    elif way == "chosen rows":
        rows = list(np.random.default_rng(1).permutation(N)[:20])
        data = data.select(rows)
    source = read_source(data)
    assert source.kind == "images"
    assert source.class_names == ("cat", "dog", "emu")
    assert source.labels is not None
    assert source.labels.tolist() == [row % 3 for row in rows]
    assert all(np.array_equal(np.asarray(source[place]), PIXELS[row]) for place, row in enumerate(rows))
    assert source.notes == ()
    assert load_dataset(data).x.shape == (len(rows), 90)


def test_images_in_files_beside(tmp_path: Path) -> None:
    for place in range(4):
        Pillow.fromarray(PIXELS[place]).save(tmp_path / f"{place}.png")
    names = [str(tmp_path / f"{place}.png") for place in range(4)]
    data = Dataset.from_dict({"image": names, "label": [0, 1, 0, 1]}).cast_column("image", Image())
    assert np.array_equal(np.asarray(read_source(data)[2]), PIXELS[2])


@pytest.mark.parametrize("saved", [False, True])
def test_splits(tmp_path: Path, saved: bool) -> None:
    data: Any = DatasetDict({"train": of_texts(), "validation": of_texts(6), "test": of_texts(9, labelled=False)})
    if saved:
        data.save_to_disk(tmp_path / "d")
        data = tmp_path / "d"
    source = read_source(data)
    assert source.kind == "texts"
    assert len(source) == 36
    assert source.is_test is not None
    assert source.is_test.tolist() == [False] * 30 + [True] * 6
    assert source[31] == TEXTS[1]
    assert source.notes == ("Rows without a label (-1) were left out: 9 of 45.", "Columns that were not used: 'idx'.")


def test_the_parts_that_a_hub_keeps(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name, rows in (("train-00000-of-00002", 8), ("train-00001-of-00002", 5), ("test-00000-of-00001", 4)):
        of_texts(rows).to_parquet(tmp_path / "data" / f"{name}.parquet")
    source = read_source(tmp_path)
    assert source.is_test is not None
    assert source.is_test.tolist() == [True] * 4 + [False] * 13
    assert source.class_names == ("cat", "dog", "emu")


def test_what_is_streamed_or_in_another_order_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is streamed; wanted one with a length"):
        read_source(of_texts().to_iterable_dataset())
    of_texts().save_to_disk(tmp_path / "d")
    state = tmp_path / "d" / "state.json"
    state.write_text(state.read_text().replace("data-00000", "../data-00000"))
    with pytest.raises(DataError, match=r"names .*; wanted the name of something in its folder"):
        read_source(tmp_path / "d")


def test_a_frame_of_polars() -> None:
    frame = pl.DataFrame(
        {"a": [1.0, None, 3.0] * 10, "site": pl.Series(["n", "s", "w", "w", "n"] * 6, dtype=pl.Categorical),
         "label": ["x", "y", "x"] * 10}
    )  # fmt: skip
    source = read_source(frame)
    assert source.feature_names == ("a", "site=n", "site=s", "site=w")
    assert source.x[1].isnan().tolist() == [True, False, False, False]
    assert source.class_names == ("x", "y")
    texts = read_source((frame.select("a"), frame["label"]))
    assert texts.class_names == ("x", "y")


def test_bytes_of_images_in_a_frame() -> None:
    file = io.BytesIO()
    Pillow.fromarray(PIXELS[0]).save(file, "png")
    source = read_source(pl.DataFrame({"image": [file.getvalue()] * 2, "label": [0, 1]}))
    assert np.array_equal(np.asarray(source[1]), PIXELS[0])
