"""Image models of timm, with the transform that each was trained with."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from saln.features.items import is_image
from saln.features.models.collate import prepared
from saln.features.models.encoder import Encoder
from saln.features.models.needs import library
from saln.features.models.options import Options
from saln.needs import extra_pilot


def by_name(name: str, options: Options) -> Encoder:
    """A model without its classifier: pooled features [B, d].

    Parameters
    ----------
    name : str
        Of `timm.list_models()`, or `hf-hub:...` and the like.
    options : Options
        `pretrained=False` for random weights.
    """
    timm = library("timm", "timm")
    try:
        module = timm.create_model(name, pretrained=options.pretrained, num_classes=0)
    except RuntimeError as error:  # an unknown name; timm names those alike
        raise ValueError(f"model is 'timm:{name}': {error}") from error
    return of_module(module.to(options.of_a_name()), options, name=f"timm:{name}")


def of_module(module: nn.Module, options: Options, *, name: str) -> Encoder:
    """A model of timm's as it is; pictures go through its own transform, float tensors are taken as they are."""
    data = library("timm.data", "timm")
    transform = data.create_transform(**data.resolve_model_data_config(module), is_training=False)
    return Encoder(module, options, name=name, module=module, prepare=Picture(transform))


def is_timm(module: nn.Module) -> bool:
    """Whether a module is timm's, and says how its inputs were made."""
    return type(module).__module__.split(".")[0] == "timm" and hasattr(module, "pretrained_cfg")


class Picture:
    """Pictures, and arrays [H, W, 3] or tensors [3, H, W] of uint8, through a transform of pictures."""

    def __init__(self, transform: Any) -> None:
        self._transform = transform

    def __call__(self, item: Any) -> Any:
        """The item as the model takes it."""
        picture = as_picture(item)
        return prepared(item) if picture is None else self._transform(picture)


def as_picture(item: Any) -> Any:
    """A picture in RGB, out of one or of pixels; None where the item is neither."""
    if is_image(item):
        return item.convert("RGB")
    pixels = item.numpy() if isinstance(item, Tensor) else item
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.ndim not in (2, 3):
        return None
    with extra_pilot():
        from PIL import Image

    if pixels.ndim == 3 and pixels.shape[2] not in (1, 3, 4):
        pixels = pixels.transpose(1, 2, 0)
    return Image.fromarray(pixels.squeeze(2) if pixels.shape[2:] == (1,) else pixels).convert("RGB")
