"""Proposals: many sub-batches of a pool at once, to be scored in one call.

Random numbers are drawn on the host from a seed that the generator gives, so that a pool on any device gets the same
proposals. Within a row the order of the entries means nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

# Keys of one block of candidates, [rows, pool], stay in the second-level cache.
BLOCK_ENTRIES = 1 << 16
# From this many entries of the pool per entry drawn, redrawing duplicates is cheaper than ordering keys of the pool.
SPARSE = 16

Integers = npt.NDArray[np.int64]


def uniform_candidates(
    pool: int | Tensor, count: int, size: int, *, generator: torch.Generator | None = None
) -> Tensor:
    """Sub-batches of a pool, every set of `size` entries equally likely.

    Parameters
    ----------
    pool : int or Tensor [P]
        How many entries there are, or the entries themselves: integers, none twice.
    count : int
        How many sub-batches, C.
    size : int
        Entries of each, b, at most P.
    generator : torch.Generator, optional
        Torch's own when left out.

    Returns
    -------
    Tensor [C, b]
        int64, on the pool's device, no entry twice in a row.

    Raises
    ------
    ValueError
        If size is not between 0 and P, or count is negative.

    Notes
    -----
    O(C P) time for a dense pool, by ordering random keys of 32 or 64 bits; O(C b log b) for one of at least 16 b
    entries, by redrawing duplicates; O(C b) memory. Keys that happen to agree are ordered by a random relabelling of
    the pool, which leaves every set exactly as likely as any other.

    Examples
    --------
    >>> import torch
    >>> from saln.candidates import uniform_candidates
    >>> candidates = uniform_candidates(320, 1024, 64, generator=torch.Generator().manual_seed(0))
    >>> candidates.shape, candidates.dtype
    (torch.Size([1024, 64]), torch.int64)
    """
    entries = pool.numel() if isinstance(pool, Tensor) else pool
    _check_counts(entries, count, size)
    rng = _host_rng(generator)
    places = torch.from_numpy(_subsets(rng, entries, count, size))
    return pool.long()[places.to(pool.device)] if isinstance(pool, Tensor) else places


def stratified_candidates(
    labels: Tensor,
    count: int,
    size: int,
    *,
    pool: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Sub-batches that hold every label in the proportion it has in the pool.

    A label with n_k of the P entries gets the whole part of size · n_k / P; what is left of the size goes to the largest
    remainders, and among equal ones each sub-batch draws anew who gets it. A label whose share of a batch stays under
    one entry may so be left out of every sub-batch. Given the numbers, every set is equally likely.

    Parameters
    ----------
    labels : Tensor [P]
        Integers, of the pool's entries.
    count : int
        How many sub-batches, C.
    size : int
        Entries of each, b, at most P.
    pool : Tensor [P], optional
        The entries; 0 to P - 1 when left out.
    generator : torch.Generator, optional
        Torch's own when left out.

    Returns
    -------
    Tensor [C, b]
        int64, on the labels' device, no entry twice in a row.

    Raises
    ------
    ValueError
        If size is not between 0 and P, count is negative, or labels and pool differ in length.

    Notes
    -----
    O(C P) time as `uniform_candidates`, and one pass a label; the labels are copied to the host.

    Examples
    --------
    >>> import torch
    >>> from saln.candidates import stratified_candidates
    >>> labels = torch.tensor([0] * 6 + [1] * 3)
    >>> candidates = stratified_candidates(labels, 4, 3, generator=torch.Generator().manual_seed(0))
    >>> (labels[candidates] == 1).sum(dim=1)
    tensor([1, 1, 1, 1])
    """
    entries = labels.numel()
    if pool is not None and pool.numel() != entries:
        raise ValueError(f"pool has {pool.numel()} entries, want {entries}, as many as labels")
    _check_counts(entries, count, size)
    rng = _host_rng(generator)
    places = torch.from_numpy(_strata(rng, labels.cpu().numpy(), count, size)).to(labels.device)
    return places if pool is None else pool.long()[places.to(pool.device)]


