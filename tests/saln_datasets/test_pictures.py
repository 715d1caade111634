"""Pictures as they are to be seen, whatever their file's format and mode, and a name for what is none."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from saln.datasets import ArrayFile, DataError, read_images
from saln.datasets.pictures import decode_picture


def content(picture: Image.Image, kind: str = "png", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


HALF = np.zeros((20, 30, 3), np.uint8)
HALF[:, :15] = 255  # white on the left


@pytest.mark.parametrize(
    ("mark", "turned"),
    [(1, HALF), (2, HALF[:, ::-1]), (3, HALF[::-1, ::-1]), (6, np.rot90(HALF, -1)), (8, np.rot90(HALF))],
)
@pytest.mark.parametrize("kind", ["png", "webp", "tiff"])
def test_a_picture_is_turned_as_its_mark_says(mark: int, turned: np.ndarray, kind: str) -> None:
    exif = Image.Exif()
    exif[0x112] = mark
    options = {"lossless": True} if kind == "webp" else {}
    assert np.array_equal(decode_picture(content(Image.fromarray(HALF), kind, exif=exif, **options), "p"), turned)


GREY = np.arange(0, 65536, 1311, dtype=np.uint16).reshape(5, 10)


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_16_bits_become_8(kind: str) -> None:
    found = decode_picture(content(Image.fromarray(GREY), kind), "p")
    assert np.array_equal(found, np.repeat(np.rint(GREY / 257).astype(np.uint8)[:, :, None], 3, axis=2))


@pytest.mark.parametrize(
    ("mode", "color", "kind", "seen"),
    [
        ("1", 1, "png", (255, 255, 255)),
        ("L", 90, "png", (90, 90, 90)),
        ("LA", (90, 0), "png", (255, 255, 255)),
        ("RGBA", (200, 100, 0, 255), "webp", (200, 100, 0)),
        ("RGBA", (200, 100, 0, 0), "png", (255, 255, 255)),
        ("RGBA", (200, 100, 0, 51), "png", (244, 224, 204)),
        ("P", 7, "gif", (200, 100, 0)),
        ("CMYK", (0, 255, 255, 0), "tiff", (255, 0, 0)),
    ],
)
def test_every_mode_becomes_rgb(mode: str, color: Any, kind: str, seen: tuple[int, ...]) -> None:
    picture = Image.new(mode, (6, 4), color)
    if mode == "P":
        picture.putpalette([*[0] * 21, 200, 100, 0, *[0] * 744])
    found = decode_picture(content(picture, kind, **({"lossless": True} if kind == "webp" else {})), "p")
    assert found.shape == (4, 6, 3)
    assert np.abs(found.astype(int) - seen).max() <= 1


def test_a_palette_with_a_transparent_colour(tmp_path: Path) -> None:
    picture = Image.new("P", (6, 4), 7)
    picture.putpalette([*[0] * 21, 200, 100, 0, *[0] * 744])
    assert (decode_picture(content(picture, transparency=7), "p") == 255).all()


def mosaics(folder: Path, raw: bytes, grid: int = 1) -> ArrayFile:
    arrays = {"webp_bytes": np.frombuffer(raw, np.uint8), "offsets": np.array([0, len(raw)]), "grid": np.array(grid)}
    np.savez(folder / "m.npz", **arrays)
    return ArrayFile(folder / "m.npz")


def test_mosaics_are_decoded_so(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x112] = 3
    raw = content(Image.fromarray(HALF), "webp", exif=exif, lossless=True)
    images = read_images(mosaics(tmp_path, raw, grid=2))
    assert images.shape == (4, 3, 10, 15)
    assert [int(each.float().mean()) for each in images] == [0, 255, 0, 255]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (content(Image.new("1", (20000, 10000))), "could be decompression bomb"),
        (content(Image.new("F", (4, 4), 0.5), "tiff"), "values of mode F, of which none is white; wanted 8 or 16 bits"),
        (
            content(Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)))[:900],
            "cannot be read",
        ),
        (b"no picture", "mosaic 0 of 'webp_bytes' is not an image"),
    ],
)
def test_a_bomb_a_broken_picture_and_none_are_named(tmp_path: Path, raw: bytes, words: str) -> None:
    with pytest.raises(DataError) as caught:
        read_images(mosaics(tmp_path, raw))
    assert str(caught.value).startswith(f"{tmp_path / 'm.npz'}: mosaic 0 of 'webp_bytes' ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
