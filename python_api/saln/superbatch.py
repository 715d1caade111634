"""What a trainer holds about the samples it may choose from. The lowest layer of the package: it knows no method."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from saln.mapping import check

PER_PAIR = ("learner_scores", "reference_scores")
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
INTEGERS = tuple(getattr(torch, f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64))
FLOATING = ("features", "losses", "reference_losses", "residuals", "quality", *PER_PAIR)
SHAPES = {
    "features": "[M, d]",
    "losses": "[M]",
    "reference_losses": "[M]",
    "labels": "[M]",
    "indices": "[M]",
    "residuals": "[M, c]",
    "quality": "[M]",
    "learner_scores": "[M, M]",
    "reference_scores": "[M, M]",
}


@dataclass(frozen=True, eq=False)
class SuperBatch:
    """The M samples a batch is chosen from, with what is known about each.

    Everything lies on one device; numpy arrays become tensors. Only the features are always needed; a selector that
    needs more says so by name. Values are not looked at here: a row with a NaN is left out by the selector that reads
    it.

    Parameters
    ----------
    features : Tensor [M, d]
        float16, bfloat16, float32 or float64, like all below but labels and indices; one row per sample.
    losses : Tensor [M], optional
        The learner's present loss on each sample.
    reference_losses : Tensor [M], optional
        The loss of a reference model trained on other data.
    labels : Tensor [M], optional
        Integers of any kind, kept as int64.
    indices : Tensor [M], optional
        Likewise; the samples' places in the dataset.
    residuals : Tensor [M, c], optional
        Softmax minus one-hot, for the similarity "gradient".
    quality : Tensor [M], optional
        Weights of the samples.
    learner_scores, reference_scores : Tensor [M, M], optional
        Pairwise values of two-tower models: entry (i, j) pairs the first half of sample i with the second of sample j.

    Raises
    ------
    TypeError
        If an argument is not a dense tensor, or of the wrong kind of dtype.
    ValueError
        If a shape or a device does not fit that of the features, or an integer is above 2⁶³ - 1.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> super_batch = SuperBatch(torch.eye(4), losses=torch.tensor([0.1, 2.0, 0.3, 0.4]))
    >>> len(super_batch), super_batch.take(torch.tensor([1, 3])).losses
    (4, tensor([2.0000, 0.4000]))
    """

    features: Tensor
    losses: Tensor | None = None
    reference_losses: Tensor | None = None
    labels: Tensor | None = None
    indices: Tensor | None = None
    residuals: Tensor | None = None
    quality: Tensor | None = None
    learner_scores: Tensor | None = None
    reference_scores: Tensor | None = None

    def __post_init__(self) -> None:
        for name in SHAPES:
            value = getattr(self, name)
            if value is None and name != "features":
                continue
            if isinstance(value, np.ndarray):
                value = as_tensor(name, value)
                object.__setattr__(self, name, value)
            _check_kind(name, value)
            if name not in FLOATING:
                object.__setattr__(self, name, _as_int64(name, value))
            _check_shape(name, value, rows=self.features.shape[0])
            if value.device != self.features.device:
                raise ValueError(f"{name} is on {value.device}, want {self.features.device}, where the features are")

    def __len__(self) -> int:
        return self.features.shape[0]

    @property
    def device(self) -> torch.device:
        """Where everything lies."""
        return self.features.device

    def require(self, name: str, *, by: str) -> Tensor:
        """The tensor `name`, or a ValueError that says which method misses it and what it would need.

        >>> import torch
        >>> from saln import SuperBatch
        >>> SuperBatch(torch.eye(4)).require("losses", by="JEST")
        Traceback (most recent call last):
        ...
        ValueError: JEST needs losses [M] in the super-batch; it has features
        """
        if name not in SHAPES:
            raise ValueError(f"name is {name!r}, want one of {', '.join(SHAPES)}")
        value: Tensor | None = getattr(self, name)
        if value is None:
            has = ", ".join(known for known in SHAPES if getattr(self, known) is not None)
            raise ValueError(f"{by} needs {name} {SHAPES[name]} in the super-batch; it has {has}")
        return value

    def finite_rows(self, names: Iterable[str]) -> Tensor:
        """Which rows are finite in everything named, as far as it is there: bool `[M]`."""
        finite = torch.ones(len(self), dtype=torch.bool, device=self.device)
        for name in names:
            if getattr(self, name) is not None:
                finite &= self.reach(name).isfinite()
        return finite

    def reach(self, name: str) -> Tensor:
        """The largest magnitude of each row in what is named, `[M]`; not finite where one of its values is not.

        Of a pairwise value the diagonal decides, so that one broken sample does not condemn all it is paired with.
        """
        value = self.require(name, by="reach")
        check(value)
        value = value.diagonal() if name in PER_PAIR else value
        if value.dim() == 1:
            return value.abs()
        if value.shape[1] == 0:
            return value.new_zeros(value.shape[0])
        # Two reductions, which pass a NaN on, take no memory of the size of what is read.
        return torch.maximum(value.amax(dim=1), -value.amin(dim=1))

    def take(self, rows: Tensor) -> SuperBatch:
        """The super-batch of these rows, `[m]` integers on its device; pairwise values keep the rows' pairs.

        Costs a copy of the rows, O(m d), and O(m²) for pairwise values. Of what is mapped (`saln.features.load`) the
        file is looked at first: a DataError if it was cut off meanwhile.
        """
        taken: dict[str, Tensor] = {}
        for name in SHAPES:
            value: Tensor | None = getattr(self, name)
            if value is not None:
                check(value)
                value = value.index_select(0, rows)
                taken[name] = value.index_select(1, rows) if name in PER_PAIR else value
        return dataclasses.replace(self, **taken)


def as_tensor(name: str, value: npt.NDArray[Any]) -> Tensor:
    """An array's numbers, not copied where torch can share them; a TypeError if it knows no such numbers.

    >>> import numpy as np
    >>> from saln.superbatch import as_tensor
    >>> as_tensor("losses", np.array([0.5, 2.0]))
    tensor([0.5000, 2.0000], dtype=torch.float64)
    """
    if not value.flags.writeable or any(stride < 0 for stride in value.strides):
        value = value.copy()  # what torch takes for writable, and in ascending order
    try:
        return torch.from_numpy(value)
    except TypeError as error:
        raise TypeError(f"{name} has dtype {value.dtype}, want numbers that torch knows") from error


def _check_kind(name: str, value: object) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} is a {type(value).__name__}, want a tensor {SHAPES[name]}")
    if value.layout != torch.strided:
        raise TypeError(f"{name} has layout {value.layout}, want a dense tensor {SHAPES[name]}")
    if name in FLOATING and value.dtype not in FLOATS:
        raise TypeError(f"{name} has dtype {value.dtype}, want one of {', '.join(map(str, FLOATS))}")
    if name not in FLOATING and value.dtype not in INTEGERS:
        raise TypeError(f"{name} has dtype {value.dtype}, want integers")


def _as_int64(name: str, value: Tensor) -> Tensor:
    found = value.to(torch.int64)  # torch works on few of the unsigned, and takes uint8 for a mask
    if value.dtype == torch.uint64 and bool((found < 0).any()):
        raise ValueError(f"{name} has values above 2**63 - 1, want integers that fit int64")
    return found


def _check_shape(name: str, value: Tensor, *, rows: int) -> None:
    wanted_dims = SHAPES[name].count(",") + 1
    fits = value.dim() == wanted_dims and value.shape[0] == rows
    if name in PER_PAIR:
        fits = fits and value.shape[1] == rows
    if not fits:
        where = "" if name == "features" else f" with M = {rows}, the rows of features"
        raise ValueError(f"{name} has shape {list(value.shape)}, want {SHAPES[name]}{where}")
