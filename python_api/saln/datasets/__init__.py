"""Data in: every file that `saln` opens is opened here, and never unpickled."""

from saln.datasets.builtin import BUILTIN, load_builtin
from saln.datasets.dataset import Dataset
from saln.datasets.errors import DataError
from saln.datasets.files import ArrayFile
from saln.datasets.group_files import read_column, read_groups
from saln.datasets.groups import Groups, crossed, make_groups
from saln.datasets.images import read_images
from saln.datasets.load import load_dataset
from saln.datasets.read import read_source
from saln.datasets.source import Source
from saln.datasets.states import load_state

__all__ = [
    "BUILTIN",
    "ArrayFile",
    "DataError",
    "Dataset",
    "Groups",
    "Source",
    "crossed",
    "load_builtin",
    "load_dataset",
    "load_state",
    "make_groups",
    "read_column",
    "read_groups",
    "read_images",
    "read_source",
]
