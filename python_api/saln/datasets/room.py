"""Whether what a file says it holds can be held in memory."""

from __future__ import annotations

from pathlib import Path

from saln.datasets.errors import DataError
from saln.needs import extra_pilot

SMALL = 1 << 28
"""Bytes that are not asked about."""
PACKED = 1 << 30
RATIO = 200
"""An array of so many bytes, so many times as large as it is in its file, is taken for an attack."""
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # cgroup v2, v1


def in_words(n_bytes: float) -> str:
    """Bytes for people.

    >>> from saln.datasets.room import in_words
    >>> in_words(3 << 29)
    '1.5 GiB'
    """
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if n_bytes >= size:
            return f"{n_bytes / size:.4g} {unit}"
    return f"{n_bytes:.0f} bytes"


def available_bytes() -> int:
    """Memory that can be had without swapping, page cache that can be dropped included."""
    with extra_pilot():
        import psutil

    available = int(psutil.virtual_memory().available)
    for path in _LIMITS:
        try:
            available = min(available, int(Path(path).read_text()))
        except (OSError, ValueError):  # absent, or "max"
            continue
    return available


def require_room(n_bytes: int, what: str, packed: int | None = None) -> None:
    """A DataError if an array does not fit into memory, or is a bomb: `packed` bytes that unpack to far more."""
    if n_bytes <= SMALL:
        return
    if packed is not None and n_bytes > PACKED and n_bytes > RATIO * packed:
        raise DataError(
            f"{what}: {in_words(packed)} that unpack to {in_words(n_bytes)} are not unpacked, as if meant to fill the "
            "memory; save the array without compression if it is yours"
        )
    if n_bytes > (available := available_bytes()):
        raise DataError(f"{what}: takes {in_words(n_bytes)} of memory, and there are {in_words(available)}")
