"""Files with a name after a colon: which array or column of them is meant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from saln.datasets.files import DataError, array_names


def split_name(text: str) -> tuple[Path, list[str]]:
    """`FILE:one,two` as a file and the names of arrays or columns in it; a file of that very name comes first.

    Examples
    --------
    >>> split_name("people.csv:sex,site")[1]
    ['sex', 'site']
    """
    places = [place for place, letter in enumerate(text) if letter == ":"]
    if not places or Path(text).exists():
        return Path(text), []
    place = next((each for each in places if Path(text[:each]).exists()), places[-1])
    return Path(text[:place]), [name.strip() for name in text[place + 1 :].split(",") if name.strip()]


def find_array(path: Path, names: Sequence[str], keys: Sequence[str], what: str) -> str:
    """The array that was named, or is known by its name, or is the only one."""
    available = array_names(path)
    if names:
        return names[0]
    known = [key for key in keys if key in available]
    if known or len(available) == 1:
        return known[0] if known else available[0]
    raise DataError(f"{path}: which array holds {what}? Name one, as in FILE:ARRAY; it has {', '.join(available[:12])}")
