"""Feature and candidate matrices for offline scoring."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from saln.datasets.files import NPY_NAME, Array, DataError, array_names, describe, read_array, read_columns

FEATURE_KEYS = ("features", "X", "x", "embeddings", "images", "data")
CANDIDATE_KEYS = ("candidates", "indices", "batches")


def load_features(path: Path, key: str | None = None, columns: Sequence[str] = ()) -> torch.Tensor:
    """Features `[N, d]` of a file, float64 or float16 as stored, else float32.

    Parameters
    ----------
    path : Path
        npy, npz, safetensors or parquet.
    key : str, optional
        Array or list column; found by its usual name, or by being the only one, when not given.
    columns : sequence of str
        Scalar parquet columns to stack instead.
    """
    array = read_columns(path, columns) if columns else read_array(path, key or find_features(path))
    if array.ndim < 2 or array.dtype.kind not in "fiub":
        raise DataError(f"{path}: features are {describe(array)}; wanted numbers [N, d]")
    flat = array.reshape(array.shape[0], -1)
    return torch.from_numpy(_native(flat if flat.dtype.kind == "f" else flat.astype(np.float32)))


def load_candidates(path: Path, key: str | None = None) -> torch.Tensor:
    """Candidates `[C, b]` of a file, int64 (int32 where stored so); -1 is padding."""
    names = array_names(path)
    if key is None:
        known = [name for name in CANDIDATE_KEYS if name in names]
        if not known and len(names) != 1:
            raise DataError(f"{path}: which array holds the candidates? Name one of {', '.join(names)}")
        key = known[0] if known else names[0]
    array = read_array(path, key)
    if array.ndim != 2 or array.dtype.kind not in "iu":
        raise DataError(f"{path}: candidates '{key}' are {describe(array)}; wanted integers [C, b]")
    return torch.from_numpy(_native(array if array.dtype == np.int32 else array.astype(np.int64)))


def find_features(path: Path) -> str:
    """The array of a file that holds the features: by its usual name, or because it is the only one."""
    names = array_names(path)
    for key in FEATURE_KEYS:
        if key in names:
            return key
    if len(names) == 1:
        return names[0]
    raise DataError(
        f"{path}: which array holds the features? None of {', '.join(FEATURE_KEYS)} is in it; "
        f"name one of {', '.join(names[:12])}"
    )


def _native(array: Array) -> Array:
    array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    return array if array.flags.writeable else array.copy()


__all__ = ["NPY_NAME", "find_features", "load_candidates", "load_features"]
