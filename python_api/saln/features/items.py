"""Items of a dataset: what of one is the model's input, what its label, and a checksum of its content."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from saln.datasets import DataError
from saln.datasets.errors import listing

LABEL_KEYS = ("label", "labels", "target", "targets", "y")
"""Fields of an item that are no input."""
TOKENS = "input_ids"
"""The field by which an item is known to be tokenised: then all its fields but labels are the input."""


def input_of(item: Any, key: str | None = None) -> Any:
    """What of an item, or of a batch of them, a model is called with.

    Parameters
    ----------
    item : object
        The first element of a tuple or list; of a mapping the field `key`, its one field that is no label, or, where it
        is tokenised, all those; otherwise the item itself.
    key : str, optional
        A field of a mapping.

    Raises
    ------
    DataError
        If a mapping has no such field, or several and none is named.

    Examples
    --------
    >>> from saln.features.items import input_of
    >>> input_of(("a text", 3)), input_of({"text": "a text", "label": 3}), input_of("a text")
    ('a text', 'a text', 'a text')
    """
    if isinstance(item, Mapping):
        if key is not None:
            if key not in item:
                raise DataError(f"input is '{key}', the items have {listing([str(name) for name in item])}")
            return item[key]
        names = [name for name in item if name not in LABEL_KEYS]
        if TOKENS in item:
            return {name: item[name] for name in names}
        if len(names) != 1:
            raise DataError(
                f"the items have several fields, {listing([str(name) for name in names])}; name the one that the model "
                "is called with: input="
            )
        return item[names[0]]
    if isinstance(item, tuple | list) and item and not _is_numbers(item):
        return input_of(item[0], key)
    return item


def label_of(item: Any) -> str | None:
    """The label of an item as a text: the second of a pair, or a mapping's; None where there is none.

    >>> from saln.features.items import label_of
    >>> label_of(("a text", 3)), label_of({"text": "a text", "label": "b"}), label_of("a text")
    ('3', 'b', None)
    """
    if isinstance(item, Mapping):
        label = next((item[key] for key in LABEL_KEYS if key in item), None)
    elif isinstance(item, tuple | list) and len(item) == 2 and not _is_numbers(item):
        label = item[1]
    else:
        return None
    if isinstance(label, torch.Tensor | np.ndarray | np.generic):
        label = label.item() if math.prod(label.shape) == 1 else None
    return str(label) if isinstance(label, str | int | float) else None


def kind_of(value: Any) -> str:
    """What an input is, in words: only inputs of one kind are compared with each other.

    >>> import numpy as np, torch
    >>> from saln.features.items import kind_of
    >>> kind_of("a text"), kind_of(torch.zeros(3, 8, 8)), kind_of(np.zeros(4, np.uint8)), kind_of({"input_ids": [1]})
    ('text', 'float32 [3, 8, 8]', 'uint8 [4]', 'fields input_ids')
    """
    if isinstance(value, str):
        return "text"
    if isinstance(value, Mapping):
        return f"fields {', '.join(sorted(map(str, value)))}"
    if is_image(value):
        return f"image {value.mode} {value.width} x {value.height}"
    array = _as_array(value)
    return type(value).__name__ if array is None else f"{array.dtype} {list(array.shape)}"


def checksum(value: Any) -> str:
    """Of an input's content: texts by their characters, images by their pixels, tensors by their bytes.

    >>> import torch
    >>> from saln.features.items import checksum
    >>> checksum(torch.ones(2)) == checksum(torch.ones(2).numpy()), checksum("a") == checksum("b")
    (True, False)
    """
    found = hashlib.blake2b(kind_of(value).encode(), digest_size=8)
    if isinstance(value, str):
        found.update(value.encode("utf-8", "surrogatepass"))
    elif isinstance(value, Mapping):
        for name in sorted(value):
            found.update(f"{name} {checksum(value[name])}".encode())
    elif is_image(value):
        found.update(value.tobytes())
    else:
        array = _as_array(value)
        found.update(repr(value).encode() if array is None else np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def has_length(value: Any) -> bool:
    """Whether inputs like this are worth sorting by length: texts and tokens.

    >>> from saln.features.items import has_length
    >>> has_length("a text"), has_length({"input_ids": [3]}), has_length([3.0])
    (True, True, False)
    """
    return isinstance(value, str) or (isinstance(value, Mapping) and TOKENS in value)


def is_image(value: Any) -> bool:
    """Whether it is a picture of Pillow's; Pillow is imported by whoever made it."""
    return any(each.__module__ == "PIL.Image" and each.__name__ == "Image" for each in type(value).__mro__)


def _is_numbers(value: Any) -> bool:
    return all(isinstance(each, int | float) for each in value)


def _as_array(value: Any) -> np.ndarray[Any, Any] | None:
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = (value.view(torch.uint16) if value.dtype == torch.bfloat16 else value).numpy()
    if isinstance(value, np.ndarray | np.generic | int | float | bool):
        return np.asarray(value)
    if isinstance(value, list | tuple) and _is_numbers(value):
        return np.asarray(value)
    return None
