"""The rows of a dataset as a page shows them: a small picture, a text, or the numbers that are unusual."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from saln.datasets import DataError
from saln.datasets.images import as_images
from saln.needs import extra_pilot

if TYPE_CHECKING:
    from PIL import Image

SIDE = 112
"""Pixels along the longer edge of a picture; smaller ones stay as they are."""
QUALITY = 82
LETTERS = 280
"""Of a text."""
COLUMNS = 3
"""Of a table's row: those that are farthest from the median."""


@dataclass(frozen=True)
class Shown:
    """A row as it is shown.

    Attributes
    ----------
    row : int
    name : str
        Its file, or empty.
    picture : str or None
        As a `data:` address.
    text : str or None
    """

    row: int
    name: str = ""
    picture: str | None = None
    text: str | None = None


class Rows:
    """What there is to see of each row.

    Parameters
    ----------
    data : sequence or None
        Row i is `data[i]`: a picture of Pillow, pixels, a text, numbers, or a pair or mapping that begins with one.
    n : int
        Rows that were looked at.

    Raises
    ------
    DataError
        The data have another number of rows.
    """

    def __init__(self, data: Any, n: int) -> None:
        if data is not None and len(data) != n:
            raise DataError(f"data have {len(data)} rows; wanted {n}, as many as were looked at")
        self._data = data
        self._names = getattr(data, "ids", None) if hasattr(data, "kind") else None

    def __call__(self, row: int) -> Shown:
        """One row; a picture that cannot be read is shown as its error."""
        if self._data is None:
            return Shown(row)
        name = "" if self._names is None else str(self._names[row])
        name = "" if name.startswith("row ") else name
        try:
            picture, text = self._content(self._data[row])
        except DataError as error:
            picture, text = None, str(error)
        return Shown(row, name, picture, text)

    def _content(self, item: Any) -> tuple[str | None, str | None]:
        if isinstance(item, dict):
            item = next(iter(item.values()))
        if isinstance(item, tuple | list) and len(item) and not isinstance(item[0], int | float):
            item = item[0]
        if isinstance(item, str):
            text = " ".join(item.split())
            return None, text if len(text) <= LETTERS else text[: LETTERS - 1] + "…"
        if hasattr(item, "convert") and hasattr(item, "thumbnail"):
            return _address(item), None
        array = item.detach().cpu().numpy() if hasattr(item, "detach") else np.asarray(item)
        return (_address(_picture(array)), None) if array.ndim > 1 else (None, self._unusual(array))

    def _unusual(self, numbers: Any) -> str | None:
        """The columns of a row that are farthest from the median, with how far."""
        if self._spread is None or numbers.dtype.kind not in "fiub":
            return None
        middle, spread = self._spread
        with np.errstate(invalid="ignore"):
            far = np.abs(numbers - middle) / spread
        order = [at for at in np.argsort(-np.nan_to_num(far, nan=-1.0)).tolist() if np.isfinite(far[at])][:COLUMNS]
        names = getattr(self._data, "feature_names", ()) or [f"[{at}]" for at in range(len(numbers))]
        return ", ".join(f"{names[at]} = {numbers[at]:.4g} ({far[at]:.1f} σ)" for at in order)

    @cached_property
    def _spread(self) -> tuple[Any, Any] | None:
        """Median and standard deviation of the columns of a table."""
        x = getattr(self._data, "x", None) if getattr(self._data, "kind", "table") == "table" else None
        if x is None:
            return None
        array = np.asarray(x, dtype=np.float64)
        known = ~np.isnan(array).all(axis=0)
        middle, spread = np.zeros(array.shape[1]), np.zeros(array.shape[1])
        middle[known], spread[known] = np.nanmedian(array[:, known], axis=0), np.nanstd(array[:, known], axis=0)
        return middle, np.where(spread > 0, spread, np.inf)


def _picture(pixels: Any) -> Image.Image:
    """Pixels `[H, W]`, `[C, H, W]` or `[H, W, C]`, 0 to 255 or 0 to 1, as a picture."""
    with extra_pilot():
        from PIL import Image

    image = as_images(pixels[None], "data").float()[0, :3]  # [C, H, W]
    if pixels.dtype != np.uint8:
        low, high = float(image.min()), float(image.max())
        image = 255 * (image - min(low, 0.0)) / max(1.0 if low >= 0 else high - low, high - low, 1e-12)
    array = image.round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    return Image.fromarray(array[:, :, 0] if array.shape[2] < 3 else array)


def _address(picture: Image.Image) -> str:
    small = picture.convert("RGB")
    small.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    small.save(buffer, format="JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
