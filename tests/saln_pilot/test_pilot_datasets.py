"""Every file kind reads back what was written, and what cannot be used is named in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

from saln.datasets import (
    DataError,
    array_names,
    load_builtin,
    load_candidates,
    load_dataset,
    load_features,
    read_array,
    write_scores,
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


def test_bfloat16_and_half(tmp_path: Path) -> None:
    save_file({"features": torch.from_numpy(X).bfloat16()}, str(tmp_path / "b.safetensors"))
    assert load_features(tmp_path / "b.safetensors").dtype == torch.float32
    np.savez(tmp_path / "h.npz", X=X.astype(np.float16))
    assert load_features(tmp_path / "h.npz").dtype == torch.float16


def test_builtin() -> None:
    digits = load_builtin("digits")
    assert digits.x.shape == (1797, 64)
    assert digits.n_classes == 10
    with pytest.raises(DataError, match="nowhere"):
        load_builtin("nowhere")


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet"])
def test_scores_and_candidates(tmp_path: Path, suffix: str) -> None:
    scores = np.array([0.5, np.nan, 2.0], dtype=np.float32)
    write_scores(tmp_path / f"s{suffix}", scores)
    name = {".npy": "array", ".npz": "scores", ".parquet": "score"}[suffix]
    np.testing.assert_array_equal(read_array(tmp_path / f"s{suffix}", name), scores)
    candidates = np.array([[0, 1, -1], [2, 2, 3]], dtype=np.int32)
    path = tmp_path / f"c{suffix}"
    if suffix == ".npy":
        np.save(path, candidates)
    elif suffix == ".npz":
        np.savez(path, candidates=candidates, other=X)
    else:
        pq.write_table(pa.table({"candidates": list(candidates)}), path)
    assert load_candidates(path).tolist() == candidates.tolist()
    assert load_candidates(path).dtype == torch.int32


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
        (lambda folder: folder, ["not a file"]),
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
    with pytest.raises(DataError, match="wrong"):
        load_features(path, "wrong")
    with pytest.raises(DataError, match="candidates"):
        load_candidates(path)
    assert array_names(path) == ["features", "labels", "is_test"]
