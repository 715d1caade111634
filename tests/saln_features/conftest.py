"""A model, data and an output."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from feature_cases import Counting, Pairs


@pytest.fixture
def net() -> Counting:
    return Counting()


@pytest.fixture
def images() -> Tensor:
    return torch.rand(150, 3, 8, 8)


@pytest.fixture
def pairs(images: Tensor) -> Pairs:
    return Pairs(images, [row % 4 for row in range(len(images))])


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "features.npy"
