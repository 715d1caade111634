"""Items of a dataset as a module takes them, and batches of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from saln.features.items import TOKENS, is_image


def prepared(item: Any) -> Any:
    """A picture or array as a tensor, anything else as it is.

    Pictures become float32 [3, H, W] from 0 to 1.

    >>> import numpy as np
    >>> from saln.features.models.collate import prepared
    >>> prepared(np.zeros(3, np.float32)), prepared("a text")
    (tensor([0., 0., 0.]), 'a text')
    """
    if is_image(item):
        pixels = np.asarray(item.convert("RGB"), dtype=np.float32) / np.float32(255)  # [H, W, 3]
        return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
    return torch.as_tensor(item) if isinstance(item, np.ndarray | np.generic) else item


def collate(inputs: list[Any]) -> Any:
    """Tensors side by side; mappings of sequences padded to the longest, with an attention mask; otherwise the list.

    Raises
    ------
    ValueError
        If tensors differ in shape.

    Examples
    --------
    >>> from saln.features.models.collate import collate
    >>> {name: values.tolist() for name, values in collate([{"input_ids": [5, 6]}, {"input_ids": [7]}]).items()}
    {'input_ids': [[5, 6], [7, 0]], 'attention_mask': [[1, 1], [1, 0]]}
    """
    if isinstance(inputs[0], Tensor):
        shapes = {tuple(each.shape) for each in inputs}
        if len(shapes) > 1:
            shown = ", ".join(str(list(shape)) for shape in sorted(shapes)[:3])
            raise ValueError(f"the items of a batch are {shown}, want one shape; give a transform that makes it so")
        return torch.stack(inputs)
    if isinstance(inputs[0], Mapping):
        return _fields(inputs)
    if isinstance(inputs[0], int | float) or (isinstance(inputs[0], list) and not isinstance(inputs[0][0], str)):
        return torch.tensor(inputs)
    return inputs


def padded(sequences: list[Any], value: int = 0) -> Tensor:
    """Sequences of numbers `[B, T]`, filled up on the right."""
    return pad_sequence([torch.as_tensor(each) for each in sequences], batch_first=True, padding_value=value)


def _fields(inputs: list[Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in inputs[0]:
        values = [torch.as_tensor(each[name]) for each in inputs]
        found[name] = padded(values) if values[0].ndim == 1 else collate(values)
    if TOKENS in found and "attention_mask" not in found:
        found["attention_mask"] = padded([torch.ones(len(each[TOKENS]), dtype=torch.int64) for each in inputs])
    return found
