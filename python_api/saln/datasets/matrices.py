"""Which array of a file holds features, and which candidates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from saln.datasets.files import DataError, array_names

FEATURE_KEYS = ("features", "X", "x", "embeddings", "images", "data")
CANDIDATE_KEYS = ("candidates", "indices", "batches")


def find_features(path: Path) -> str:
    """The array of a file that holds the features: by its usual name, or because it is the only one."""
    return _find(path, "features", FEATURE_KEYS)


def find_candidates(path: Path) -> str:
    """The array of a file that holds the candidates, likewise."""
    return _find(path, "candidates", CANDIDATE_KEYS)


def _find(path: Path, what: str, keys: Sequence[str]) -> str:
    names = array_names(path)
    for key in keys:
        if key in names:
            return key
    if len(names) == 1:
        return names[0]
    raise DataError(
        f"{path}: which array holds the {what}? None of {', '.join(keys)} is in it; name one of {', '.join(names[:12])}"
    )
