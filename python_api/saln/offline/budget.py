"""How much memory there is, and how much may be taken."""

from __future__ import annotations

import re

import psutil

from saln.datasets.room import available_bytes, in_words

DEFAULT_MEMORY = 1 << 29
LEAST = 32 << 20
"""Less to work with than this is refused: one row group or a few wide candidates would not fit."""

_UNITS = {"": 1, "B": 1} | {
    f"{prefix}{binary}B": (1024 if binary else 1000) ** power
    for power, prefix in enumerate("KMGT", start=1)
    for binary in ("i", "")
}


def parse_bytes(name: str, text: str) -> int:
    """A number of bytes as people write it.

    >>> from saln.offline.budget import parse_bytes
    >>> parse_bytes("memory", "1.5GiB"), parse_bytes("memory", "200 MB")
    (1610612736, 200000000)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([A-Za-z]*)\s*", text)
    unit = {known.lower(): size for known, size in _UNITS.items()}.get(found[2].lower()) if found else None
    if found is None or unit is None:
        raise ValueError(f"{name} is {text!r}; wanted a number of bytes such as 512MiB or 1GiB")
    return int(float(found[1]) * unit)


def anonymous_bytes() -> int:
    """Memory that this process holds and that is not a file's; 0 where the system does not tell them apart."""
    held = psutil.Process().memory_info()
    return int(held.rss - getattr(held, "shared", held.rss))


def fits(n_bytes: int) -> bool:
    """Whether so much of a file may stay in the page cache while it is read over and over."""
    return n_bytes <= available_bytes() // 2


class Budget:
    """What a call may hold beside what its process held when it began."""

    def __init__(self, memory: int) -> None:
        self._memory, self._held_before = memory, anonymous_bytes()

    def left(self, overhead: int = 0) -> int:
        """What has neither been taken since then nor is to be set aside; a ValueError if that is too little."""
        taken = max(0, anonymous_bytes() - self._held_before) + overhead
        if self._memory - taken < LEAST:
            raise ValueError(
                f"memory is {in_words(self._memory)}; wanted at least {in_words(taken + LEAST)}, of which "
                f"{in_words(taken)} go to libraries and to what is read at once"
            )
        return (self._memory - taken) * 9 // 10  # allocators keep some of what is given back to them
