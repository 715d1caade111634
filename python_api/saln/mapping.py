"""Mapped files, looked at before they are read: who touches what somebody has cut off ends the program."""

from __future__ import annotations

import mmap
import weakref
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Region:
    """Where a file is in memory.

    Attributes
    ----------
    start, stop : int
        Addresses.
    end : int
        Bytes that the file has to have.
    mapping : weak reference
        To the mapping, which knows the file as it was opened, whatever bears its name now.
    refuse : callable
        Gives the error to raise, of what is wrong in words.
    """

    start: int
    stop: int
    end: int
    mapping: weakref.ref[mmap.mmap]
    refuse: Callable[[str], Exception]

    def check(self) -> None:
        """Raise if the file is shorter than it has to be, which costs a call of the system.

        What is cut off between this and the reading that follows still ends the program.
        """
        mapping = self.mapping()
        if mapping is None:
            return
        try:
            there = mapping.size()
        except OSError as error:  # as of a network
            raise self.refuse(f"can no longer be read: {error}") from error
        if there < self.end:
            raise self.refuse(f"was cut off while it was read: it has {there} bytes; wanted {self.end}")


_lock = Lock()
_watched: tuple[list[int], list[Region]] = ([], [])  # where regions start, ascending, and the regions; never changed


def watch(mapping: mmap.mmap, address: int, n_bytes: int, end: int, refuse: Callable[[str], Exception]) -> Region:
    """Let `check` know of a mapping, for as long as that is there.

    Parameters
    ----------
    mapping : mmap
    address : int
        Of what is read of it.
    n_bytes : int
        From there on.
    end : int
        Bytes that the file has to have.
    refuse : callable
        Gives the error to raise, of what is wrong in words.
    """
    global _watched
    region = Region(address, address + n_bytes, end, weakref.ref(mapping), refuse)
    with _lock:
        regions = sorted([*(each for each in _watched[1] if each.mapping()), region], key=lambda each: each.start)
        _watched = [each.start for each in regions], regions
    return region


def region_at(address: int) -> Region | None:
    """What is mapped at an address, if that is watched."""
    starts, regions = _watched
    place = bisect_right(starts, address) - 1
    return regions[place] if place >= 0 and address < regions[place].stop else None


def check(tensor: Tensor) -> None:
    """Raise if a tensor lies in a file that was cut off; one that lies in none, or elsewhere than on the host, passes.

    Of mappings that `watch` knows, whatever views and tensors were made of them. Call it before a tensor that may be
    mapped is read: once a batch, or once a block.

    Examples
    --------
    >>> import os, tempfile, numpy as np, saln
    >>> from saln.mapping import check
    >>> path = f"{tempfile.mkdtemp()}/x.npy"
    >>> np.save(path, np.ones((1000, 8), np.float32))
    >>> features = saln.features.load(path).tensor()
    >>> check(features[5:])
    >>> os.truncate(path, 500)
    >>> check(features[5:])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    saln.datasets.errors.DataError: ...x.npy: was cut off while it was read: it has 500 bytes; wanted 32128
    """
    if _watched[0] and tensor.device.type == "cpu":
        region = region_at(tensor.data_ptr())
        if region is not None:
            region.check()


def take(tensor: Tensor, rows: Tensor) -> Tensor:
    """Rows `[m]` of a tensor `[N, ...]` that may be mapped, checked first.

    >>> import torch
    >>> from saln.mapping import take
    >>> take(torch.arange(4), torch.tensor([2, 0]))
    tensor([2, 0])
    """
    check(tensor)
    return tensor.index_select(0, rows)
