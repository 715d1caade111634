"""Nothing is computed twice, and nothing that is there is taken for something else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from feature_cases import Counting, Pairs
from saln import extract
from saln.datasets import DataError
from saln.features import load
from saln.journal import Unfinished


def rows_computed(net: Counting, call: Callable[[], object]) -> int:
    before = net.n_rows
    call()
    return net.n_rows - before


def test_the_same_call_returns_at_once(net: Counting, pairs: Pairs, out: Path) -> None:
    first = extract(net, pairs, out, progress=False)
    written = out.stat().st_mtime_ns
    assert rows_computed(net, lambda: extract(net, pairs, out, progress=False)) == 0
    again = extract(net, pairs, out, progress=False, batch_size=7, num_workers=1)
    assert (out.stat().st_mtime_ns, again.seconds) == (written, first.seconds)
    assert torch.equal(again.tensor(), first.tensor())
    assert rows_computed(net, lambda: extract(net, pairs, out, progress=False, fresh=True)) == 150


def test_another_model_other_data_or_options_are_extracted_anew(net: Counting, pairs: Pairs, out: Path) -> None:
    def computed(**options: object) -> int:
        return rows_computed(net, lambda: extract(net, pairs, out, progress=False, **options))  # type: ignore[arg-type]

    computed()
    with torch.no_grad():
        net.head.bias[0] += 1e-3
    assert computed() == 150
    pairs.images[-1, 0, 0, 0] += 0.5
    assert computed() == 150
    assert computed(layer="body") == 150
    assert computed(dtype="float16") == 150
    assert computed(autocast="bfloat16") == 150
    assert computed(transform=lambda image: image * 2) == 150
    assert computed(transform=lambda image: image * 3) == 150
    assert computed(transform=lambda image: image * 3) == 0
    pairs.labels[3] = 2  # features do not depend on labels
    assert computed(transform=lambda image: image * 3) == 0
    pairs.images = pairs.images.flip(0)
    assert computed() == 150


def test_a_callable_is_known_by_a_row_of_its_own(net: Counting, images: Tensor, out: Path) -> None:
    def model(batch: Tensor) -> Tensor:
        return net.eval()(batch)

    extract(model, images, out, progress=False)
    assert rows_computed(net, lambda: extract(model, images, out, progress=False)) == 1
    with torch.no_grad():
        net.head.weight *= 1.5
    assert rows_computed(net, lambda: extract(model, images, out, progress=False)) == 151


def test_what_is_known_lies_beside_the_features(net: Counting, pairs: Pairs, out: Path) -> None:
    made = extract(net, pairs, out, layer="body", progress=False)
    told = json.loads(out.with_name("features.npy.json").read_text())
    assert (told["rows"], told["width"], told["dtype"]) == (150, 6, "float32")
    assert (told["model"]["name"], told["model"]["layer"]) == ("Counting", "body")
    assert told["versions"]["torch"] == torch.__version__
    assert len(told["data"]["probes"]) == 64
    assert 0 < told["seconds"] == made.seconds < 60
    assert sorted(path.name for path in out.parent.iterdir()) == ["features.npy", "features.npy.json"]
    found = load(str(out))
    assert (found.rows, found.width, found.fingerprint, found.seconds) == (150, 6, made.fingerprint, made.seconds)
    assert isinstance(found.array, np.memmap)


def test_a_file_of_somebody_else_s_is_not_overwritten(net: Counting, images: Tensor, out: Path) -> None:
    np.save(out, np.eye(3))
    with pytest.raises(DataError, match=r"features\.npy: is there, and was not extracted here"):
        extract(net, images, out, progress=False)
    assert np.array_equal(np.load(out), np.eye(3))
    assert extract(net, images, out, progress=False, fresh=True).rows == 150


def test_a_file_that_was_changed_is_noticed(net: Counting, images: Tensor, out: Path) -> None:
    extract(net, images, out, progress=False)
    np.save(out, np.eye(3, dtype=np.float32))
    with pytest.raises(DataError, match=r"features\.npy\.json: describes other features than features\.npy holds"):
        load(out)
    out.with_name("features.npy.json").unlink()
    assert (load(out).rows, load(out).fingerprint) == (3, None)


def test_what_is_no_matrix_of_features(tmp_path: Path) -> None:
    for name, array in (("a.npy", np.zeros(3)), ("b.npy", np.zeros((3, 2), dtype=np.int64))):
        np.save(tmp_path / name, array)
        with pytest.raises(DataError, match=r"wanted floating-point numbers \[N, d\]"):
            load(tmp_path / name)
    (tmp_path / "f.txt").touch()
    (tmp_path / "c.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:40])
    for name, message in (
        ("c.npy", "cannot be read"),
        ("d.npy", "no such file"),
        ("e.npz", "no such file"),
        ("f.txt", "unknown ending"),
    ):
        with pytest.raises(DataError, match=message):
            load(tmp_path / name)


def test_other_files_of_arrays_hold_features_too(tmp_path: Path) -> None:
    x, other = np.eye(3, 2), np.eye(3, 4, dtype=np.float32)
    np.savez(tmp_path / "x.npz", features=x, other=other)
    np.testing.assert_array_equal(load(tmp_path / "x.npz").array, x)
    np.testing.assert_array_equal(load(tmp_path / "x.npz", "other").array, other)
    with pytest.raises(DataError, match=r"no array or column named 'third'; it has features, other"):
        load(tmp_path / "x.npz", "third")
    np.savez(tmp_path / "y.npz", features=np.arange(6).reshape(3, 2))
    with pytest.raises(DataError, match=r"wanted floating-point numbers \[N, d\]"):
        load(tmp_path / "y.npz")


def test_outputs_that_cannot_be_written(net: Counting, images: Tensor, tmp_path: Path) -> None:
    (tmp_path / "folder.npy").mkdir()
    for name, message in (("x.npz", "wanted .npy"), ("folder.npy", "is a folder"), ("no/x.npy", "does not exist")):
        with pytest.raises(DataError, match=message):
            extract(net, images, tmp_path / name, progress=False)


def test_one_process_at_a_time(net: Counting, images: Tensor, out: Path) -> None:
    with (
        Unfinished(out, {"model": "another"}, result="features", restart=False),
        pytest.raises(RuntimeError, match=r"another process is at work on .*features\.npy"),
    ):
        extract(net, images, out, progress=False)
    assert extract(net, images, out, progress=False).rows == 150


def test_writing_into_the_tensor_leaves_the_file(net: Counting, images: Tensor, out: Path) -> None:
    tensor = extract(net, images, out, progress=False).tensor()
    before = tensor.clone()
    tensor.zero_()
    assert torch.equal(load(out).tensor(), before)


def test_progress_is_told(net: Counting, images: Tensor, out: Path) -> None:
    told: list[tuple[str, int, int]] = []
    extract(net, images, out, progress=lambda *each: told.append(each), batch_size=50)
    assert told == [("features", rows, 150) for rows in (0, 50, 100, 150)]
