"""Pictures of any format and mode as they are to be seen, each decoded when it is asked for."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from saln.datasets.errors import Array, DataError
from saln.datasets.room import in_words
from saln.needs import extra_pilot

if TYPE_CHECKING:
    import torch
    from PIL import Image

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".ppm", ".pgm", ".pbm",
     ".pnm", ".jp2", ".avif")
)  # fmt: skip
"""Endings of the files that are taken for images."""
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "JPEG2000", "AVIF")
"""What is decoded, whatever a file is called; of others, PostScript would be run as the program that it is."""
UNREADABLE = "cannot be read as an image: "
LARGEST = 1 << 30
"""Bytes of a file of one image."""
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
    with extra_pilot():
        from PIL import UnidentifiedImageError

    try:
        with _picture(io.BytesIO(content)) as picture:
            return as_rgb(picture, what)
    except DataError:
        raise
    except UnidentifiedImageError as error:
        raise DataError(f"{what} is not an image") from error
    except Exception as error:  # decoders raise whatever broken bytes lead them to
        raise DataError(f"{what} {UNREADABLE}{' '.join(str(error).split())}") from error


def as_rgb(picture: Image.Image, what: str) -> Image.Image:
    """A picture of Pillow as it is to be seen, in mode RGB."""
    with extra_pilot():
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


class Images(Protocol):
    """Images of a column before any was decoded."""

    def __len__(self) -> int: ...

    def given(self, row: int) -> Path | bytes | Image.Image | None:
        """A file, the content of one, or a picture of Pillow; None where there is none."""
        ...

    def called(self, row: int) -> str:
        """What it is called in messages."""
        ...

    def ids(self, rows: npt.NDArray[np.int64]) -> Sequence[str]:
        """What some are called in lists: their files, or `row 7`."""
        ...


class Pictures:
    """Some rows of images, as pictures of Pillow in mode RGB, decoded when they are asked for.

    Parameters
    ----------
    images : Images
    rows : ndarray
        `[n]` int64, which.
    """

    def __init__(self, images: Images, rows: npt.NDArray[np.int64]) -> None:
        self._images, self._rows = images, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: int) -> Image.Image:
        row = int(self._rows[place])
        given, what = self._images.given(row), self._images.called(row)
        if isinstance(given, Path):
            try:
                with _opened(given) as file:
                    given = file.read()
            except OSError as error:
                raise DataError(f"{what}: cannot be read: {error.strerror or error}") from error
        if given is None:
            raise DataError(f"{what} is missing")
        return decode_rgb(given, what) if isinstance(given, bytes) else as_rgb(given, what)

    @property
    def pixels(self) -> torch.Tensor | None:
        """`[n, C, H, W]`, where they are an array as it was stored; None where they are files."""
        pixels = getattr(self._images, "pixels", None)
        return None if pixels is None or len(self._rows) == 0 else pixels[self._rows]

    def size(self, place: int) -> tuple[int, int]:
        """Width and height as it is to be seen, told by the head of its file."""
        given = self._images.given(int(self._rows[place]))
        if isinstance(given, Path | bytes):
            with _opened(given) as file, _picture(file) as picture:
                width, height = picture.size
                # To ask others for their mark decodes them; few have one.
                turned = picture.format in ("JPEG", "MPO") and picture.getexif().get(0x112, 1) >= 5
                return (height, width) if turned else (width, height)
        return self[place].size


def fault(given: Path | bytes | Image.Image | None) -> str | None:
    """Why what should be a picture is none, told by head and end of its file; decoded only where these leave doubt."""
    with extra_pilot():
        from PIL import Image, UnidentifiedImageError

    if given is None:
        return "missing"
    if not isinstance(given, Path | bytes):
        return None
    try:
        with _opened(given) as file:
            with _picture(file) as picture:
                kind, mode = picture.format, picture.mode
            if mode not in ("I", "F") and _is_whole(kind or "", file):
                return None
        with _opened(given) as file:
            decode_rgb(file.read(), "")
    except UnidentifiedImageError:
        return "not an image"
    except Image.DecompressionBombError:
        return "too many pixels"
    except FileNotFoundError:
        return "no such file"
    except DataError as error:
        return str(error).removeprefix(f"{given}: " if isinstance(given, Path) else "").strip().removeprefix(UNREADABLE)
    except Exception as error:  # decoders raise whatever broken bytes lead them to
        return " ".join(str(error).split()) or type(error).__name__
    return None


def _opened(given: Path | bytes) -> BinaryIO:
    if isinstance(given, bytes):
        return io.BytesIO(given)
    found = given.stat()
    if not S_ISREG(found.st_mode):  # a pipe may never end, nor a device
        raise DataError(f"{given}: not a file")
    if found.st_size > LARGEST:
        raise DataError(f"{given}: has {in_words(found.st_size)}; an image has at most {in_words(LARGEST)}")
    return given.open("rb")


def _picture(file: BinaryIO) -> Image.Image:
    with extra_pilot():
        from PIL import Image

    return Image.open(file, formats=_formats())


@cache
def _formats() -> list[str]:
    """Those of `FORMATS` that this build of Pillow has."""
    with extra_pilot():
        from PIL import Image

    Image.init()
    return [each for each in FORMATS if each in Image.OPEN]


def _is_whole(kind: str, file: BinaryIO) -> bool:
    """Whether a file is known to be whole; of most formats that takes decoding it."""
    size = file.seek(0, io.SEEK_END)
    if kind == "WEBP":
        file.seek(0)
        return int.from_bytes(file.read(12)[4:8], "little") + 8 <= size
    mark, length = ENDS.get(kind, (b"", 0))
    file.seek(max(0, size - length))
    return length > 0 and mark in file.read(length)
