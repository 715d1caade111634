"""Rows of features out of rows of inputs, by any module or callable, in batches of inputs alike in length."""

from __future__ import annotations

import contextlib
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
        Texts to what `collate` takes, for a window at once.
    join : callable
        Inputs to a batch.

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
        self._call, self._tokenize, self._join = call, tokenize, join
        self._layer = None if options.layer is None else _layer_of(module, options.layer)
        self._seen: list[Any] = []
        self.n_cut = 0
        """Texts that were as long as max_length allows, and may have been cut."""

    @property
    def device(self) -> torch.device:
        """Where it computes: as told, or where the module is."""
        if self.options.device is not None:
            return torch.device(self.options.device)
        tensors = [] if self.module is None else [*self.module.parameters(), *self.module.buffers()]
        return tensors[0].device if tensors else torch.device("cpu")

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
        """In evaluation, without gradients, on its device; afterwards as it was."""
        with contextlib.ExitStack() as stack:
            if self.module is not None:  # first, since what is moved in inference mode cannot be trained any more
                stack.enter_context(_in_evaluation(self.module, self.device))
            stack.enter_context(torch.inference_mode())
            if self.options.autocast is not None:
                stack.enter_context(torch.autocast(self.device.type, AUTOCASTS[self.options.autocast]))
            if self._layer is not None:
                hook = self._layer.register_forward_hook(lambda _layer, _inputs, output: self._seen.append(output))
                stack.callback(hook.remove)
            yield

    def encode(self, inputs: list[Any]) -> Tensor:
        """Features `[n, d]` of inputs, in their order, on the device."""
        if not isinstance(inputs[0], str):
            return torch.cat([self._forward(batch) for batch in self._batches(inputs)])
        tokens = inputs if self._tokenize is None else self._tokenize(inputs)
        lengths = torch.tensor([_length(each) for each in tokens])
        if self._tokenize is not None and self.options.max_length is not None:
            self.n_cut += int((lengths >= self.options.max_length).sum())
        order = lengths.argsort(stable=True, descending=True)
        rows = torch.cat([self._forward(batch) for batch in self._batches([tokens[i] for i in order.tolist()])])
        return rows[order.argsort().to(rows.device)]

    def _batches(self, inputs: list[Any]) -> Iterator[list[Any]]:
        size = self.options.batch_size
        return (inputs[start : start + size] for start in range(0, len(inputs), size))

    def _forward(self, inputs: list[Any]) -> Tensor:
        """`[b, d]`."""
        batch = _on(self.device, self._batch(inputs))
        fields = batch if isinstance(batch, Mapping) else {}
        output = self._call(**fields) if fields else self._call(batch)
        if self._layer is not None:
            output, calls = (self._seen[-1] if self._seen else None), len(self._seen)
            self._seen.clear()
            if calls != 1:
                raise ValueError(f"layer '{self.options.layer}' is called {calls} times for a batch, want once")
        found = pooled(tensor_of(output), fields.get("attention_mask"), self.options.pooling)
        if len(found) != len(inputs):
            raise ValueError(f"the model returns {len(found)} rows for a batch of {len(inputs)}, want one row each")
        return nn.functional.normalize(found, dim=1) if self.options.normalize else found

    def _batch(self, inputs: list[Any]) -> Any:
        if self.options.collate is None:
            return self._join(inputs)
        return input_of(self.options.collate(inputs), self.options.input)


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


def _on(device: torch.device, batch: Any) -> Any:
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, Mapping):
        return {name: _on(device, value) for name, value in batch.items()}
    return batch


@contextmanager
def _in_evaluation(module: nn.Module, device: torch.device) -> Iterator[None]:
    training = {each for each in module.modules() if each.training}
    tensor = next(iter([*module.parameters(), *module.buffers()]), None)
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
