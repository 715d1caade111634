"""Which rows of a dataset are copies of each other, exactly or nearly."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from saln.inspection.neighbours import Neighbours, check_features, nearest_neighbours, similarity_to
from saln.inspection.standard_rows import StandardRows

NEAR = 0.13
"""Distance of copies over the median distance of a row to its nearest: cleanlab's."""
ROUNDING = 1e-6
"""What similarities of copies may fall short of 1 by in any case."""


@dataclass(frozen=True)
class Copies:
    """Groups of rows that are copies of each other.

    Attributes
    ----------
    groups : Tensor
        `[N]` int64, the group of each row, numbered by first row; a row without copies is a group of its own.
    counts : Tensor
        `[N]` int64, rows in its group.
    exact : Tensor
        `[N]` bool, whether another row is equal to the bit.
    threshold : float
        The least similarity, as of `nearest_neighbours`, of a row to its group's representative.
    """

    groups: Tensor
    counts: Tensor
    exact: Tensor
    threshold: float


@torch.no_grad()
def find_copies(
    features: Tensor, *, threshold: float | None = None, neighbours: Neighbours | None = None, seed: int = 0
) -> Copies:
    """Group the rows that are copies of each other.

    Equal rows are copies. Others are if they are as similar as `threshold`: those that hang together are gathered
    around the one with the most copies, and rows less similar to it than the threshold are grouped among themselves, so
    that a chain of small steps does not make one group. Rows that are not finite are alone.

    Parameters
    ----------
    features : Tensor [N, d]
        float16, bfloat16, float32 or float64; of a mapped file, too. Give train and test rows together to find those in
        both.
    threshold : float, optional
        From -1 to 1; 1 for exact copies alone. By default from the data.
    neighbours : Neighbours, optional
        Of these features, where they are known.
    seed : int
        As of `nearest_neighbours`.

    Returns
    -------
    Copies

    Raises
    ------
    TypeError, ValueError
        Features that are not floating or not a matrix, neighbours of another number of rows, a threshold out of range.

    Examples
    --------
    >>> import torch
    >>> from saln.inspection.copies import find_copies
    >>> features = torch.tensor([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [3.0, 4.01], [9.0, 0.0]])
    >>> found = find_copies(features, threshold=0.999)
    >>> found.groups.tolist(), found.counts.tolist(), found.exact.tolist()
    ([0, 1, 0, 1, 2], [2, 2, 2, 2, 1], [True, False, True, False, False])
    """
    check_features(features)
    if threshold is not None and not -1 <= threshold <= 1:
        raise ValueError(f"threshold is {threshold}, want a similarity from -1 to 1")
    if neighbours is None:
        neighbours = nearest_neighbours(features, seed=seed)
    elif len(neighbours.rows) != len(features):
        raise ValueError(f"neighbours are of {len(neighbours.rows)} rows, features of {len(features)}")
    equal = neighbours.equal
    near, similarities = neighbours.different
    least = copy_threshold(similarities) if threshold is None else threshold
    heads = _gathered(StandardRows.of(features, equal.first), near, similarities, least)
    n = len(features)
    rows = torch.arange(n, device=features.device)
    named = torch.where(equal.heap >= 0, heads[equal.heap], len(heads) + rows)  # [N] any name of its group
    _, group = torch.unique(named, return_inverse=True)
    first = torch.full((int(group.amax()) + 1 if n else 0,), n, device=rows.device).scatter_reduce(
        0, group, rows, "amin"
    )
    number = torch.empty_like(first)
    number[first.argsort()] = torch.arange(len(first), device=rows.device)
    groups = number[group]
    exact = torch.where(equal.heap >= 0, equal.sizes[equal.heap] > 1, False)
    return Copies(groups, torch.bincount(groups)[groups], exact, least)


def copy_threshold(similarities: Tensor) -> float:
    """From which similarity different rows are near copies, given `[H, k]` of their nearest."""
    distances = 1 - similarities[:, 0]
    distances = distances[distances.isfinite()]
    median = float(distances.median()) if len(distances) else 0.0
    return 1 - max(ROUNDING, NEAR * median)


def _gathered(rows: StandardRows, near: Tensor, similarities: Tensor, threshold: float) -> Tensor:
    """The representative of each row's group, `[H]` numbers of rows."""
    n = len(near)
    heads = torch.arange(n, device=near.device)
    linked = similarities >= threshold  # [H, k]; NaN is not
    one = heads[:, None].expand_as(near)[linked]
    other = near[linked]
    one, other = torch.cat([one, other]), torch.cat([other, one])
    while len(one):
        components = _components(n, one, other)
        degrees = torch.bincount(one, minlength=n)
        # The row with the most links, the first of them, is its component's representative.
        most = torch.zeros_like(degrees).scatter_reduce(0, components, degrees, "amax")
        candidates = (degrees == most[components]) & (degrees > 0)
        chosen = torch.full_like(degrees, n).scatter_reduce(
            0, components[candidates], candidates.nonzero().squeeze(1), "amin"
        )
        members = degrees.nonzero().squeeze(1)
        representative = chosen[components[members]]
        stays = (similarity_to(rows, members, representative) >= threshold) | (members == representative)
        heads[members[stays]] = representative[stays]
        left = torch.zeros(n, dtype=torch.bool, device=near.device)
        left[members[~stays]] = True
        keep = left[one] & left[other]
        one, other = one[keep], other[keep]
    return heads


def _components(n: int, one: Tensor, other: Tensor) -> Tensor:
    """The least row that each hangs together with, `[n]`, given links both ways."""
    names = torch.arange(n, device=one.device)
    while True:
        lower = names.scatter_reduce(0, one, names[other], "amin")
        lower = lower.scatter_reduce(0, names, lower, "amin")  # whoever was named after them goes along
        lower = lower[lower]
        if torch.equal(lower, names):
            return names
        names = lower
