"""Pruning as scikit-learn's estimators do things."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from saln.features.features import Features
from saln.pruning.prune import prune
from saln.selectors.support.configured import Configured


class Pruner(Configured):
    """Keeps the rows of a dataset that are worth training on; options are those of `saln.prune`.

    Parameters
    ----------
    keep : float or int
    method : str
    balanced : bool
    similarity : str, optional
    seed : int

    Attributes
    ----------
    kept_ : ndarray [n]
        int64 rows, in the order of choice.
    n_features_in_ : int
        Of the features that it was fitted on.

    Examples
    --------
    >>> import numpy as np
    >>> import saln
    >>> X, y = np.array([[0.0], [1.0], [5.0], [9.0]]), np.array([0, 0, 1, 1])
    >>> pruner = saln.Pruner(keep=2, method="k_center")
    >>> pruner.fit_transform(X, y).tolist(), pruner.transform(y).tolist()
    ([[5.0], [0.0]], [1, 0])
    """

    def __init__(
        self,
        *,
        keep: float | int = 0.3,
        method: str = "credibility",
        balanced: bool = False,
        similarity: str | None = None,
        seed: int = 0,
    ) -> None:
        self.keep = keep
        self.method = method
        self.balanced = balanced
        self.similarity = similarity
        self.seed = seed

    def fit(self, X: Any, y: Any = None, *, chosen: Any = None, losses: Any = None, history: Any = None) -> Pruner:
        """Choose.

        Parameters
        ----------
        X : Tensor [N, d] or array [N, d]
            Features; integers and lists of lists become float64.
        y : Tensor [N] or array [N], optional
            Labels of any kind that can be told apart.
        chosen, losses, history
            As in `saln.prune`.
        """
        features = X.tensor() if isinstance(X, Features) else X if isinstance(X, Tensor) else _numbers(X)
        labels = y if y is None or isinstance(y, Tensor) else np.unique(np.asarray(y), return_inverse=True)[1]
        rows = prune(
            features, labels, keep=self.keep, method=self.method, chosen=chosen, losses=losses, history=history,
            balanced=self.balanced, similarity=self.similarity, seed=self.seed,
        )  # fmt: skip
        self.kept_ = rows.cpu().numpy()
        self.n_features_in_ = int(features.shape[1])
        self._n_rows = len(features)
        return self

    def transform(self, X: Any) -> Any:
        """The kept rows of anything with a row a sample, such as X, y or sample weights; a ValueError before `fit`."""
        if not hasattr(self, "kept_"):
            raise ValueError("this Pruner is not fitted yet: call fit first")
        if len(X) != self._n_rows:
            raise ValueError(f"X has {len(X)} rows, want {self._n_rows}, those that it was fitted on")
        if hasattr(X, "iloc"):
            return X.iloc[self.kept_]
        return X[torch.from_numpy(self.kept_).to(X.device)] if isinstance(X, Tensor) else np.asarray(X)[self.kept_]

    def fit_transform(self, X: Any, y: Any = None, **given: Any) -> Any:
        """`fit`, then the kept rows of X."""
        return self.fit(X, y, **given).transform(X)


def _numbers(x: Any) -> np.ndarray[Any, Any]:
    found = np.asarray(x)
    return found if found.dtype.kind == "f" else found.astype(np.float64)
