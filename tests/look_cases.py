"""Datasets of which it is known what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Spoiled:
    """Three classes far apart in 16 columns; rows 0 to `wrong` - 1 bear another label, the last rows are near copies.

    Attributes
    ----------
    features : ndarray
        `[N, 16]` float32.
    labels, truth : ndarray
        `[N]` int64.
    wrong : int
    copied : ndarray
        Rows of which the last `len(copied)` rows are near copies.
    """

    features: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    truth: npt.NDArray[np.int64]
    wrong: int
    copied: npt.NDArray[np.int64]

    @property
    def first_copy(self) -> int:
        return len(self.labels) - len(self.copied)


def spoiled(n: int = 600, wrong: int = 30, copies: int = 20, seed: int = 0) -> Spoiled:
    """The first `n` rows are different; `copies` more follow, of rows whose labels are right."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 3
    features = rng.normal(size=(n, 16)) + 6 * np.eye(3, 16)[truth]
    labels = truth.copy()
    labels[:wrong] = (truth[:wrong] + 1) % 3
    copied = wrong + rng.permutation(n - wrong)[:copies]
    near = features[copied] + 1e-3 * rng.normal(size=(copies, 16))
    return Spoiled(
        np.concatenate([features, near]).astype(np.float32),
        np.concatenate([labels, labels[copied]]),
        np.concatenate([truth, truth[copied]]),
        wrong,
        copied,
    )
