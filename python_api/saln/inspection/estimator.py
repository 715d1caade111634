"""A look by scikit-learn's conventions."""

from __future__ import annotations

from importlib import import_module
from inspect import signature
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from saln.datasets import DataError
from saln.inspection.given import as_features
from saln.inspection.look import look
from saln.inspection.result import Look

VALUES = ("label_quality", "copy_group", "outlier_score", "weight", "little")
"""The columns that `transform` gives."""


class DataLook:
    """A look at a dataset as an estimator: `fit`, `transform`, `get_params`, `set_params`.

    Parameters
    ----------
    near : float, optional
        Similarity, of at most 1, from which rows are near copies. By default it is found in the data.
    seed : int
        Of folds and projections.

    Attributes
    ----------
    look_ : Look
        All that was found.
    label_quality_, suggested_label_, copy_group_, outlier_score_, weight_, little_ : ndarray
        Its values a row.
    n_features_in_ : int
    classes_ : ndarray
        Where y are classes.

    Examples
    --------
    >>> import numpy as np
    >>> import saln
    >>> x = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    >>> y = (x[:, 0] > 0).astype(int)
    >>> found = saln.DataLook().fit(x, y)
    >>> found.transform(x).shape, found.get_feature_names_out()[0]
    ((200, 5), 'label_quality')
    >>> found.get_params()
    {'near': None, 'seed': 0}
    """

    def __init__(self, near: float | None = None, seed: int = 0) -> None:
        self.near = near
        self.seed = seed

    def fit(self, X: Any, y: Any = None, **others: Any) -> DataLook:
        """Look at the rows.

        Parameters
        ----------
        X : array_like
            `[N, d]` features.
        y : array_like, optional
            `[N]` classes, or numbers to predict where they are floating-point and not whole; or `[N, L]` of 0 and 1.
        **others
            `groups`, `split`, `probabilities` and `class_names` of `saln.look`.
        """
        self._fitted = as_features(X)
        labels = {"targets" if _is_target(y) else "labels": y}
        self.look_: Look = look(self._fitted, **labels, near=self.near, seed=self.seed, **others)
        self.n_features_in_ = self._fitted.shape[1]
        for name in (*VALUES, "suggested_label"):
            setattr(self, f"{name}_", getattr(self.look_, name))
        if self.look_.given is not None and self.look_.given.kind == "classes":
            self.classes_ = self.look_.given.classes
        return self

    def transform(self, X: Any) -> npt.NDArray[np.float64]:
        """The values of rows, `[N, 5]` float64, in the order of `get_feature_names_out`.

        Rows that were fitted have the values that were found. Others have no label: they are looked at beside the
        fitted ones, and a copy group below the number of fitted rows' is one of theirs.
        """
        if not hasattr(self, "look_"):
            raise DataError("DataLook was not fitted; call fit first")
        x = as_features(X)
        if x.shape[1] != self.n_features_in_:
            raise DataError(f"X has {x.shape[1]} features; wanted {self.n_features_in_}, as in fit")
        if _same(x, self._fitted):
            return _columns(self.look_, 0)
        beside = torch.cat([self._fitted, x.to(self._fitted.device, self._fitted.dtype)])
        return _columns(look(beside, near=self.look_.near, seed=self.seed), len(self._fitted))

    def fit_transform(self, X: Any, y: Any = None, **others: Any) -> npt.NDArray[np.float64]:
        """The values of the rows that are fitted."""
        return _columns(self.fit(X, y, **others).look_, 0)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Names of the columns of `transform`."""
        return np.asarray(VALUES, dtype=object)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by their names."""
        return {name: getattr(self, name) for name in signature(DataLook).parameters}

    def set_params(self, **params: Any) -> DataLook:
        """Other parameters; a DataError names one that there is not."""
        known = self.get_params()
        for name, value in params.items():
            if name not in known:
                raise DataError(f"{name} is no parameter of DataLook; it has {', '.join(known)}")
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks before it uses an estimator: labels may be missing, and so may numbers."""
        utils = import_module("sklearn.utils")  # it is there: nobody else asks
        return utils.Tags(
            estimator_type="transformer",
            target_tags=utils.TargetTags(required=False),
            transformer_tags=utils.TransformerTags(),
            input_tags=utils.InputTags(allow_nan=True),
        )

    def __repr__(self) -> str:
        changed = [f"{name}={value!r}" for name, value in self.get_params().items() if value not in (None, 0)]
        return f"DataLook({', '.join(changed)})"


def _is_target(y: Any) -> bool:
    if y is None:
        return False
    array = y.detach().cpu().numpy() if isinstance(y, Tensor) else np.asarray(y)
    return array.ndim == 1 and array.dtype.kind == "f" and not np.all(array == np.round(array))


def _same(x: Tensor, fitted: Tensor) -> bool:
    if x.shape != fitted.shape:
        return False
    return x is fitted or torch.equal(x.nan_to_num(), fitted.to(x.device, x.dtype).nan_to_num())


def _columns(found: Look, start: int) -> npt.NDArray[np.float64]:
    return np.stack([getattr(found, name)[start:] for name in VALUES], axis=1).astype(np.float64)
