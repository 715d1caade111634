"""Data sets in memory, of every kind that has no library of its own to ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from PIL import Image

from saln.datasets import DataError, load_dataset, read_source

N = 12
X = np.random.default_rng(0).normal(size=(N, 5)).astype(np.float32)
Y = np.array([3, 7, 7, 3, 9, 9, 3, 7, 9, 3, 7, 9])
TEXTS = [f"what is the film number {i} about" for i in range(N)]
PIXELS = np.random.default_rng(1).integers(0, 256, (N, 6, 5, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "data",
    [
        (X, Y),
        (X, Y.tolist()),
        (X.tolist(), Y.tolist()),
        (torch.from_numpy(X), torch.from_numpy(Y)),
        (X, pd.Series(Y)),
        (pd.DataFrame(X), pd.Series(Y)),
        (pa.table({f"{i}": X[:, i] for i in range(5)}), Y),
        {"features": X, "labels": Y},
        {"features": X, "labels": Y.tolist()},
        {"X": torch.from_numpy(X), "y": torch.from_numpy(Y)},
        pd.DataFrame(X, columns=list("vwxuz")).assign(label=Y),
        [{**{f"c{i}": float(v) for i, v in enumerate(x)}, "label": int(y)} for x, y in zip(X, Y, strict=True)],
        torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)),
        np.rec.fromarrays([*X.T, Y], names="v,w,x,u,z,label"),
    ],
    ids=lambda data: type(data).__name__,
)  # fmt: skip
def test_rows_and_labels(data: Any) -> None:
    source = read_source(data)
    assert source.kind == "table"
    assert torch.equal(source.x, torch.from_numpy(X))
    assert torch.equal(source[3], torch.from_numpy(X[3]))
    assert source.labels is not None
    assert source.labels.tolist() == [{3: 0, 7: 1, 9: 2}[int(y)] for y in Y]
    assert source.class_names == ("3", "7", "9")
    assert source.ids[-1] == "row 11"


@pytest.mark.parametrize(
    "data",
    [
        (TEXTS, Y),
        {"text": TEXTS, "label": Y},
        {"text": np.array(TEXTS), "label": Y},
        pd.DataFrame({"text": TEXTS, "label": pd.Categorical(Y)}),
        [{"text": text, "label": str(y)} for text, y in zip(TEXTS, Y, strict=True)],
        [*zip(TEXTS, Y.tolist(), strict=True)],
    ],
    ids=lambda data: type(data).__name__,
)
def test_texts_and_labels(data: Any) -> None:
    source = read_source(data)
    assert source.kind == "texts"
    assert source[2] == TEXTS[2]
    assert source.class_names == ("3", "7", "9")


class Pairs(torch.utils.data.Dataset[Any]):
    def __init__(self, x: list[Any], y: list[Any]) -> None:
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, place: int) -> tuple[Any, Any]:
        return self.x[place], self.y[place]


def test_a_dataset_of_pictures(tmp_path: Path) -> None:
    pictures = [Image.fromarray(PIXELS[i][: 3 + i % 3]) for i in range(N)]
    for data in (Pairs(pictures, Y.tolist()), (pictures, Y), {"image": pictures, "label": Y}):
        source = read_source(data)
        assert source.kind == "images"
        assert np.array_equal(np.asarray(source[4]), PIXELS[4][:4])
        assert source.class_names == ("3", "7", "9")
    for place, picture in enumerate(pictures):
        picture.save(tmp_path / f"{place}.png")
    paths = read_source(([tmp_path / f"{place}.png" for place in range(N)], Y))
    assert np.array_equal(np.asarray(paths[4]), PIXELS[4][:4])


@pytest.mark.parametrize(
    "images",
    [
        PIXELS,
        PIXELS.transpose(0, 3, 1, 2),
        torch.from_numpy(PIXELS),
        PIXELS.astype(np.float64),
        PIXELS.astype(np.float32) / 255,
    ],
    ids=["NHWC", "NCHW", "tensor", "numbers to 255", "numbers to 1"],
)
def test_images_of_an_array(images: Any) -> None:
    source = read_source((images, Y))
    assert source.kind == "images"
    assert np.array_equal(np.asarray(source[7]), PIXELS[7])
    data = load_dataset({"images": images, "labels": Y})
    assert data.images is not None
    assert data.images.shape == (N, 3, 6, 5)


def test_grey_images_of_an_array() -> None:
    source = read_source((PIXELS[..., 0], Y))
    assert np.array_equal(np.asarray(source[7]), np.repeat(PIXELS[7, :, :, :1], 3, axis=2))


def test_a_frame_with_gaps_an_index_and_categories() -> None:
    frame = pd.DataFrame(
        {"a": [1.0, np.nan, 3, 4] * 3, "b": pd.array([1, None, 3, 4] * 3, "Int64"), "c": pd.Categorical(["u", "v"] * 6),
         "when": pd.date_range("2024-01-01", periods=N), "label": [True, False] * 6},
        index=[f"row{i}" for i in range(N)],
    )  # fmt: skip
    source = read_source(frame.assign(c=["u", "u", "v"] * 4))
    assert source.feature_names == ("a", "b", "c=u", "c=v")
    assert source.x.isnan().nonzero()[:2].tolist() == [[1, 0], [1, 1]]
    assert source.class_names == ("False", "True")
    assert source.notes == (
        "Columns left out of the features: 'when' (dates), '__index_level_0__' (an index). "
        "Naming columns takes others.",
    )
    assert "'c' (the label in other words)" in read_source(frame).notes[0]


def test_columns_with_gaps_of_any_make() -> None:
    gaps: list[Any] = ["u", None, "v"] * 4
    for column in (gaps, np.array(gaps, dtype=object), pd.Series(gaps), pd.Series(gaps, dtype=object)):
        source = read_source({"site": column, "a": pd.Series([1.0, np.nan] * 6), "label": ["x", "y", "y"] * 4})
        assert source.feature_names == ("site=(missing)", "site=u", "site=v", "a")
        assert source.x[1].isnan().tolist() == [False, False, False, True]


def test_labels_apart() -> None:
    source = read_source(X, labels=Y)
    assert source.labels is not None
    assert source.labels[:3].tolist() == [0, 1, 1]
    assert read_source(X).labels is None
    assert read_source({"text": TEXTS, "label": Y}, labels=Y % 3).class_names == ("0", "1")
    with pytest.raises(DataError, match=r"labels are \[3\]; wanted one for each of the 12 rows"):
        read_source(X, labels=Y[:3])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (5, "the int is no data set; wanted a file or folder, a DataFrame"),
        ([], "the list is no data set"),
        ((1, 2, 3), "the tuple is no data set"),
        (X[:, 0], "features 'array' are float32 [12]; wanted numbers [N, d]"),
        (np.array([{}, []], dtype=object), "is object [2], Python objects; wanted numbers or texts"),
        ({"a": [1, 2], "label": [1]}, "columns differ in length (a 2, label 1); wanted a value a row"),
        ({"a": [1, "x"], "label": [1, 2]}, "'a' holds values of several kinds"),
        ({1: [1, 2]}, "its names are no texts; wanted a dict of columns by name"),
        ((X, Y[:5]), "labels are [5]; wanted one for each of the 12 rows"),
        ((pd.DataFrame(X), Y[:5]), "X has 12 rows and y 5; wanted a label a row"),
        (pd.DataFrame({"a": [1, "x", {}], "label": [1, 2, 1]}), "is no table: "),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "is no table: "),
        (Pairs([X[0]] * 3, [1, 2, 3]).x, "wanted"),
        ({"a": [1.0, 2.0], "label": [1, None]}, "'label' is missing in 1 row (1)"),
    ],
)
def test_what_is_no_data_set_is_named(data: Any, words: str) -> None:
    with pytest.raises(DataError) as caught:
        read_source(data)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nothing_is_unpickled_from_a_dataset_that_gives_no_pairs() -> None:
    class Numbers(Pairs):
        def __getitem__(self, place: int) -> Any:
            return self.x[place]

    with pytest.raises(DataError, match=r"the Numbers gives ndarray for a row; wanted pairs \(x, y\)"):
        read_source(Numbers([X[0]], [1]))
