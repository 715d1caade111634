"""A labelled data set for the pilot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from saln.datasets.errors import DataError
from saln.datasets.groups import Groups


@dataclass(frozen=True)
class Dataset:
    """Rows, labels, and where it is known which rows are for testing.

    Attributes
    ----------
    name : str
        For people.
    x : Tensor
        Inputs `[N, d]` float32; NaN where a value is missing. Where there is nothing but images, their pixels.
    labels : Tensor
        Class numbers `[N]` int64, 0 to `len(class_names)` - 1.
    is_test : Tensor or None
        Rows never trained on `[N]` bool; None leaves the split to the pilot.
    class_names : tuple of str
    features_given : bool
        x are features of a pretrained network, which selectors can use as they are.
    images : Tensor or None
        `[N, C, H, W]`, uint8 (0 to 255) or float32, for networks that train on pixels while selectors go by x.
    groups : tuple of Groups
        Columns of one value a row, to report by. No run depends on them, so they may change without one being repeated.
    notes : tuple of str
        What was left out of a file or is missing in it, a sentence each.
    """

    name: str
    x: torch.Tensor
    labels: torch.Tensor
    is_test: torch.Tensor | None
    class_names: tuple[str, ...]
    features_given: bool
    images: torch.Tensor | None = None
    groups: tuple[Groups, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def n_classes(self) -> int:
        return len(self.class_names)

    @property
    def n_missing(self) -> int:
        """Missing values in x."""
        return int(self.x.isnan().sum())

    def with_groups(self, groups: Sequence[Groups]) -> Dataset:
        """The same data set with these group columns.

        Raises
        ------
        DataError
            A column has not one value for each row of the data set, test rows among them, or two have one name.

        Examples
        --------
        >>> import torch
        >>> from saln.datasets import make_groups
        >>> data = Dataset("two", torch.zeros(2, 3), torch.tensor([0, 1]), None, ("a", "b"), features_given=True)
        >>> data.with_groups([make_groups("site", ["north", "south"])]).groups[0].names
        ('north', 'south')
        """
        n_rows = self.labels.shape[0]
        for each in groups:
            if len(each.codes) != n_rows:
                raise DataError(
                    f"groups '{each.column}': {len(each.codes)} values; wanted one for each of the {n_rows} rows of "
                    f"{self.name}"
                )
        columns = [each.column for each in groups]
        twice = next((name for name in columns if columns.count(name) > 1), None)
        if twice is not None:
            raise DataError(f"groups '{twice}': two columns of this name; wanted one")
        return replace(self, groups=tuple(groups))
