"""Data of bench.look_copies: rows with planted copies, and rows with some from elsewhere."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

ROWS, COPIED, STRANGE = 4000, 400, 30
CIFAR, FEATURES = "cifar10_20k_5k.npz", "features_cifar10_20k_5k_efflite0_160.npz"


class Planted(NamedTuple):
    """Features `[N, d]` and which rows have a copy `[N]`."""

    name: str
    features: Any
    copied: Any


def load(folder: Path, name: str) -> Any:
    """Arrays of a file."""
    return np.load(folder / name, allow_pickle=False)


def images(folder: Path) -> Any:
    """CIFAR-10 images, `[N, 32, 32, 3]` uint8."""
    file = load(folder, CIFAR)
    raw, offsets, grid = file["webp_bytes"].tobytes(), file["offsets"], int(file["grid"])
    parts = []
    for first, last in pairwise(offsets):
        mosaic = np.asarray(Image.open(io.BytesIO(raw[first:last])).convert("RGB"))
        parts.append(mosaic.reshape(grid, 32, grid, 32, 3).transpose(0, 2, 1, 3, 4).reshape(-1, 32, 32, 3))
    return np.concatenate(parts)


def grey_pixels(folder: Path) -> Any:
    """25 000 images and their mirror images, grey, 32 x 16 pixels: `[50000, 512]` float32."""
    grey = images(folder).astype(np.float32).mean(axis=3) / 255
    return np.concatenate([grey, grey[:, :, ::-1]]).reshape(-1, 32, 16, 2).mean(axis=3).reshape(-1, 512)


def planted_sets(folder: Path) -> Iterator[Planted]:
    """Changed images as pixels, features with noise, repeated texts."""
    source = np.random.default_rng(0)
    pictures = images(folder)[:ROWS]
    chosen = source.permutation(ROWS)[:COPIED]
    copied = np.zeros(ROWS + COPIED, dtype=bool)
    copied[chosen], copied[ROWS:] = True, True
    for change, changed in _changes(pictures[chosen]):
        both = np.concatenate([pictures, changed]).astype(np.float32).mean(axis=3) / 255
        yield Planted(f"pixels, {change}", both.reshape(len(both), -1), copied)
    for name, file in (("CIFAR-10 features", FEATURES), ("IMDb features", "text_imdb_8k_4k.npz")):
        x = np.unique(load(folder, file)["features"][:ROWS].astype(np.float32), axis=0)
        x = x[source.permutation(len(x))]
        rms = float((x - x.mean(axis=0)).std())
        marked = np.zeros(len(x) + COPIED, dtype=bool)
        marked[:COPIED], marked[len(x) :] = True, True
        for size in (0.3, 0.5, 0.7):
            noisy = x[:COPIED] + source.normal(scale=size * rms, size=x[:COPIED].shape).astype(np.float32)
            yield Planted(f"{name}, noise {size}", np.concatenate([x, noisy]), marked)
    for name, file in (("TREC", "text_trec_questions.npz"), ("IMDb", "text_imdb_8k_4k.npz")):
        yield Planted(f"{name}, repeated texts", load(folder, file)["features"], _repeated(load(folder, file)))


def _changes(pictures: Any) -> Iterator[tuple[str, Any]]:
    yield "shifted by 1 pixel", np.roll(pictures, 1, axis=2)
    yield "brighter by a fifth", np.clip(pictures * 1.2, 0, 255).astype(np.uint8)
    for quality in (30, 10):
        yield f"JPEG of quality {quality}", np.stack([_jpeg(picture, quality) for picture in pictures])
    yield (
        "cropped to 28 pixels",
        np.stack([np.asarray(Image.fromarray(each[2:30, 2:30]).resize((32, 32), Image.BICUBIC)) for each in pictures]),
    )
    yield "mirrored", pictures[:, :, ::-1]


def _jpeg(picture: Any, quality: int) -> Any:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def _repeated(file: Any) -> Any:
    """Which texts occur more than once, whatever their case and spaces."""
    raw, offsets = file["text_utf8"].tobytes(), file["offsets"]
    pairs = pairwise(offsets)
    texts = [" ".join(raw[first:last].decode().lower().split()) for first, last in pairs]
    _, which, counts = np.unique(texts, return_inverse=True, return_counts=True)
    return counts[which] > 1


def outlier_sets(folder: Path) -> Iterator[tuple[str, Any, Any]]:
    """Features `[N, d]` and which rows are from elsewhere `[N]`."""
    source = np.random.default_rng(0)
    cifar, labels = load(folder, FEATURES)["features"], load(folder, FEATURES)["labels"]
    neu = load(folder, "neu_surface_defects.npz")["features"]
    imdb, trec = (load(folder, f"text_{name}.npz")["features"] for name in ("imdb_8k_4k", "trec_questions"))

    def mixed(name: str, inside: Any, outside: Any) -> tuple[str, Any, Any]:
        strange = np.arange(len(inside) + len(outside)) >= len(inside)
        return name, np.concatenate([inside, outside]), strange

    def some(rows: Any, n: int) -> Any:
        return rows[source.permutation(len(rows))[:n]]

    for n in (10, STRANGE):
        yield mixed(f"CIFAR-10 with {n} of NEU", some(cifar, ROWS), some(neu, n))
    for kind in (0, 3, 8):
        inside, outside = some(cifar[labels != kind], ROWS), some(cifar[labels == kind], STRANGE)
        yield mixed(f"CIFAR-10 with {STRANGE} of class {kind}", inside, outside)
    yield mixed(f"NEU with {STRANGE} of CIFAR-10", neu, some(cifar, STRANGE))
    yield mixed(f"IMDb with {STRANGE} of TREC", some(imdb, ROWS), some(trec, STRANGE))
    yield mixed(f"TREC with {STRANGE} of IMDb", some(trec, ROWS), some(imdb, STRANGE))
