"""Files with a name after a colon: which array or column of them is meant."""

from __future__ import annotations

from pathlib import Path


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
