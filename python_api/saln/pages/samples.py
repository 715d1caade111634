"""The samples themselves: those chosen most often, and the highest- and lowest-scored batches."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from saln.catalogue import Words
from saln.needs import extra_pilot
from saln.pilot.judging.selection import ScoredBatch
from saln.pilot.output.result import PilotResult

SHOWN = 32
"""Samples of a batch that are shown."""
OFTEN_SHOWN = 16
COLUMNS = 8
SIDE = 40
"""Pixels of a thumbnail, with one between two."""
QUALITY = 85


@dataclass(frozen=True)
class Samples:
    """Some samples of one method.

    Attributes
    ----------
    title : str
    rows : tuple of int
        Of the data set.
    mix : str
        Their classes, the most frequent first.
    times : tuple of int
        How often each was chosen; empty for a batch.
    picture : str or None
        Thumbnails side by side as a `data:` address; None where the data set has no images.
    alt : str
    """

    title: str
    rows: tuple[int, ...]
    mix: str
    times: tuple[int, ...]
    picture: str | None
    alt: str


def samples_of(result: PilotResult, words: Words, images: torch.Tensor | None) -> dict[str, list[Samples]]:
    """By method: the batches at both ends of the scores, and what was chosen most often, all of the first seed.

    Parameters
    ----------
    result : PilotResult
    words : Words
    images : Tensor or None
        `[N, C, H, W]` of the whole data set, uint8 or float.
    """
    found: dict[str, list[Samples]] = {}
    for selection in result.selections:
        ends = [("samples.highest", selection.highest), ("samples.lowest", selection.lowest)]
        batches = [_batch(end, each[0], result, words, images) for end, each in ends if each]
        often = _most_often(selection.method, result, words, images)
        found[selection.method] = batches + ([often] if often else [])
    return found


def thumbnails(images: torch.Tensor) -> str:
    """A JPEG of images `[n, C, H, W]` in rows of `COLUMNS`, as a `data:` address; empty where there are none."""
    with extra_pilot():
        from PIL import Image

    if not len(images):
        return ""
    pixels = images.float()
    if images.dtype != torch.uint8:
        low, high = pixels.amin(), pixels.amax()
        pixels = 255 * (pixels - low) / torch.clamp(high - low, min=1e-12)
    pixels = pixels[:, :3].expand(-1, 3, -1, -1) if pixels.shape[1] < 3 else pixels[:, :3]
    small = torch.nn.functional.interpolate(pixels, size=(SIDE, SIDE), mode="bilinear", antialias=True)
    rows = -(-len(small) // COLUMNS)
    sheet = np.full((rows * (SIDE + 1) - 1, COLUMNS * (SIDE + 1) - 1, 3), 255, dtype=np.uint8)
    for place, each in enumerate(small.round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()):
        top, left = place // COLUMNS * (SIDE + 1), place % COLUMNS * (SIDE + 1)
        sheet[top : top + SIDE, left : left + SIDE] = each
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, format="JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def _batch(end: str, batch: ScoredBatch, result: PilotResult, words: Words, images: torch.Tensor | None) -> Samples:
    mix = _mix(batch.labels, result.data.class_names)
    shown = batch.rows[:SHOWN]
    title = words(end, score=batch.score, step=batch.step + 1)
    if len(batch.rows) > len(shown):
        title = words("samples.first", title=title, shown=len(shown), n=len(batch.rows))
    picture = None if images is None else thumbnails(images[list(shown)])
    return Samples(title, shown, mix, (), picture, f"{title}: {mix}")


def _most_often(method: str, result: PilotResult, words: Words, images: torch.Tensor | None) -> Samples | None:
    if not result.pools:
        return None
    run = result.runs_of(method)[0]
    pool = result.pools[run.seed]
    times = torch.bincount(run.chosen[run.chosen >= 0], minlength=len(pool.rows))
    places = times.argsort(descending=True, stable=True)[:OFTEN_SHOWN]
    rows = pool.rows[places].tolist()
    mix = "" if pool.labels is None else _mix(pool.labels[places].tolist(), result.data.class_names)
    often = times[places].tolist()
    title = words("samples.often", least=often[-1], most=often[0])
    if often[0] == often[-1]:
        title = words("samples.equal", times=often[0])
    picture = None if images is None else thumbnails(images[rows])
    return Samples(title, tuple(rows), mix, tuple(often), picture, f"{title}: {mix}")


def _mix(labels: Sequence[int], names: Sequence[str]) -> str:
    """Classes of some samples, the most frequent first; empty where there are none."""
    counts = Counter(names[label] for label in labels) if names else Counter[str]()
    return ", ".join(f"{name} ({times}\u00a0×)" for name, times in counts.most_common())
