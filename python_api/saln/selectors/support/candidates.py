"""Proposals: many sub-batches of a pool at once, to be scored in one call.

Random numbers are drawn on the host from a seed that the generator gives, so that a pool on any device gets the same
proposals. Within a row the order of the entries means nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

# Keys of one block of candidates, [rows, pool], stay in the second-level cache.
BLOCK_ENTRIES = 1 << 16
# From this many entries of the pool per entry drawn, redrawing duplicates is cheaper than ordering keys of the pool.
SPARSE = 4

Integers = npt.NDArray[np.int64]
Keys = npt.NDArray[np.unsignedinteger[Any]]


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
    O(C P) time for a dense pool, by ordering random keys of 32 or 64 bits; O(C b log b) for one of at least 4 b
    entries, by redrawing duplicates; O(C b) memory. Keys that happen to agree are ordered by a random relabelling of
    the pool, which leaves every set exactly as likely as any other.

    Examples
    --------
    >>> import torch
    >>> from saln.selectors.support.candidates import uniform_candidates
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

    A label with n_k of the P entries gets the whole part of size · n_k / P; what is left of the size goes to the
    largest remainders, and among equal ones each sub-batch draws anew who gets it. A label whose share of a batch stays
    under one entry may so be left out of every sub-batch. Given the numbers, every set is equally likely.

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
    O(C P log P) time, O(C P) memory, whatever the number of labels, which are copied to the host.

    Examples
    --------
    >>> import torch
    >>> from saln.selectors.support.candidates import stratified_candidates
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
    if size == 0 or count == 0:
        return np.empty((count, size), dtype=np.int64)
    _, stratum, counts = np.unique(labels, return_inverse=True, return_counts=True)  # [P], [K]
    whole, remainder = np.divmod(size * counts, labels.size)
    starts = counts.cumsum() - counts
    # Ordered by stratum and chance, the columns that a row takes of stratum k are starts[k] onwards: the same in each.
    columns = np.concatenate([start + np.arange(quota) for start, quota in zip(starts, whole, strict=True)])
    extra = starts + whole  # [K], the column taken when a stratum gets one more; it exists wherever remainder > 0
    places = size - columns.size
    last_served = np.sort(remainder)[::-1][places - 1] if places else labels.size
    always, tied = np.flatnonzero(remainder > last_served), np.flatnonzero(remainder == last_served)
    lucky = _subsets(rng, tied.size, count, places - always.size if places else 0)  # [C, places - always], among tied
    taken = np.concatenate([columns, extra[always], extra[tied]])
    shuffled = _in_blocks(count, labels.size, lambda rows: _shuffled_within(rng, stratum, rows, taken))
    sure = columns.size + always.size
    return np.concatenate([shuffled[:, :sure], np.take_along_axis(shuffled, sure + lucky, axis=1)], axis=1)


def _subsets(rng: np.random.Generator, entries: int, count: int, size: int) -> Integers:
    """Uniform subsets of range(entries), int64 `[count, size]`."""
    if size == 0 or count == 0:
        return np.empty((count, size), dtype=np.int64)
    if entries >= SPARSE * size:
        return _redraw_duplicates(rng, entries, count, size)
    return _in_blocks(count, entries, lambda rows: _smallest_keys(rng, entries, rows, size))


def _in_blocks(count: int, entries: int, rows_of: Callable[[int], Integers]) -> Integers:
    rows = max(1, BLOCK_ENTRIES // entries)
    return np.concatenate([rows_of(min(rows, count - start)) for start in range(0, count, rows)])


def _smallest_keys(rng: np.random.Generator, entries: int, count: int, size: int) -> Integers:
    keys, number, relabelled = _random_keys(rng, np.zeros(entries, dtype=np.int64), count)
    if size < entries:
        keys.partition(size - 1, axis=1)
    chosen: Integers = relabelled[keys[:, :size] & number]
    return chosen


def _shuffled_within(rng: np.random.Generator, stratum: Integers, count: int, columns: Integers) -> Integers:
    """These columns of permutations of the entries that keep the strata in order, `[count, len(columns)]`."""
    keys, number, relabelled = _random_keys(rng, stratum, count)
    keys.sort(axis=1)
    order: Integers = relabelled[keys[:, columns] & number]
    return order


def _random_keys(
    rng: np.random.Generator, stratum: Integers, count: int
) -> tuple[Keys, np.unsignedinteger[Any], Integers]:
    """Keys `[count, P]` that sort by stratum, then by chance; the mask of an entry's number in them; its true number.

    A key is stratum, random bits and number in one word, so that ordering the keys carries the numbers along.
    """
    relabelled = rng.permutation(stratum.size)
    number_bits = max(1, (stratum.size - 1).bit_length())
    stratum_bits = int(stratum.max()).bit_length()
    wide = stratum_bits + number_bits > 16
    word: type[np.uint32 | np.uint64] = np.uint64 if wide else np.uint32
    random_bits = np.iinfo(word).bits - stratum_bits - number_bits
    keys: Keys = rng.integers((1 << random_bits) - 1, size=(count, stratum.size), dtype=word, endpoint=True)
    keys <<= word(number_bits)
    keys |= (stratum[relabelled] << (random_bits + number_bits)).astype(word) | np.arange(stratum.size).astype(word)
    return keys, word((1 << number_bits) - 1), relabelled


def _redraw_duplicates(rng: np.random.Generator, entries: int, count: int, size: int) -> Integers:
    # Numbers as short as they may be are drawn and sorted faster.
    word: type[np.uint16 | np.uint32 | np.int64] = np.int64
    if entries <= 1 << 32:
        word = np.uint16 if entries <= 1 << 16 else np.uint32
    chosen = rng.integers(entries, size=(count, size), dtype=word)
    chosen.sort(axis=1)
    rows, part = np.arange(count), chosen  # part is a copy of these rows of chosen
    while True:
        row, column = np.divmod(np.flatnonzero(part[:, 1:] == part[:, :-1]), max(1, size - 1))
        if not row.size:
            return chosen.astype(np.int64)
        part[row, column + 1] = rng.integers(entries, size=row.size, dtype=word)
        redrawn = np.zeros(len(part), dtype=bool)
        redrawn[row] = True
        rows, part = rows[redrawn], part[redrawn]
        part.sort(axis=1)
        chosen[rows] = part


def _host_rng(generator: torch.Generator | None) -> np.random.Generator:
    where = "cpu" if generator is None else generator.device
    seed = torch.randint(1 << 62, (), generator=generator, device=where)
    return np.random.Generator(np.random.SFC64(int(seed)))


def _check_counts(entries: int, count: int, size: int) -> None:
    if count < 0:
        raise ValueError(f"count is {count}, want 0 or more")
    if not 0 <= size <= entries:
        raise ValueError(f"size is {size}, want 0 to {entries}, the entries of the pool")
