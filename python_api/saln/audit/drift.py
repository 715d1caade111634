"""How far what was chosen lies from the pool, in the features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from saln.audit.permutation import SLACK

ROWS = 1000
"""Of the chosen, and of the others, that distances are computed between."""
SHIFTS = 5
CHUNK = 512
"""Exchanges at once."""
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Shift:
    """One feature: how many of the pool's standard deviations the mean over draws lies above the pool's mean."""

    feature: int
    deviations: float


@dataclass(frozen=True)
class Drift:
    """What was chosen against the pool.

    Attributes
    ----------
    energy : float
        Energy coefficient, 0 where both are distributed alike, 1 where they share nothing (Székely & Rizzo 2013).
    p_value : float
        That they differ, by exchanging rows at random.
    shifts : tuple of Shift
        The features whose mean moved most, the largest first.
    rows_compared : int
    """

    energy: float
    p_value: float
    shifts: tuple[Shift, ...]
    rows_compared: int


def feature_drift(
    features: npt.NDArray[np.floating],
    counts: npt.NDArray[np.int64],
    *,
    permutations: int,
    generator: np.random.Generator,
) -> Drift:
    """The energy distance between draws and pool, and its permutation test.

    Parameters
    ----------
    features : ndarray
        `[N, d]` of the pool's rows. Columns are brought to one scale; gaps (NaN) count as the column's mean.
    counts : ndarray
        `[N]` how often each row was chosen.

    Notes
    -----
    With weights w over draws and u over the pool, and Euclidean distances D, the energy distance is -(w-u)ᵀD(w-u). Rows
    are thinned by how often they were drawn alone, never by their features, so that exchanging what is left is as exact
    as exchanging all.
    """
    x = np.asarray(features, dtype=np.float64)
    x = np.where(np.isfinite(x), x, np.nan)
    filled = ~np.isnan(x).all(axis=0)
    x = x[:, filled]
    mean, deviation = np.nanmean(x, axis=0), np.nanstd(x, axis=0)
    x = np.nan_to_num((x - mean) / np.where(deviation > 0, deviation, 1.0))
    weights = counts / counts.sum()
    moved = weights @ x  # [d]
    largest = np.argsort(-np.abs(moved), kind="stable")[:SHIFTS]
    columns = np.flatnonzero(filled)
    kept, draws, pool = _thinned(counts, generator)
    distances = cdist(x[kept], x[kept])  # [n, n]
    apart = _energies((draws - pool)[:, None], distances)[0]
    as_far = 0
    for start in range(0, permutations, CHUNK):
        differences = np.tile((draws - pool)[:, None], (1, min(CHUNK, permutations - start)))  # [n, R]
        chance = _energies(generator.permuted(differences, axis=0), distances)
        as_far += int((chance >= apart * (1 - SLACK) - SLACK).sum())
    return Drift(
        energy=float(apart / max(2 * draws @ distances @ pool, 1e-300)),
        p_value=(1 + as_far) / (1 + permutations),
        shifts=tuple(Shift(int(columns[i]), float(moved[i])) for i in largest),
        rows_compared=len(kept),
    )


def _energies(differences: Floats, distances: Floats) -> Floats:
    """-vᵀDv of every column of `[n, R]`."""
    return -np.asarray(np.einsum("nr,nr->r", differences, distances @ differences))


def _thinned(
    counts: npt.NDArray[np.int64], generator: np.random.Generator
) -> tuple[npt.NDArray[np.int64], Floats, Floats]:
    """Some rows, with weights by which they stand for all draws and for the whole pool; both sum to 1."""
    parts, draws, pool = [], [], []
    for rows in (np.flatnonzero(counts > 0), np.flatnonzero(counts == 0)):
        if not len(rows):
            continue
        kept = rows if len(rows) <= ROWS else np.sort(generator.choice(rows, ROWS, replace=False))
        parts.append(kept)
        draws.append(counts[kept] / max(1, counts[kept].sum()))
        pool.append(np.full(len(kept), len(rows) / len(counts) / len(kept)))
    return np.concatenate(parts), np.concatenate(draws), np.concatenate(pool)
