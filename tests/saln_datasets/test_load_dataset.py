"""Every file kind reads back what was written, and what cannot be used is named in one line."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from saln.datasets import (
    ArrayFile,
    DataError,
    load_builtin,
    load_dataset,
    read_images,
)

X = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)
Y = np.array([3, 7, 7, 3, 9, 9, 3, 7, 9, 3, 7, 9])
TEST = np.arange(12) >= 8


def _npz(folder: Path) -> Path:
    np.savez(folder / "d.npz", features=X, labels=Y, is_test=TEST)
    return folder / "d.npz"


def _safetensors(folder: Path) -> Path:
    tensors = {"features": torch.from_numpy(X), "labels": torch.from_numpy(Y), "is_test": torch.from_numpy(TEST)}
    save_file(tensors, str(folder / "d.safetensors"))
    return folder / "d.safetensors"


def _parquet_list(folder: Path) -> Path:
    pq.write_table(pa.table({"features": list(X), "labels": Y, "is_test": TEST}), folder / "d.parquet")
    return folder / "d.parquet"


def _parquet_columns(folder: Path) -> Path:
    columns = {f"sensor{i}": X[:, i] for i in range(5)}
    pq.write_table(pa.table({**columns, "labels": Y, "is_test": TEST, "note": ["a"] * 12}), folder / "c.parquet")
    return folder / "c.parquet"


@pytest.mark.parametrize("write", [_npz, _safetensors, _parquet_list, _parquet_columns])
def test_round_trip(tmp_path: Path, write: object) -> None:
    dataset = load_dataset(write(tmp_path))  # type: ignore[operator]
    assert torch.equal(dataset.x, torch.from_numpy(X))
    assert dataset.labels.tolist() == [{3: 0, 7: 1, 9: 2}[int(y)] for y in Y]
    assert dataset.class_names == ("3", "7", "9")
    assert dataset.is_test is not None
    assert dataset.is_test.tolist() == TEST.tolist()
    assert dataset.features_given == (write is not _parquet_columns)


def test_npy_with_labels_apart(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    dataset = load_dataset(tmp_path / "x.npy", labels_path=tmp_path / "y.npy")
    assert torch.equal(dataset.x, torch.from_numpy(X))
    assert dataset.is_test is None
    assert not dataset.features_given


def test_images_are_flattened_and_scaled(tmp_path: Path) -> None:
    images = np.arange(12 * 4, dtype=np.uint8).reshape(12, 2, 2)
    np.savez(tmp_path / "i.npz", images=images, y=np.array(list("aabbaabbaabb")))
    dataset = load_dataset(tmp_path / "i.npz")
    assert dataset.x.shape == (12, 4)
    assert dataset.x[3, 1] == pytest.approx(13 / 255)
    assert dataset.class_names == ("a", "b")
    assert dataset.images is not None
    assert dataset.images.dtype == torch.uint8
    assert dataset.images.tolist() == images[:, None].tolist()


def test_named_arrays_and_class_names(tmp_path: Path) -> None:
    labels = np.array([0, 2] * 6, dtype=np.uint8)
    np.savez(tmp_path / "n.npz", emb=X, kind=labels, held=TEST, class_names=np.array(["low", "mid", "high"]))
    dataset = load_dataset(tmp_path / "n.npz", feature_key="emb", label_key="kind", test_key="held")
    assert dataset.class_names == ("low", "high")
    assert dataset.is_test is not None


def test_parquet_chosen_columns_and_nulls(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([1.0, None, 3.0, 4.0]), "b": [1, 2, 3, 4], "c": [9, 9, 9, 9], "y": list("uvuv")})
    pq.write_table(table, tmp_path / "p.parquet")
    dataset = load_dataset(tmp_path / "p.parquet", columns=["a", "b"])
    assert dataset.x.shape == (4, 2)
    assert dataset.x[1, 0].isnan()


def test_builtin() -> None:
    digits = load_builtin("digits")
    assert digits.x.shape == (1797, 64)
    assert digits.n_classes == 10
    with pytest.raises(DataError, match="nowhere"):
        load_builtin("nowhere")


def _objects(folder: Path) -> Path:
    np.savez(folder / "o.npz", features=np.array([{}, []], dtype=object), labels=np.arange(2))
    return folder / "o.npz"


def _broken(folder: Path) -> Path:
    (folder / "b.npz").write_bytes(b"not a zip file")
    return folder / "b.npz"


def _broken_tensors(folder: Path) -> Path:
    (folder / "b.safetensors").write_bytes(b"\x00" * 20)
    return folder / "b.safetensors"


def _broken_parquet(folder: Path) -> Path:
    (folder / "b.parquet").write_bytes(b"nothing")
    return folder / "b.parquet"


def _unlabelled(folder: Path) -> Path:
    np.savez(folder / "u.npz", features=X)
    return folder / "u.npz"


def _short_labels(folder: Path) -> Path:
    np.savez(folder / "s.npz", features=X, labels=Y[:5])
    return folder / "s.npz"


def _text_features(folder: Path) -> Path:
    np.savez(folder / "t.npz", features=np.array([["a"], ["b"]]), labels=np.arange(2))
    return folder / "t.npz"


def _ragged(folder: Path) -> Path:
    pq.write_table(pa.table({"features": [[1.0], [1.0, 2.0]], "labels": [0, 1]}), folder / "r.parquet")
    return folder / "r.parquet"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_objects, ["o.npz", "features", "objects"]),
        (_broken, ["b.npz"]),
        (_broken_tensors, ["b.safetensors"]),
        (_broken_parquet, ["b.parquet"]),
        (_unlabelled, ["u.npz", "labels"]),
        (_short_labels, ["s.npz", "labels", "12"]),
        (_text_features, ["t.npz", "features"]),
        (_ragged, ["r.parquet", "features", "length"]),
        (lambda folder: folder / "absent.npz", ["absent.npz", "no such file"]),
        (lambda folder: folder, ["holds no images and no tables"]),
    ],
)
def test_one_clear_line(tmp_path: Path, make: object, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        load_dataset(make(tmp_path))  # type: ignore[operator]
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


def test_missing_names_are_named(tmp_path: Path) -> None:
    path = _npz(tmp_path)
    with pytest.raises(DataError, match=r"wrong.*it has features, labels, is_test"):
        load_dataset(path, label_key="wrong")
    assert ArrayFile(path).names == ["features", "labels", "is_test"]


PIXELS = np.random.default_rng(1).integers(0, 256, size=(12, 6, 5, 3), dtype=np.uint8)  # [N, H, W, C]


def _mosaics(grid: int = 2) -> dict[str, np.ndarray]:
    parts = []
    for tiles in PIXELS.reshape(-1, grid, grid, 6, 5, 3):
        file = io.BytesIO()
        Image.fromarray(tiles.transpose(0, 2, 1, 3, 4).reshape(grid * 6, grid * 5, 3)).save(file, "webp", lossless=True)
        parts.append(file.getvalue())
    offsets = np.cumsum([0, *map(len, parts)])
    return {"webp_bytes": np.frombuffer(b"".join(parts), np.uint8), "offsets": offsets, "grid": np.array(grid)}


def test_mosaics_give_every_pixel_back(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", labels=Y, is_test=TEST, **_mosaics())
    dataset = load_dataset(tmp_path / "m.npz")
    assert dataset.images is not None
    assert np.array_equal(dataset.images.numpy(), PIXELS.transpose(0, 3, 1, 2))
    assert torch.equal(dataset.x, dataset.images.flatten(1).float() / 255)
    assert not dataset.features_given


@pytest.mark.parametrize("apart", [False, True])
def test_features_and_images_together(tmp_path: Path, apart: bool) -> None:
    pixels = {"images": PIXELS, "class_names": np.array([f"kind {n}" for n in range(10)])}
    if apart:
        np.savez(tmp_path / "i.npz", labels=Y, is_test=TEST, **pixels)
        dataset = load_dataset(_npz(tmp_path), images_path=tmp_path / "i.npz")
    else:
        np.savez(tmp_path / "b.npz", features=X, labels=Y, **pixels)
        dataset = load_dataset(tmp_path / "b.npz")
    assert torch.equal(dataset.x, torch.from_numpy(X))
    assert dataset.features_given
    assert dataset.images is not None
    assert np.array_equal(dataset.images.numpy(), PIXELS.transpose(0, 3, 1, 2))
    assert dataset.class_names == ("kind 3", "kind 7", "kind 9")


@pytest.mark.parametrize(
    ("array", "shape"),
    [
        (np.zeros((4, 7, 9), np.uint8), (4, 1, 7, 9)),
        (np.zeros((4, 7, 9, 1), np.uint8), (4, 1, 7, 9)),
        (np.zeros((4, 3, 7, 9), np.float16), (4, 3, 7, 9)),
        (np.zeros((4, 7, 9, 4), np.float64), (4, 4, 7, 9)),
    ],
)
def test_layouts_of_images(tmp_path: Path, array: np.ndarray, shape: tuple[int, ...]) -> None:
    np.savez(tmp_path / "a.npz", images=array)
    images = read_images(ArrayFile(tmp_path / "a.npz"))
    assert images.shape == shape
    assert images.dtype == (torch.uint8 if array.dtype == np.uint8 else torch.float32)


def test_a_table_with_gaps(tmp_path: Path) -> None:
    table = X.copy()
    table[3, 1] = table[0, 0] = np.nan
    table[5, 2] = np.inf
    np.savez(tmp_path / "g.npz", X=table, y=Y.astype(np.uint8), sensor=np.arange(5))
    dataset = load_dataset(tmp_path / "g.npz")
    assert dataset.n_missing == 3
    assert dataset.x.isnan().nonzero().tolist() == [[0, 0], [3, 1], [5, 2]]
    assert not dataset.features_given


def test_a_text_files_features(tmp_path: Path) -> None:
    texts = [f"text {n}".encode() for n in range(12)]
    arrays = {"text_utf8": np.frombuffer(b"".join(texts), np.uint8), "offsets": np.cumsum([0, *map(len, texts)])}
    np.savez(tmp_path / "t.npz", features=X.astype(np.float16), labels=Y, is_test=TEST, **arrays)
    dataset = load_dataset(tmp_path / "t.npz")
    assert dataset.features_given
    assert dataset.images is None
    assert torch.equal(dataset.x, torch.from_numpy(X.astype(np.float16).astype(np.float32)))


def _wrong_mosaics(**changed: np.ndarray) -> Callable[[Path], tuple[Path, Path | None]]:
    def write(folder: Path) -> tuple[Path, Path | None]:
        np.savez(folder / "w.npz", **{"labels": Y, **_mosaics(), **changed})
        return folder / "w.npz", None

    return write


def _apart(**arrays: np.ndarray) -> Callable[[Path], tuple[Path, Path | None]]:
    def write(folder: Path) -> tuple[Path, Path | None]:
        np.savez(folder / "w.npz", **arrays)
        return _npz(folder), folder / "w.npz"

    return write


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_wrong_mosaics(grid=np.array(4)), ["w.npz", "mosaic 0", "4 × 4"]),
        (_wrong_mosaics(grid=np.array(0)), ["w.npz", "grid"]),
        (_wrong_mosaics(offsets=np.array([0, 5, 9, 12])), ["w.npz", "mosaic 0", "not an image"]),
        (_wrong_mosaics(offsets=np.array([0, 10**6])), ["w.npz", "offsets"]),
        (_wrong_mosaics(labels=Y[:7]), ["w.npz", "labels", "12"]),
        (_apart(images=PIXELS[:5]), ["images are [5, 3, 6, 5]", "12 rows"]),
        (_apart(images=PIXELS, labels=Y[::-1]), ["w.npz", "labels", "another order"]),
        (_apart(images=PIXELS, is_test=~TEST), ["w.npz", "is_test", "another order"]),
        (_apart(images=np.full((12, 2, 2), np.nan)), ["w.npz", "not finite"]),
        (_apart(images=np.zeros((12, 2, 2, 2))), ["w.npz", "[N, H, W, C]"]),
        (_apart(pictures=PIXELS), ["w.npz", "no images", "webp_bytes"]),
    ],
)
def test_images_that_do_not_fit(
    tmp_path: Path, make: Callable[[Path], tuple[Path, Path | None]], words: list[str]
) -> None:
    path, images_path = make(tmp_path)
    with pytest.raises(DataError) as caught:
        load_dataset(path, images_path=images_path)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


def test_numeric_columns_of_csv_are_features(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("a,b,site,label\n1,2.5,x,0\n3,,y,1\n")
    dataset = load_dataset(file)
    torch.testing.assert_close(dataset.x, torch.tensor([[1.0, 2.5], [3.0, torch.nan]]), equal_nan=True)
    assert dataset.labels.tolist() == [0, 1]
