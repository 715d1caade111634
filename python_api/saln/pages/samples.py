"""The samples themselves: those chosen most often, and the highest- and lowest-scored batches."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

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


def samples_of(result: PilotResult, images: torch.Tensor | None) -> dict[str, list[Samples]]:
    """By method: the batches at both ends of the scores, and what was chosen most often, all of the first seed.

    Parameters
    ----------
    result : PilotResult
    images : Tensor or None
        `[N, C, H, W]` of the whole data set, uint8 or float.
    """
    found: dict[str, list[Samples]] = {}
    for selection in result.selections:
        ends = [("Highest", selection.highest), ("Lowest", selection.lowest)]
        batches = [_batch(f"{end} effective rank", each[0], result, images) for end, each in ends if each]
        often = _most_often(selection.method, result, images)
        found[selection.method] = batches + ([often] if often else [])
    return found


def thumbnails(images: torch.Tensor) -> str:
    """A JPEG of images `[n, C, H, W]` in rows of `COLUMNS`, as a `data:` address; empty where there are none."""
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


def _batch(title: str, batch: ScoredBatch, result: PilotResult, images: torch.Tensor | None) -> Samples:
    names = result.data.class_names
    mix = _mix([names[label] for label in batch.labels])
    shown = batch.rows[:SHOWN]
    more = f", the first {len(shown)} of {len(batch.rows)} samples" if len(batch.rows) > len(shown) else ""
    return Samples(
        f"{title}: {batch.score:.1f} in step {batch.step + 1}{more}",
        shown,
        mix,
        (),
        None if images is None else thumbnails(images[list(shown)]),
        f"{title}: {mix}",
    )


def _most_often(method: str, result: PilotResult, images: torch.Tensor | None) -> Samples | None:
    if not result.pools:
        return None
    run = result.runs_of(method)[0]
    pool = result.pools[run.seed]
    times = torch.bincount(run.chosen[run.chosen >= 0], minlength=len(pool.rows))
    places = times.argsort(descending=True, stable=True)[:OFTEN_SHOWN]
    rows = pool.rows[places].tolist()
    labels = [] if pool.labels is None else pool.labels[places].tolist()
    mix = _mix([result.data.class_names[label] for label in labels])
    often = times[places].tolist()
    return Samples(
        f"Chosen most often: {often[-1]} to {often[0]} times" if often[0] != often[-1] else f"Chosen {often[0]} times",
        tuple(rows),
        mix,
        tuple(often),
        None if images is None else thumbnails(images[rows]),
        f"The samples chosen most often: {mix}",
    )


def _mix(labels: Sequence[str]) -> str:
    return ", ".join(f"{name} ({times}\u00a0×)" for name, times in Counter(labels).most_common())
