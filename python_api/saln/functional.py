"""Selection inside a training step."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from saln.features.features import Features
from saln.selectors import DEFAULT, Selector, as_selector, make_selector
from saln.superbatch import SuperBatch, as_tensor


def select(
    super_batch: SuperBatch | Tensor | npt.NDArray[Any] | Features,
    size: int,
    method: str | Selector = DEFAULT,
    *,
    generator: torch.Generator | None = None,
    **options: Any,
) -> Tensor:
    """Choose the samples of a super-batch to train on.

    With no method named it is "auto" (docs/default.md). Of a super-batch alone it looks at that alone: with losses,
    residuals and labels it takes the most gradient volume, else what is neither a copy nor probably wrong, and of what
    is alike any. It is worth more over a dataset that it has looked at, as samplers let it, or `selector.prepare`.
    Compare on a sample of your own data first (`saln pilot`).

    Parameters
    ----------
    super_batch : SuperBatch, Tensor [M, d], ndarray [M, d] or Features
        The samples, or their features alone.
    size : int
        How many to choose.
    method : str or Selector
        A name of `saln.selectors.SELECTORS`, or a selector. One that keeps a memory or learns from rewards is to be
        made once and given as it is: a name makes a new one at every call.
    generator : torch.Generator, optional
        The only source of chance.
    **options
        Of the method, where it is given by name.

    Returns
    -------
    Tensor [size]
        int64 rows of the super-batch, none twice, on its device.

    Raises
    ------
    ValueError
        If the method is unknown, lacks a tensor that it needs, or the size does not fit.
    TypeError
        If the method has no such option.

    Examples
    --------
    Out of a dataset that was looked at, where the first of three rows is one of two copies:

    >>> import torch
    >>> import saln
    >>> features, labels = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), torch.tensor([0, 1, 0, 1])
    >>> dataset = saln.SuperBatch(features, labels=labels, indices=torch.arange(4))
    >>> selector = saln.selectors.Auto()
    >>> selector.prepare(dataset)
    >>> saln.select(dataset.take(torch.tensor([2, 1, 3])), 2, selector)
    tensor([1, 2])

    By name, from features alone:

    >>> features = torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.2], [0.1, 1.0]])
    >>> saln.select(features, 1, "saln", keep="abs")
    tensor([3])
    """
    if isinstance(super_batch, Features):
        super_batch = super_batch.tensor()
    if isinstance(super_batch, np.ndarray):
        super_batch = as_tensor("features", super_batch)
    if isinstance(super_batch, Tensor):
        super_batch = SuperBatch(super_batch)
    if options and not isinstance(method, str):
        raise TypeError(f"options {', '.join(options)} belong to the selector; give them where it is made")
    selector = make_selector(method, **options) if isinstance(method, str) else as_selector(method)
    return selector.select(super_batch, size, generator=generator)
