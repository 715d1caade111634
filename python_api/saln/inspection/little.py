"""How little a row carries that the others do not say as well."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def little(losses: Floats | None, similarities: Floats) -> Floats:
    """How little each row carries: it is easy, and others lie close to it.

    The chance that, of two rows drawn at random, the first has a larger out-of-fold loss and the second has neighbours
    farther away: 0.81 where nine tenths of the rows are harder, and nine tenths are lonelier. Equals count half.

    Parameters
    ----------
    losses : ndarray or None
        `[N]` float32, out of fold; None without labels, and then a row is only crowded.
    similarities : ndarray
        `[N, k]` float32, to each row's nearest neighbours; NaN where there is none.

    Returns
    -------
    ndarray
        `[N]` float32 from 0 to 1; NaN of rows that were not judged.

    Examples
    --------
    >>> import numpy as np
    >>> similarities = np.array([[0.9], [0.8], [0.1]], np.float32)
    >>> little(np.array([0.1, 2.0, 0.3], np.float32), similarities).tolist()
    [1.0, 0.0, 0.0]
    """
    near = np.isfinite(similarities)
    total = np.where(near, similarities, 0).sum(axis=1, dtype=np.float64)
    crowded = np.where(near.any(axis=1), total / np.maximum(near.sum(axis=1), 1), np.nan)
    found = _share_below(crowded)
    return np.asarray(found if losses is None else found * _share_below(-losses), dtype=np.float32)


def _share_below(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """The share of the other known values that are smaller, equals by half; NaN where one is not known."""
    known = np.sort(values[~np.isnan(values)])
    places = np.searchsorted(known, values, side="left") + np.searchsorted(known, values, side="right") - 1
    return np.where(np.isnan(values), np.nan, places / 2 / max(len(known) - 1, 1))
