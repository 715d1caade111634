"""Rows of features out of rows of inputs, by any module or callable, in batches of inputs alike in length."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from saln.datasets.errors import listing
from saln.features.items import input_of
from saln.features.models.collate import collate, prepared
from saln.features.models.options import AUTOCASTS, Options
from saln.features.models.pooling import pooled, tensor_of
from saln.features.models.weights import architecture, source_name, weights

WINDOW = 32
"""Batches of texts among which they are sorted by length: what a kill may cost, and what is in memory at once."""

Tokenize: TypeAlias = Callable[[list[str]], list[Any]]


class Encoder:
    """A model, ready to be asked for features.

    Parameters
    ----------
    call : callable
        The model: of a batch, or of the fields of one as keywords, whatever `tensor_of` knows.
    options : Options
    name : str
        Of the model, for people.
    module : Module, optional
        What is put on a device and into evaluation, and named layers are of; None for a callable.
    prepare : callable
        An item of the dataset as the model takes it; done by the loader's workers, so that it can be pickled.
    tokenize : callable, optional
        Texts to what `join` takes, for a window at once.
    join : callable
        Inputs to a batch; done by the loader's workers, but for texts.

    Raises
    ------
    ValueError
        If the module has no such layer.
    """

    def __init__(
        self,
        call: Callable[..., Any],
        options: Options,
        *,
        name: str,
        module: nn.Module | None = None,
        prepare: Callable[[Any], Any] = prepared,
        tokenize: Tokenize | None = None,
        join: Callable[[list[Any]], Any] = collate,
    ) -> None:
        self.name, self.module, self.options = name, module, options
        self.prepare = options.transform or prepare
        self.join = join if options.collate is None else _JoinItems(options.collate, options.input)
        self._call, self._tokenize = call, tokenize
        self._dtype = None if module is None or options.autocast is not None else _floating_dtype(module)
        self._layer = None if options.layer is None else _layer_of(module, options.layer)
        self._seen: list[Any] = []
        self.n_cut = 0
        """Texts that were as long as max_length allows, and may have been cut."""

    @property
    def device(self) -> torch.device:
        """Where it computes: as told, or where the module is."""
        if self.options.device is not None:
            return torch.device(self.options.device)
        tensor = None if self.module is None else _first_tensor(self.module)
        return torch.device("cpu") if tensor is None else tensor.device

    def facts(self) -> dict[str, Any]:
        """What the features depend on, ready for JSON: not the name, nor the folder that a model was read from."""
        options = self.options
        found = {
            "layer": options.layer,
            "pooling": options.pooling,
            "normalize": options.normalize,
            "max_length": options.max_length,
            "autocast": options.autocast,
        }
        if self.module is None:
            return {**found, "source": source_name(self._call)}
        return {**found, "architecture": architecture(self.module), "weights": weights(self.module)}

    @contextmanager
    def running(self) -> Iterator[None]:
        """In evaluation and on its device; afterwards as it was."""
        with contextlib.ExitStack() as stack:
            if self.module is not None:
                stack.enter_context(_in_evaluation(self.module, self.device))
            if self._layer is not None:
                hook = self._layer.register_forward_hook(lambda _layer, _inputs, output: self._seen.append(output))
                stack.callback(hook.remove)
            yield

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Without gradients and in the precision that was asked for.

        Neither while data are read, nor while the module is moved: tensors made in inference mode cannot be trained.
        """
        with contextlib.ExitStack() as stack:
            stack.enter_context(torch.inference_mode())
            if self.options.autocast is not None:
                stack.enter_context(torch.autocast(self.device.type, AUTOCASTS[self.options.autocast]))
            yield

    def encode_window(self, inputs: list[Any]) -> Tensor:
        """Features `[n, d]` of texts or tokens, in their order, on the device: in batches of those alike in length."""
        tokens = inputs if self._tokenize is None else self._tokenize(inputs)
        lengths = torch.tensor([_length(each) for each in tokens])
        if self._tokenize is not None and self.options.max_length is not None:
            self.n_cut += int((lengths >= self.options.max_length).sum())
        order, size = lengths.argsort(stable=True, descending=True), self.options.batch_size
        ordered = [tokens[place] for place in order.tolist()]
        batches = [ordered[start : start + size] for start in range(0, len(ordered), size)]
        found = torch.cat([self.encode(self.join(batch), len(batch)) for batch in batches])
        return found[order.argsort().to(found.device)]

    def encode(self, batch: Any, n: int) -> Tensor:
        """Features `[n, d]` of a batch of n inputs, on the device."""
        batch = _on(self.device, batch, self._dtype)
        fields = batch if isinstance(batch, Mapping) else {}
        output = self._call(**fields) if fields else self._call(batch)
        if self._layer is not None:
            output, calls = (self._seen[-1] if self._seen else None), len(self._seen)
            self._seen.clear()
            if calls != 1:
                raise ValueError(f"layer '{self.options.layer}' is called {calls} times for a batch, want once")
        found = pooled(tensor_of(output), fields.get("attention_mask"), self.options.pooling)
        if len(found) != n:
            raise ValueError(f"the model returns {len(found)} rows for a batch of {n}, want one row each")
        return nn.functional.normalize(found, dim=1) if self.options.normalize else found


class _JoinItems:
    """Items by a function of the user's, and of the batch that it makes the input."""

    def __init__(self, join: Callable[[list[Any]], Any], input: str | None) -> None:
        self._join, self._input = join, input

    def __call__(self, items: list[Any]) -> Any:
        return input_of(self._join(items), self._input)


def _first_tensor(module: nn.Module) -> Tensor | None:
    return next(itertools.chain(module.parameters(), module.buffers()), None)


def _floating_dtype(module: nn.Module) -> torch.dtype | None:
    return next((each.dtype for each in module.parameters() if each.is_floating_point()), None)


def _layer_of(module: nn.Module | None, name: str) -> nn.Module:
    if module is None:
        raise ValueError(f"layer is '{name}', and the model is a callable: want a torch module for layers")
    layers: dict[str, nn.Module] = dict(module.named_modules())
    if name not in layers or not name:
        near = [each for each in layers if each and (name.split(".")[-1] in each or "." not in each)]
        raise ValueError(f"layer is '{name}', want one of the model's: {listing(near)}")
    return layers[name]


def _length(tokens: Any) -> int:
    return len(tokens["input_ids"]) if isinstance(tokens, Mapping) else len(tokens)


def _on(device: torch.device, batch: Any, dtype: torch.dtype | None) -> Any:
    """A batch on a device, its floating-point numbers in the module's dtype."""
    if isinstance(batch, Tensor):
        return batch.to(device, dtype if batch.is_floating_point() else None, non_blocking=True)
    if isinstance(batch, Mapping):
        return {name: _on(device, value, dtype) for name, value in batch.items()}
    return batch


@contextmanager
def _in_evaluation(module: nn.Module, device: torch.device) -> Iterator[None]:
    training = {each for each in module.modules() if each.training}
    tensor = _first_tensor(module)
    home = device if tensor is None else tensor.device
    moves = home != device and not (device.index is None and home.type == device.type)
    module.eval()
    try:
        if moves:
            module.to(device)
        yield
    finally:
        if moves:
            module.to(home)
        for each in training:
            each.training = True
