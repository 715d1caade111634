"""Images in a folder a class, as people have them: any mode and size, some broken, with other files among them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from saln.datasets import DataError, Source, load_dataset, read_source

NOISE = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)


def save(path: Path, picture: Any = NOISE, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    (Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture).save(path, **options)
    return path


def described(source: Source) -> list[tuple[str, str]]:
    assert source.labels is not None
    return [(Path(each).name, source.class_names[label]) for each, label in zip(source.ids, source.labels, strict=True)]


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    for split, n in (("train", 3), ("test", 2)):
        for kind in ("cat", "dog"):
            for i in range(n):
                save(tmp_path / "animals" / split / kind / f"{split}{kind}{i}.png")
    return tmp_path / "animals"


def test_folders_are_labels_and_marks(animals: Path) -> None:
    source = read_source(animals)
    assert source.kind == "images"
    assert source.class_names == ("cat", "dog")
    assert described(source)[:3] == [("testcat0.png", "cat"), ("testcat1.png", "cat"), ("testdog0.png", "dog")]
    assert source.is_test is not None
    assert source.is_test.tolist() == ["test/" in each for each in source.ids]
    assert np.array_equal(np.asarray(source[5]), NOISE)
    assert source.notes == ()


def test_classes_without_splits(animals: Path) -> None:
    source = read_source(str(animals / "train"))
    assert len(source) == 6
    assert source.is_test is None
    assert source[0].mode == "RGB"


def test_a_folder_in_a_folder_as_zip_files_leave_it(animals: Path) -> None:
    assert len(read_source(animals.parent)) == 10


@pytest.mark.parametrize("name", ["val", "Validation", "dev"])
def test_validation_is_for_testing_where_nothing_else_is(animals: Path, name: str) -> None:
    (animals / "test").rename(animals / name)
    source = read_source(animals)
    assert source.is_test is not None
    assert int(source.is_test.sum()) == 4
    save(animals / "test" / "cat" / "1.png")
    source = read_source(animals)
    assert source.is_test is not None
    assert int(source.is_test.sum()) == 1
    assert source.notes == ("Rows for validation were left out, as there are others to test on: 4 of 11.",)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    save(tmp_path / "train" / "1.png")
    save(tmp_path / "plane" / "1.png")
    assert read_source(tmp_path).class_names == ("plane", "train")


def test_folders_within_a_class_are_of_it(tmp_path: Path) -> None:
    save(tmp_path / "cat" / "2024" / "may" / "1.JPG", format="jpeg")
    save(tmp_path / "dog" / "1.png")
    assert described(read_source(tmp_path)) == [("1.JPG", "cat"), ("1.png", "dog")]


def test_images_without_classes(tmp_path: Path) -> None:
    save(tmp_path / "1.png")
    save(tmp_path / "2.png")
    source = read_source(tmp_path)
    assert source.labels is None
    assert source.notes == (f"The images of {tmp_path} do not lie in a folder a class: there are no labels.",)
    with pytest.raises(DataError, match="which column holds the labels"):
        load_dataset(tmp_path)


def test_what_is_no_image_is_left_out_and_named(animals: Path) -> None:
    whole = save(animals / "big.jpg", np.random.default_rng(1).integers(0, 256, (200, 200, 3), dtype=np.uint8))
    cats = animals / "train" / "cat"
    (cats / "cut.jpg").write_bytes(whole.read_bytes()[:3000])
    (cats / "cut.png").write_bytes((cats / "traincat0.png").read_bytes()[:900])
    (cats / "empty.png").touch()
    (cats / "page.jpg").write_text("<html>404</html>")
    (cats / "notes.txt").write_text("blurred: 2")
    (cats / ".DS_Store").write_bytes(b"\0")
    (cats / "._traincat0.png").write_bytes(b"\0")
    (animals / "__MACOSX").mkdir()
    (animals / "__MACOSX" / "1.png").write_bytes(b"\0")
    whole.unlink()
    source = read_source(animals)
    assert len(source) == 10
    assert source.notes[0] == "Files that are no images were left out: train/cat/notes.txt."
    assert source.notes[1].startswith(f"Images left out, 4 of 14: {cats / 'cut.jpg'} (image file is truncated")
    assert f"{cats / 'empty.png'} (not an image), …" in source.notes[1]
    assert all(isinstance(np.asarray(source[place]), np.ndarray) for place in range(10))


def test_images_beside_the_folders_of_classes_are_left_out(animals: Path) -> None:
    save(animals / "train" / "loose.png")
    assert read_source(animals).notes == ("Images outside the folders of classes were left out: train/loose.png.",)


def test_a_bomb_is_left_out(tmp_path: Path) -> None:
    bomb = save(tmp_path / "a" / "bomb.png", Image.new("1", (20000, 10000)))
    save(tmp_path / "a" / "1.png")
    save(tmp_path / "b" / "1.png")
    assert read_source(tmp_path).notes == (f"Images left out, 1 of 3: {bomb} (too many pixels).",)


def test_damage_that_only_decoding_finds_names_the_file(tmp_path: Path) -> None:
    path = save(tmp_path / "a" / "1.png")
    save(tmp_path / "b" / "1.png")
    content = bytearray(path.read_bytes())
    content[200:260] = bytes(60)
    path.write_bytes(content)
    source = read_source(tmp_path)
    with pytest.raises(DataError, match="cannot be read as an image") as caught:
        source[0]
    assert str(path) in str(caught.value)
    path.unlink()
    with pytest.raises(DataError, match=r"a/1.png: cannot be read: No such file"):
        source[0]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff", "bmp", "gif"])
def test_every_mode_and_format_is_rgb(tmp_path: Path, mode: str, suffix: str) -> None:
    # A palette that holds nothing is written as a broken bmp by Pillow 12.
    picture = Image.new("RGB", (5, 4)).convert("P") if mode == "P" else Image.new(mode, (5, 4))
    try:
        save(tmp_path / "a" / f"1.{suffix}", picture)
    except (OSError, ValueError):  # a format that has no such mode
        save(tmp_path / "a" / f"1.{suffix}", picture.convert("RGB"))
    save(tmp_path / "b" / "1.png")
    picture = read_source(tmp_path)[0]
    assert (picture.mode, picture.size) == ("RGB", (5, 4))


def test_texts_in_a_folder_a_class(tmp_path: Path) -> None:
    for place in range(12):
        folder = tmp_path / ("test" if place < 4 else "train") / ("neg" if place % 2 else "pos")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{place}.txt").write_bytes(f"映画{place}は\n良い".encode("cp932" if place % 3 else "utf-8"))
    (tmp_path / "train" / "urls.txt").write_text("none")
    (tmp_path / "README").write_text("none")
    source = read_source(tmp_path)
    assert source.kind == "texts"
    assert sorted(source[place] for place in range(12)) == sorted(f"映画{place}は\n良い" for place in range(12))
    assert source.class_names == ("neg", "pos")
    assert source.is_test is not None
    assert int(source.is_test.sum()) == 4
    assert source.ids[0] == str(tmp_path / "test" / "neg" / "1.txt")
    assert source.notes == (
        "Files that are no texts were left out: README.",
        "Texts outside the folders of classes were left out: train/urls.txt.",
    )


def test_a_folder_without_data_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "readme.md").touch()
    with pytest.raises(DataError, match=r"holds no images and no tables .*, but readme\.md"):
        read_source(tmp_path)
    (tmp_path / "1.png").touch()
    with pytest.raises(DataError, match=r"no image can be used\. Images left out, 1 of 1: .*1\.png \(not an image\)"):
        read_source(tmp_path)


def test_images_of_one_size_are_the_pilots_as_they_are(animals: Path) -> None:
    data = load_dataset(animals)
    assert data.images is not None
    assert data.images.dtype == torch.uint8
    assert np.array_equal(data.images[3].permute(1, 2, 0), NOISE)
    assert torch.equal(data.x, data.images.flatten(1).float() / 255)
    assert not data.features_given
    assert data.n_classes == 2


def test_images_of_several_sizes_are_brought_to_one(animals: Path) -> None:
    exif = Image.Exif()
    exif[0x112] = 6  # lies on its side
    save(animals / "train" / "cat" / "wide.jpg", np.full((50, 400, 3), 90, np.uint8), exif=exif)
    data = load_dataset(animals)
    assert data.images is not None
    assert data.images.shape == (11, 3, 64, 64)
    assert "Images are of 2 sizes: they were cut to squares and brought to 64 × 64 pixels." in data.notes
    data = load_dataset(animals, image_size=16)
    assert data.images is not None
    assert data.images.shape == (11, 3, 16, 16)
    assert data.notes == ()


def test_features_beside_images(animals: Path) -> None:
    features = np.random.default_rng(0).normal(size=(10, 7)).astype(np.float16)
    np.save(animals.parent / "f.npy", features)
    data = load_dataset(animals, features_path=animals.parent / "f.npy")
    assert torch.equal(data.x, torch.from_numpy(features.astype(np.float32)))
    assert data.features_given
    assert data.images is not None
    np.save(animals.parent / "f.npy", features[:9])
    with pytest.raises(DataError, match="features of 9 rows; wanted one for each of the 10 rows of animals"):
        load_dataset(animals, features_path=animals.parent / "f.npy")


def test_a_source_goes_to_worker_processes(animals: Path) -> None:
    source = pickle.loads(pickle.dumps(read_source(animals)))
    assert np.array_equal(np.asarray(source[-1]), NOISE)
    with pytest.raises(IndexError, match="row 10 of animals; it has 10"):
        source[10]
    assert len(list(source)) == 10
