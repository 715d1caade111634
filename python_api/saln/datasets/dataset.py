"""A labelled data set for the pilot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from saln.datasets.files import Array, DataError, describe
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
    """

    name: str
    x: torch.Tensor
    labels: torch.Tensor
    is_test: torch.Tensor | None
    class_names: tuple[str, ...]
    features_given: bool
    images: torch.Tensor | None = None
    groups: tuple[Groups, ...] = ()

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


def build_dataset(
    name: str,
    x: Array,
    labels: Array,
    is_test: Array | None,
    class_names: Array | None,
    features_given: bool,
    images: torch.Tensor | None = None,
) -> Dataset:
    """Check arrays against each other and make class numbers of the labels.

    Infinite values count as missing, and bytes are divided by 255.
    """
    if x.ndim < 2 or x.dtype.kind not in "fiub":
        raise DataError(f"{name}: features are {describe(x)}; wanted numbers [N, d]")
    if labels.ndim != 1 or labels.shape[0] != x.shape[0]:
        raise DataError(f"{name}: labels are {describe(labels)}; wanted one for each of the {x.shape[0]} rows")
    if labels.dtype.kind == "f" and not np.all(np.isfinite(labels) & (labels == np.round(labels))):
        raise DataError(f"{name}: labels are not whole numbers; the pilot is for classification")
    values, codes = np.unique(labels, return_inverse=True)
    if values.shape[0] < 2:
        raise DataError(f"{name}: labels hold {values.shape[0]} class; wanted at least 2")
    if values.shape[0] > max(2, x.shape[0] // 2):
        raise DataError(
            f"{name}: labels hold {values.shape[0]} classes in {x.shape[0]} rows; is this the right column?"
        )
    if is_test is not None and is_test.shape != labels.shape:
        raise DataError(f"{name}: the test mark is {describe(is_test)}; wanted one for each of the {x.shape[0]} rows")
    if images is not None and images.shape[0] != x.shape[0]:
        raise DataError(f"{name}: images are {list(images.shape)}; wanted one for each of the {x.shape[0]} rows")
    scale = 255.0 if x.dtype == np.uint8 else 1.0
    flat = x.reshape(x.shape[0], -1).astype(np.float32) / np.float32(scale)
    flat[np.isinf(flat)] = np.nan
    return Dataset(
        name=name,
        x=torch.from_numpy(flat),
        labels=torch.from_numpy(codes.reshape(-1).astype(np.int64)),
        is_test=None if is_test is None else torch.from_numpy(is_test.astype(np.bool_)),
        class_names=_class_names(values, class_names),
        features_given=features_given,
        images=images,
    )


def _class_names(values: Array, given: Array | None) -> tuple[str, ...]:
    numbered = values.dtype.kind in "iub" and values.min() >= 0
    if given is not None and numbered and given.ndim == 1 and int(values.max()) < given.shape[0]:
        return tuple(str(given[int(value)]) for value in values)
    return tuple(str(int(value)) if values.dtype.kind == "f" else str(value) for value in values)
