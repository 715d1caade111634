"""How little a row carries that the others do not say as well."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def little(losses: Floats | None, similarities: Floats) -> Floats:
    """How little each row carries: it is easy, and others lie close to it.

    A row counts as easy as the share of rows with a larger out-of-fold loss, as crowded as the share of rows whose
    neighbours are farther away; the smaller of the two is how little it carries. 0.9: nine tenths of the rows are both
    harder to tell and lonelier.

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
    >>> little(np.array([0.1, 2.0, 0.3], np.float32), similarities).round(2).tolist()
    [0.6700000166893005, 0.0, 0.0]
    """
    near = np.isfinite(similarities)
    total = np.where(near, similarities, 0).sum(axis=1, dtype=np.float64)
    crowded = np.where(near.any(axis=1), total / np.maximum(near.sum(axis=1), 1), np.nan)
    found = _share_below(crowded)
    return np.asarray(found if losses is None else np.minimum(found, _share_below(-losses)), dtype=np.float32)


def _share_below(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """The share of known values that are smaller; NaN where one is not known."""
    known = np.sort(values[~np.isnan(values)])
    share = np.searchsorted(known, values, side="left") / max(len(known), 1)
    return np.where(np.isnan(values), np.nan, share)