def _strata(rng: np.random.Generator, labels: npt.NDArray[np.generic], count: int, size: int) -> Integers:
    if size == 0:
        return np.empty((count, 0), dtype=np.int64)
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    members = np.split(np.argsort(inverse, kind="stable"), counts.cumsum()[:-1])
    whole, remainder = np.divmod(size * counts, labels.size)
    open_places = size - int(whole.sum())
    last_served = np.sort(remainder)[::-1][open_places - 1] if open_places else labels.size
    # [K]: which labels may take one more than their whole part, in every sub-batch or in some.
    always, tied = np.flatnonzero(remainder > last_served), np.flatnonzero(remainder == last_served)
    drawn = _subsets(rng, tied.size, count, open_places - always.size) if open_places else np.empty((count, 0), int)
    extra_labels = np.concatenate([np.broadcast_to(always, (count, always.size)), tied[drawn]], axis=1)
    extra_of = np.empty((count, counts.size), dtype=np.int64)
    parts = []
    for label, (of_label, quota) in enumerate(zip(members, whole.tolist(), strict=True)):
        may_grow = open_places > 0 and remainder[label] >= last_served
        taken = of_label[_subsets(rng, of_label.size, count, quota + may_grow, ordered_last=may_grow)]
        parts.append(taken[:, :quota])
        if may_grow:
            extra_of[:, label] = taken[:, quota]
    return np.concatenate([*parts, np.take_along_axis(extra_of, extra_labels, axis=1)], axis=1)


def _subsets(rng: np.random.Generator, entries: int, count: int, size: int, *, ordered_last: bool = False) -> Integers:
    """Uniform subsets of range(entries), int64 `[count, size]`; with `ordered_last` the last entry is a random one."""
    if size == 0 or count == 0:
        return np.empty((count, size), dtype=np.int64)
    if entries >= SPARSE * size:
        chosen = _redraw_duplicates(rng, entries, count, size)
    else:
        rows = max(1, BLOCK_ENTRIES // entries)
        chosen = np.concatenate(
            [_smallest_keys(rng, entries, min(rows, count - start), size) for start in range(0, count, rows)]
        )
    if ordered_last:
        swap = rng.integers(size, size=(count, 1))
        last = np.take_along_axis(chosen, swap, axis=1)
        np.put_along_axis(chosen, swap, chosen[:, -1:].copy(), axis=1)
        chosen[:, -1:] = last
    return chosen


def _smallest_keys(rng: np.random.Generator, entries: int, count: int, size: int) -> Integers:
    # A key is random bits over the entry's number, so that one partition orders the bits and carries the numbers along.
    number_bits = max(1, (entries - 1).bit_length())
    word: type[np.uint32] | type[np.uint64] = np.uint32 if number_bits <= 12 else np.uint64
    number = word((1 << number_bits) - 1)
    keys: npt.NDArray[np.unsignedinteger[Any]] = rng.integers(
        np.iinfo(word).max, size=(count, entries), dtype=word, endpoint=True
    )
    keys &= ~number
    keys |= np.arange(entries).astype(word)
    if size < entries:
        keys.partition(size - 1, axis=1)
    chosen: Integers = rng.permutation(entries)[keys[:, :size] & number]
    return chosen


def _redraw_duplicates(rng: np.random.Generator, entries: int, count: int, size: int) -> Integers:
    chosen = np.sort(rng.integers(entries, size=(count, size)), axis=1)
    rows = np.arange(count)
    while True:
        again = np.zeros((rows.size, size), dtype=bool)
        again[:, 1:] = chosen[rows, 1:] == chosen[rows, :-1]
        broken = again.any(axis=1)
        if not broken.any():
            return chosen
        rows, again = rows[broken], again[broken]
        redrawn = chosen[rows]
        redrawn[again] = rng.integers(entries, size=int(again.sum()))
        chosen[rows] = np.sort(redrawn, axis=1)


def _host_rng(generator: torch.Generator | None) -> np.random.Generator:
    where = "cpu" if generator is None else generator.device
    seed = torch.randint(1 << 62, (), generator=generator, device=where)
    return np.random.Generator(np.random.SFC64(int(seed)))


def _check_counts(entries: int, count: int, size: int) -> None:
    if count < 0:
        raise ValueError(f"count is {count}, want 0 or more")
    if not 0 <= size <= entries:
        raise ValueError(f"size is {size}, want 0 to {entries}, the entries of the pool")
