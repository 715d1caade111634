"""How a model is asked for features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from saln.features.models.pooling import POOLINGS

AUTOCASTS = {"bfloat16": torch.bfloat16, "float16": torch.float16}
BATCH_SIZE = 32


@dataclass(frozen=True)
class Options:
    """What `saln.extract` is told of a model; see there."""

    layer: str | None = None
    pooling: str | None = None
    normalize: bool = False
    batch_size: int = BATCH_SIZE
    autocast: str | None = None
    device: str | torch.device | None = None
    transform: Callable[[Any], Any] | None = None
    collate: Callable[[list[Any]], Any] | None = None
    max_length: int | None = None
    input: str | None = None
    pretrained: bool = True

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}, want at least 1")
        if self.pooling not in (None, *POOLINGS):
            raise ValueError(f"pooling is {self.pooling!r}, want {', '.join(POOLINGS)} or None")
        if self.autocast not in (None, *AUTOCASTS):
            raise ValueError(f"autocast is {self.autocast!r}, want {', '.join(AUTOCASTS)} or None")
        if self.max_length is not None and self.max_length < 1:
            raise ValueError(f"max_length is {self.max_length}, want at least 1 or None")

    def of_a_name(self) -> torch.device:
        """Where a model goes that is made here: as told, or to the GPU if there is one."""
        return torch.device(self.device or ("cuda" if torch.cuda.is_available() else "cpu"))
