"""A small residual network for images."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

__all__ = ["ResidualNetwork"]

STAGES = 3
CHANNELS_IN_A_GROUP = 8


class ResidualNetwork(nn.Module):
    """Three stages of residual blocks, the resolution halved and the channels doubled between them (He et al. 2016).

    Groups of channels are normalised rather than batches (Wu & He 2018), so that what the network says of a sample does
    not depend on which others were chosen with it, in training as in scoring.

    Parameters
    ----------
    channels : int
        Of the images.
    width : int
        Channels of the first stage.
    blocks : int
        Residual blocks of each stage, of two 3 × 3 convolutions each.
    n_classes : int
    """

    def __init__(self, channels: int, width: int, blocks: int, n_classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [_convolution(channels, width), _norm(width), nn.ReLU()]
        before = width
        for stage in range(STAGES):
            after = width * 2**stage
            for block in range(blocks):
                layers.append(_Block(before, after, stride=2 if stage and not block else 1))
                before = after
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(before, n_classes)

    def penultimate(self, x: torch.Tensor) -> torch.Tensor:
        """What the last layer sees, `[B, 4 width]`."""
        activations: torch.Tensor = self.body(x)
        return activations

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits `[B, n_classes]` of images `[B, C, H, W]`."""
        logits: torch.Tensor = self.head(self.body(x))
        return logits


class _Block(nn.Module):
    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = _convolution(before, after, stride)
        self.first_norm = _norm(after)
        self.second = _convolution(after, after)
        self.second_norm = _norm(after)
        same = before == after and stride == 1
        self.shortcut: nn.Module = nn.Identity() if same else nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = F.relu(self.first_norm(self.first(x)))
        return F.relu(self.second_norm(self.second(inner)) + self.shortcut(x))


def _convolution(before: int, after: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, stride, padding=1, bias=False)


def _norm(channels: int) -> nn.GroupNorm:
    groups = max(1, channels // CHANNELS_IN_A_GROUP)
    return nn.GroupNorm(groups if channels % groups == 0 else 1, channels)
