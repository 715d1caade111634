"""What the last linear layer of a classifier sees and gives, while somebody else's code calls the model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BY_HAND = "record losses of your own with sampler.recorder.record(losses), one a sample (reduction='none')"


class Unseen(ValueError):
    """What a classifier's last layer gives could not be seen."""


_heads: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()  # names, as they were found


@dataclass
class Seen:
    """What was seen of a forward pass, call by call.

    Attributes
    ----------
    logits : list of Tensor [B, C]
    activations : list of Tensor [B, h]
        What the layer was given; shorter than the logits where that is not known, or no row per sample.
    """

    logits: list[Tensor] = field(default_factory=list)
    activations: list[Tensor] = field(default_factory=list)


@contextmanager
def watched(model: nn.Module, head: nn.Module | str | None = None) -> Iterator[Seen]:
    """See what the head of a model is given and gives, in the calls that are made inside.

    Nothing is changed: neither outputs, gradients nor random numbers, and hooks are removed at the end. Inside what
    torch.compile made nothing can be seen; there the model's own output is taken for the logits.

    Parameters
    ----------
    model : nn.Module
        Wrapped by DistributedDataParallel, torch.compile or accelerate, or as it is.
    head : nn.Module or str, optional
        The layer whose output are the logits, or its name in the model. Left out, it is the linear layer that the
        model calls last.

    Raises
    ------
    Unseen
        If there is no such layer, or it was not called.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from saln.sampling.forward import watched
    >>> model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    >>> with watched(model) as seen:
    ...     logits = model(torch.randn(5, 8))
    >>> torch.equal(seen.logits[0], logits), seen.activations[0].shape
    (True, torch.Size([5, 16]))
    """
    inner, compiled = _unwrapped(model)
    whole = compiled and not isinstance(head, nn.Module)
    layers = [model] if whole else _candidates(inner, head)
    with _hooked(layers) as calls:
        yield (seen := Seen())
    if not calls:
        raise Unseen(
            f"the model, or its head, was not called inside `with recorder(model)`: call it there, or {BY_HAND}"
        )
    last = calls[-1][0]
    if len(layers) > 1:
        _heads[inner] = next(name for name, layer in inner.named_modules() if layer is last)
    for layer, given, output in calls:
        if layer is last:
            seen.logits.append(_logits(output))
            if not whole and given.shape[:-1] == seen.logits[-1].shape[:-1]:
                seen.activations.append(given)


@torch.no_grad()
def losses_and_residuals(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy `[B]` and softmax - one-hot `[B, C]`, float32, of logits `[B, C]` and labels `[B]`.

    >>> import torch
    >>> from saln.sampling.forward import losses_and_residuals
    >>> losses_and_residuals(torch.zeros(1, 2), torch.tensor([1]))
    (tensor([0.6931]), tensor([[ 0.5000, -0.5000]]))
    """
    log_shares = F.log_softmax(logits.float(), dim=1)
    own = labels[:, None]
    losses = -log_shares.gather(1, own).squeeze(1)
    return losses, log_shares.exp_().scatter_add_(1, own, torch.full_like(losses, -1.0)[:, None])


Call = tuple[nn.Module, Tensor, Any]


@contextmanager
def _hooked(layers: list[nn.Module]) -> Iterator[list[Call]]:
    """Calls of these layers: which, its first argument and its output, both out of the graph."""
    calls: list[Call] = []

    def see(layer: nn.Module, given: tuple[Any, ...], output: Any) -> None:
        first = given[0].detach() if given and isinstance(given[0], Tensor) else torch.empty(0)
        if len(layers) > 1:  # what cannot be logits is kept alive only as long as it is the last
            calls[:] = [call for call in calls if isinstance(call[2], Tensor) and call[2].dim() == 2]
        calls.append((layer, first, output.detach() if isinstance(output, Tensor) else output))

    handles = [layer.register_forward_hook(see) for layer in layers]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def _logits(output: Any) -> Tensor:
    """`[B, C]` out of what a classifier returns."""
    found = output.get("logits") if isinstance(output, dict) else output[0] if isinstance(output, tuple) else output
    if not isinstance(found, Tensor) or found.dim() != 2:
        what = f"logits {list(found.shape)}" if isinstance(found, Tensor) else f"a {type(output).__name__}"
        raise Unseen(f"the head gave {what}, want logits [B, C], a row a sample; for other models {BY_HAND}")
    return found.detach()


def _unwrapped(model: nn.Module) -> tuple[nn.Module, bool]:
    """The model inside wrappers, and whether any of it is compiled."""
    compiled = False
    while True:
        if isinstance(model, nn.DataParallel):
            raise Unseen(f"the model is a DataParallel, which calls copies of it: wrap it otherwise, or {BY_HAND}")
        compiled |= hasattr(model, "_orig_mod") or getattr(model, "_compiled_call_impl", None) is not None
        if [name for name, _ in model.named_children()] not in (["module"], ["_orig_mod"]):
            return model, compiled
        model = next(model.children())


def _candidates(model: nn.Module, head: nn.Module | str | None) -> list[nn.Module]:
    """Layers one of which is the head: the one that is named or was found before, or all linear ones."""
    if isinstance(head, nn.Module):
        return [head]
    found = _heads.get(model) if head is None else head
    if found is not None:
        try:
            layer = model.get_submodule(found)
        except AttributeError:
            layer = None
        if layer is not None and (head is not None or isinstance(layer, nn.Linear)):
            return [layer]
    linear: dict[str, nn.Module] = {name: each for name, each in model.named_modules() if isinstance(each, nn.Linear)}
    if head is not None:
        raise Unseen(f"head is {head!r}, want a layer of the model; its linear layers are {', '.join(linear)}")
    if not linear:
        raise Unseen(
            f"{type(model).__name__} has no linear layer: name the layer that gives logits as head, or {BY_HAND}"
        )
    return list(linear.values())
