"""Pictures of any format and mode as they are to be seen, each decoded when it is asked for."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from saln.datasets.errors import Array, DataError

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".ppm", ".pgm", ".pbm",
     ".pnm", ".jp2", ".avif")
)  # fmt: skip
"""Endings of the files that are taken for images."""
ENDS = {
    "JPEG": (b"\xff\xd9", 1 << 10),
    "PNG": (b"IEND", 1 << 10),
    "GIF": (b";", 1 << 4),
}
"""What the end of a whole file holds, and in how many bytes it is looked for."""


def decode_picture(content: bytes, what: str) -> Array:
    """A picture of any format and mode as it is to be seen: `[H, W, 3]` uint8.

    Turned as its EXIF mark says, 16 bits a channel scaled to 8, transparent parts over white.

    Parameters
    ----------
    content : bytes
        Of the picture's file.
    what : str
        The picture's name, for messages.

    Raises
    ------
    DataError
        It is no picture or a broken one, has more pixels than Pillow takes (twice its `MAX_IMAGE_PIXELS`), or values
        without a largest one.

    Examples
    --------
    >>> import io
    >>> import numpy as np
    >>> from PIL import Image
    >>> from saln.datasets.pictures import decode_picture
    >>> file = io.BytesIO()
    >>> Image.fromarray(np.full((1, 2), 40000, np.uint16)).save(file, "png")
    >>> decode_picture(file.getvalue(), "grey").tolist()
    [[[156, 156, 156], [156, 156, 156]]]
    """
    return np.asarray(decode_rgb(content, what))


def decode_rgb(content: bytes, what: str) -> Image.Image:
    """As `decode_picture`, but a picture of Pillow in mode RGB."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content)) as picture:
            return as_rgb(picture, what)
    except DataError:
        raise
    except UnidentifiedImageError as error:
        raise DataError(f"{what} is not an image") from error
    except Exception as error:  # decoders raise whatever broken bytes lead them to
        raise DataError(f"{what} cannot be read as an image: {' '.join(str(error).split())}") from error


def as_rgb(picture: Image.Image, what: str) -> Image.Image:
    """A picture of Pillow as it is to be seen, in mode RGB."""
    from PIL import Image, ImageOps

    turned = ImageOps.exif_transpose(picture)
    if turned.mode.startswith("I;16") or (turned.mode == "I" and picture.format == "PNG"):
        grey = np.asarray(turned, dtype=np.float64) / 257  # 65535 becomes 255
        return Image.fromarray(np.rint(grey).astype(np.uint8)).convert("RGB")
    if turned.mode in ("I", "F"):
        raise DataError(f"{what} has values of mode {turned.mode}, of which none is white; wanted 8 or 16 bits")
    if turned.has_transparency_data:
        turned = Image.alpha_composite(Image.new("RGBA", turned.size, "white"), turned.convert("RGBA"))
    return turned.convert("RGB")


class Pictures:
    """Pictures of Pillow in mode RGB, decoded when they are asked for.

    Parameters
    ----------
    n : int
    content : callable
        Gives the bytes of one's file, a picture of Pillow, or the pixels `[H, W]` or `[H, W, C]` uint8.
    names : sequence of str
        What they are called, for messages.
    """

    def __init__(self, n: int, content: Callable[[int], Any], names: Sequence[str]) -> None:
        self._n, self._content, self.names = n, content, names

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, place: int) -> Image.Image:
        content = self.content(place)
        if isinstance(content, bytes):
            return decode_rgb(content, self.names[place])
        from PIL import Image

        return as_rgb(Image.fromarray(content) if isinstance(content, np.ndarray) else content, self.names[place])

    def content(self, place: int) -> Any:
        """What one is made of; a DataError where its file cannot be read."""
        try:
            return self._content(place)
        except OSError as error:
            raise DataError(f"{self.names[place]}: cannot be read: {error.strerror or error}") from error

    def size(self, place: int) -> tuple[int, int]:
        """Width and height as it is to be seen, told by the head of its file."""
        from PIL import Image

        content = self.content(place)
        if isinstance(content, np.ndarray):
            return content.shape[1], content.shape[0]
        if not isinstance(content, bytes):
            return content.size  # type: ignore[no-any-return]
        with Image.open(io.BytesIO(content)) as picture:
            width, height = picture.size
            return (height, width) if picture.getexif().get(0x112, 1) >= 5 else (width, height)


def fault(content: Callable[[], Any]) -> str | None:
    """Why what should be a picture is none, told by head and end of its file; decoded only where these leave doubt.

    Parameters
    ----------
    content : callable
        Gives a path, or the bytes of a file; anything else is taken for a picture.
    """
    try:
        given = content()
        if not isinstance(given, bytes | Path):
            return None if given is not None else "is missing"
        return _fault(given)
    except FileNotFoundError:
        return "no such file"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"


def _fault(given: bytes | Path) -> str | None:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(given) if isinstance(given, bytes) else given) as picture:
            kind, mode = picture.format, picture.mode
    except UnidentifiedImageError:
        return "not an image"
    except Image.DecompressionBombError:
        return "too many pixels"
    except FileNotFoundError:
        raise
    except Exception as error:
        return " ".join(str(error).split()) or type(error).__name__
    if mode not in ("I", "F") and _is_whole(kind or "", given):
        return None
    try:
        decode_rgb(given if isinstance(given, bytes) else given.read_bytes(), "")
    except DataError as error:
        return str(error).strip().removeprefix("cannot be read as an image: ")
    return None


def _is_whole(kind: str, given: bytes | Path) -> bool:
    """Whether a file is known to be whole; of most formats that takes decoding it."""
    if kind == "WEBP":
        head, size = _part(given, 12, end=False)
        return int.from_bytes(head[4:8], "little") + 8 <= size
    mark, length = ENDS.get(kind, (b"", 0))
    return length > 0 and mark in _part(given, length, end=True)[0]


def _part(given: bytes | Path, length: int, *, end: bool) -> tuple[bytes, int]:
    """The first or last bytes of a file, and how many it has."""
    if isinstance(given, bytes):
        return given[-length:] if end else given[:length], len(given)
    with given.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - length) if end else 0)
        return file.read(length), size
