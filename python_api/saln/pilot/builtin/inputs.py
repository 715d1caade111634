"""What models train on: rows with gaps filled, standardised, and images, all by the training rows alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from saln.datasets import Dataset
from saln.pilot.builtin.config import BuiltinConfig
from saln.pilot.builtin.corruption import noisy_inputs
from saln.pilot.builtin.pool import Split
from saln.pilot.config import PilotError

NOISE_SEED_OFFSET = 8_000_009
REFERENCE_NOISE_SEED_OFFSET = 9_000_011
IMAGES_AT_ONCE = 1024


@dataclass(frozen=True)
class Inputs:
    """Inputs of the rows to train on `[n, …]`, of the reference network `[m, …]`, to test on `[t, …]`, and what
    selectors see of the first where features are taken as they are `[n, f]`.
    """

    train: torch.Tensor
    reference: torch.Tensor
    test: torch.Tensor
    seen: torch.Tensor


def table_inputs(dataset: Dataset, pool: Split, config: BuiltinConfig) -> Inputs:
    """Rows, gaps filled with the median, with a column of 0 and 1 for each that has gaps, standardised.

    Selectors see features of a pretrained network as they are, only filled, and other rows as the model does.
    """
    x = dataset.x
    train, reference, test = x[pool.rows], x[pool.reference_rows], x[pool.test_rows]
    gaps = train.isnan().any(dim=0)
    # A column of nothing but gaps has a NaN median.
    fill = train.nanmedian(dim=0).values.nan_to_num() if bool(gaps.any()) else torch.zeros(x.shape[1])
    if config.feature_noise:
        scale = _filled(train, fill).std(dim=0)
        train = noisy_inputs(train, scale, config.feature_noise, NOISE_SEED_OFFSET + pool.seed)
        reference = noisy_inputs(reference, scale, config.feature_noise, REFERENCE_NOISE_SEED_OFFSET + pool.seed)
    seen = _filled(train, fill)
    parts = [_with_marks(part, fill, gaps) for part in (train, reference, test)]
    mean, scale = parts[0].mean(dim=0), parts[0].std(dim=0)
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    train, reference, test = (((part - mean) / scale).to(config.device) for part in parts)
    return Inputs(train, reference, test, seen.to(config.device) if dataset.features_given else train)


def image_inputs(dataset: Dataset, pool: Split, config: BuiltinConfig) -> Inputs:
    """Images brought to the wanted size, each channel standardised; selectors see their pixels in a row."""
    images = dataset.images
    if images is None:
        raise PilotError(f"{dataset.name}: model resnet needs images, and there are none")
    train, reference, test = (
        _resized(images, rows, config) for rows in (pool.rows, pool.reference_rows, pool.test_rows)
    )
    mean, scale = train.mean(dim=(0, 2, 3), keepdim=True), train.std(dim=(0, 2, 3), keepdim=True).clamp_min(1e-6)
    if config.feature_noise:
        train = noisy_inputs(train, scale, config.feature_noise, NOISE_SEED_OFFSET + pool.seed)
        reference = noisy_inputs(reference, scale, config.feature_noise, REFERENCE_NOISE_SEED_OFFSET + pool.seed)
    train, reference, test = (
        ((part - mean) / scale).contiguous(memory_format=torch.channels_last).to(config.device)
        for part in (train, reference, test)
    )
    return Inputs(train, reference, test, train.flatten(1))


def _resized(images: torch.Tensor, rows: torch.Tensor, config: BuiltinConfig) -> torch.Tensor:
    side = config.image_size
    parts = []
    for some in torch.split(rows, IMAGES_AT_ONCE):
        part = images[some].float() / (255.0 if images.dtype == torch.uint8 else 1.0)
        if side is not None and part.shape[2:] != (side, side):
            part = F.interpolate(part, (side, side), mode="bilinear", antialias=True, align_corners=False)
        parts.append(part)
    return torch.cat(parts)


def _with_marks(x: torch.Tensor, fill: torch.Tensor, gaps: torch.Tensor) -> torch.Tensor:
    return torch.cat([_filled(x, fill), x[:, gaps].isnan().float()], dim=1)


def _filled(x: torch.Tensor, fill: torch.Tensor) -> torch.Tensor:
    return torch.where(x.isnan(), fill, x)
