"""Data in: every file that `saln` opens is opened here, and never unpickled."""

from saln.datasets.builtin import BUILTIN, load_builtin
from saln.datasets.dataset import Dataset
from saln.datasets.files import DataError, array_names, read_array
from saln.datasets.group_files import read_column, read_groups
from saln.datasets.groups import Groups, crossed, make_groups
from saln.datasets.images import read_images
from saln.datasets.load import load_dataset
from saln.datasets.matrices import find_candidates, find_features
from saln.datasets.pets import load_pets

__all__ = [
    "BUILTIN",
    "DataError",
    "Dataset",
    "Groups",
    "array_names",
    "crossed",
    "find_candidates",
    "find_features",
    "load_builtin",
    "load_dataset",
    "load_pets",
    "make_groups",
    "read_array",
    "read_column",
    "read_groups",
    "read_images",
]
