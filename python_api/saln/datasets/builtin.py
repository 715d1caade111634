"""The data sets that need no file: they ship with scikit-learn."""

from __future__ import annotations

import numpy as np
import torch

from saln.datasets.dataset import Dataset
from saln.datasets.errors import DataError
from saln.needs import extra_pilot

BUILTIN = ("digits", "breast_cancer", "wine")


def load_builtin(name: str = "digits") -> Dataset:
    """A small real data set that ships with scikit-learn.

    Parameters
    ----------
    name : str
        `digits`: 1 797 handwritten digits of 8 × 8 pixels (E. Alpaydin, C. Kaynak, UCI 1998), pixel values 0 to 16;
        `breast_cancer`: 569 × 30; `wine`: 178 × 13.
    """
    if name not in BUILTIN:
        raise DataError(f"'{name}' is neither a file nor a built-in data set ({', '.join(BUILTIN)})")
    with extra_pilot():
        from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    x = torch.from_numpy(np.asarray(bunch.data, dtype=np.float32))
    return Dataset(
        name=f"{name} (scikit-learn)",
        x=x,
        labels=torch.from_numpy(np.asarray(bunch.target, dtype=np.int64)),
        is_test=None,
        class_names=tuple(str(each) for each in bunch.target_names),
        features_given=False,
        images=x.reshape(-1, 1, 8, 8) / 16 if name == "digits" else None,
    )
