"""Texts from bytes, where nobody says how they were encoded."""

from __future__ import annotations

import codecs
import re

from saln.catalogue import message
from saln.datasets.errors import DataError

BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as UTF-16's does
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
PACKED = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"\xd0\xcf\x11\xe0")
"""Beginnings of gzip, zip (xlsx, ods), bzip2, xz and zstd files, and of xls."""
CALLED = {"cp932": "Shift-JIS (cp932)", "cp1252": "Western European (cp1252)", "latin-1": "Latin-1"}
"""Encodings that a guess alone speaks for, as notes call them."""

HIGH = re.compile(rb"[\x80-\xff]")
PAIR = re.compile(rb"[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc]|[\xa1-\xdf]")
"""A character of Shift-JIS outside ASCII: two bytes, or one of half-width katakana."""
UNASSIGNED = re.compile("[\x80\xa0\uf8f0-\uf8f3]")
"""What Python makes of the single bytes 80, A0 and FD to FF, which are no characters of Shift-JIS."""
UTF8_CHARACTER = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")


def decode(content: bytes, where: str, encoding: str | None = None) -> tuple[str, str]:
    """The text of a file, and the encoding it was read in.

    A byte order mark decides, then UTF-8 and UTF-16, which hardly anything else is valid as, then `is_shift_jis`; the
    rest is Western European, in which every byte means something.

    Parameters
    ----------
    content : bytes
    where : str
        The file's name, for messages.
    encoding : str, optional
        The encoding, where it is known.

    Raises
    ------
    DataError
        There is no such encoding, the content is not in it, or it is UTF-8 but for some bytes.

    Examples
    --------
    >>> decode("名前,色".encode("cp932"), "a.csv")
    ('名前,色', 'cp932')
    >>> decode("Größe;Café".encode("latin-1"), "b.csv")
    ('Größe;Café', 'cp1252')
    """
    if encoding is not None:
        return _decode(content, where, encoding), encoding
    if content.startswith(PACKED):
        raise DataError(f"{where}: is packed, or a spreadsheet, whatever its name says; unpack it, or save it as csv")
    for mark, name in BOMS:
        if content.startswith(mark):
            return _decode(content, where, name), name
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        head = content[: 1 << 16]
        if head[1::2].count(0) > len(head) // 4 or head[::2].count(0) > len(head) // 4:
            name = "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
            return _decode(content, where, name), name
        if is_shift_jis(content):
            return content.decode("cp932"), "cp932"
        if _like_utf8(content):
            line = content[: error.start].count(b"\n") + 1
            raise DataError(
                f"{where}: is UTF-8, but for the byte {content[error.start]:02X} in line {line}; mend it, or name the "
                "encoding"
            ) from error
    try:
        return content.decode("cp1252"), "cp1252"
    except UnicodeDecodeError:
        return content.decode("latin-1"), "latin-1"


def is_shift_jis(content: bytes) -> bool:
    """Whether bytes that are no UTF-8 are Shift-JIS, rather than a Western European encoding.

    They must be valid in it, and mean characters. Then the first bytes of two-byte characters tell: kana, punctuation
    and the 2 965 common kanji have 81 to 9F, which Western European texts use for little but quotation marks and
    dashes, while what their accented letters would be in Shift-JIS, rare kanji, begins with E0 to FC. Where there are
    half-width katakana alone, they stand in runs, and accented letters one at a time.
    """
    try:
        text = content.decode("cp932")
    except UnicodeDecodeError:
        return False
    if UNASSIGNED.search(text):
        return False
    pairs: list[bytes] = [each for each in PAIR.findall(content) if len(each) == 2]
    if pairs:
        common = sum(each[0] <= 0x9F for each in pairs)
        # A dash or quotation mark of cp1252 takes the letter after it along; two bytes above 7F are no such pair.
        certain = sum(each[0] <= 0x9F and each[1] >= 0x80 for each in pairs)
        return 2 * common >= len(pairs) and 4 * certain >= len(pairs)
    runs = re.findall(rb"[\xa1-\xdf]+", content)
    return len(b"".join(runs)) >= 2 * len(runs) and not _like_utf8(content)


def _like_utf8(content: bytes) -> bool:
    """Few characters of UTF-8 are there by chance: where they are most, the rest is damage, not another encoding."""
    return 2 * sum(map(len, UTF8_CHARACTER.findall(content))) > len(HIGH.findall(content))


def guess_note(file: str, found: str, encoding: str | None) -> list[str]:
    """What a reader should know of how a file was read: nothing, unless a guess alone speaks for it."""
    guessed = encoding is None and found in CALLED
    return [message("data.encoding", file=file, encoding=CALLED[found])] if guessed else []


def _decode(content: bytes, where: str, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except LookupError as error:
        raise DataError(f"{where}: encoding '{encoding}' is not known; wanted a name such as utf-8 or cp932") from error
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(f"{where}: is not {encoding}: byte {content[error.start]:02X} in line {line}") from error
