"""Selection inside a training step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from saln.selectors import Selector, make_selector
from saln.superbatch import SuperBatch


def select(
    super_batch: SuperBatch | Tensor,
    size: int,
    method: str | Selector = "default",
    *,
    generator: torch.Generator | None = None,
    **options: Any,
) -> Tensor:
    """Choose the samples of a super-batch to train on.

    With no method named it is `saln.selectors.Default`: of the methods tried in docs/default.md the one with the best
    worst case against uniform batches. It needs the losses and residuals of the present model, the losses of a
    reference model, and labels; where one is missing that is an error, and no other rule steps in, since none with less
    to go by has been shown to be safe. Compare on a sample of your own data first (`saln pilot`).

    Parameters
    ----------
    super_batch : SuperBatch or Tensor [M, d]
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
    Inside a training step, with the network's last layer `head` and the activations it reads:

    >>> import torch
    >>> import saln
    >>> source = torch.Generator().manual_seed(0)
    >>> activations, labels = torch.randn(20, 4, generator=source), torch.arange(20) % 2
    >>> head = torch.nn.Linear(4, 2)
    >>> logits = head(activations).detach()
    >>> super_batch = saln.SuperBatch(
    ...     activations,
    ...     residuals=logits.softmax(dim=1) - torch.nn.functional.one_hot(labels, 2),
    ...     losses=torch.nn.functional.cross_entropy(logits, labels, reduction="none"),
    ...     reference_losses=torch.rand(20, generator=source),  # of a model trained on other data
    ...     labels=labels,
    ... )
    >>> saln.select(super_batch, 5, generator=source).shape
    torch.Size([5])

    By name, from features alone:

    >>> features = torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.2], [0.1, 1.0]])
    >>> saln.select(features, 1, "saln", keep="abs")
    tensor([3])
    """
    if isinstance(super_batch, Tensor):
        super_batch = SuperBatch(super_batch)
    if isinstance(method, str):
        method = make_selector(method, **options)
    elif options:
        raise TypeError(f"options {', '.join(options)} belong to the selector; give them where it is made")
    return method.select(super_batch, size, generator=generator)
