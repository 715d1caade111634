"""A data set to walk over: rows, images or texts, with labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from saln.datasets.pictures import Pictures
from saln.datasets.roles import Kind
from saln.datasets.rows import Rows, Texts

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, eq=False)
class Source:
    """A data set as `read_source` reads it: `source[i]` is a row, an image or a text.

    A dataset for PyTorch's DataLoader. Images are decoded when they are asked for; a broken one is a DataError that
    names it.

    Attributes
    ----------
    name : str
        For people.
    kind : {"table", "images", "texts"}
        What a row is: a float32 tensor `[d]`, a picture of Pillow in mode RGB, or a str.
    rows : sequence
        What `source[i]` gives.
    labels : Tensor or None
        Class numbers `[N]` int64, 0 to `len(class_names)` - 1; None where there are none.
    targets : Tensor or None
        Numbers to predict `[N]` float32; None where there are labels, or neither.
    class_names : tuple of str
    is_test : Tensor or None
        Rows to test on `[N]` bool; None where nothing says.
    notes : tuple of str
        What was left out, guessed or not used, a sentence each.
    ids : sequence of str
        The file of each row, or `row 7`, counted from 0 in the file.
    feature_names : tuple of str
        Of the columns of a table; empty where the file has none.
    features_given : bool
        Rows are features of a pretrained network.

    Examples
    --------
    >>> from saln.datasets import read_source
    >>> source = read_source({"text": ["it rains", "it shines"], "label": ["bad", "good"]})
    >>> source.kind, len(source), source[1], source.labels.tolist(), source.class_names
    ('texts', 2, 'it shines', [0, 1], ('bad', 'good'))
    """

    name: str
    kind: Kind
    rows: Rows | Pictures | Texts
    labels: torch.Tensor | None = None
    targets: torch.Tensor | None = None
    class_names: tuple[str, ...] = ()
    is_test: torch.Tensor | None = None
    notes: tuple[str, ...] = ()
    ids: Sequence[str] = ()
    feature_names: tuple[str, ...] = ()
    features_given: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> torch.Tensor | Image.Image | str:
        n = len(self)
        if not -n <= place < n:
            raise IndexError(f"row {place} of {self.name}; it has {n}")
        return self.rows[int(place) % n]

    @property
    def x(self) -> torch.Tensor:
        """All rows of a table `[N, d]` float32, NaN where a value is missing.

        Raises
        ------
        TypeError
            The rows are images or texts.
        """
        if not isinstance(self.rows, Rows):
            raise TypeError(f"{self.name} holds {self.kind}; x is of tables")
        return self.rows.all()

    @property
    def pictures(self) -> Pictures:
        """The images, with their sizes; a TypeError where there are none."""
        if not isinstance(self.rows, Pictures):
            raise TypeError(f"{self.name} holds {self.kind}; wanted images")
        return self.rows
