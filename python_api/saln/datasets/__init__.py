"""Data in: every file that `saln` opens is opened here, and never unpickled."""

from saln.datasets.builtin import BUILTIN, load_builtin
from saln.datasets.dataset import Dataset, load_dataset
from saln.datasets.files import DataError, array_names, read_array, write_scores
from saln.datasets.matrices import load_candidates, load_features

__all__ = [
    "BUILTIN",
    "DataError",
    "Dataset",
    "array_names",
    "load_builtin",
    "load_candidates",
    "load_dataset",
    "load_features",
    "read_array",
    "write_scores",
]
