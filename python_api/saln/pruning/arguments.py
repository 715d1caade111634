"""What `prune` was given, checked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saln.features.features import Features
from saln.sampling.history import History
from saln.superbatch import FLOATS, INTEGERS, as_tensor


def as_features(features: Any) -> Tensor:
    """Features `[N, d]` as a tensor; nothing is copied that torch can share."""
    if isinstance(features, Features):
        return features.tensor()
    found = as_tensor("features", features) if isinstance(features, np.ndarray) else features
    if not isinstance(found, Tensor):
        raise TypeError(f"features is a {type(features).__name__}, want a tensor, an array or saln.features.load's")
    if found.dim() != 2 or found.dtype not in FLOATS:
        raise ValueError(f"features are {found.dtype} {list(found.shape)}, want floating-point numbers [N, d]")
    return found


def as_values(name: str, values: Any, like: Tensor, *, integers: bool = False) -> Tensor | None:
    """Numbers `[N]`, one a row of features, or None."""
    if values is None:
        return None
    found = values if isinstance(values, Tensor) else as_tensor(name, np.asarray(values))
    fits = found.dtype in (INTEGERS if integers else FLOATS)
    if not fits or found.shape != like.shape[:1]:
        kind = "integers" if integers else "floating-point numbers"
        raise ValueError(f"{name} are {found.dtype} {list(found.shape)}, want {kind} [{len(like)}], one a row")
    return found.to(like.device, torch.int64 if integers else torch.float64)


def as_rows(name: str, rows: Any, like: Tensor) -> Tensor:
    """Row numbers `[k]` int64 of features, none twice, out of numbers or of a mask `[N]`; none where None."""
    n = len(like)
    found = torch.as_tensor(np.asarray([] if rows is None else rows) if not isinstance(rows, Tensor) else rows)
    if found.dtype == torch.bool and found.shape == (n,):
        return found.nonzero().squeeze(1).to(like.device)
    if not found.numel():
        return torch.empty(0, dtype=torch.int64, device=like.device)
    if found.dim() != 1 or found.dtype not in INTEGERS:
        raise ValueError(
            f"{name} are {found.dtype} {list(found.shape)}, want row numbers [k], or a mask [{n}] of bools"
        )
    found = found.to(like.device, torch.int64)
    strange = found[(found < 0) | (found >= n)]
    if len(strange):
        raise ValueError(f"{name} has {int(strange[0])}, want row numbers from 0 to {n - 1}")
    if len(torch.unique(found)) < len(found):
        raise ValueError(f"{name} has a row twice, want each once")
    return found


def as_histories(history: Any, like: Tensor, *, by: str) -> list[History]:
    """Recorded runs of the same rows."""
    if history is None:
        raise ValueError(f"{by} needs history: what a training recorded, a saln.History or the file that it saved")
    several = list(history) if isinstance(history, Sequence) and not isinstance(history, str) else [history]
    found = [each if isinstance(each, History) else _loaded(each) for each in several]
    for each in found:
        if each.n_rows != len(like):
            raise ValueError(f"history is of {each.n_rows} rows, want {len(like)}, those of features")
    if not found or not any(bool((each.n_records > 0).any()) for each in found):
        raise ValueError("history holds no record, want one of a training")
    return found


def _loaded(path: Any) -> History:
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"history is a {type(path).__name__}, want a saln.History, the file that it saved, or several")
    return History.load(path)


def as_size(keep: Any, offered: int) -> int:
    """How many rows `keep` asks for, of so many that may be kept: a share as a float, a number as an int."""
    if isinstance(keep, bool) or not isinstance(keep, int | float):
        raise TypeError(f"keep is a {type(keep).__name__}, want a share as a float or a number of rows as an int")
    if isinstance(keep, float):
        if not 0 <= keep <= 1:
            raise ValueError(f"keep is {keep}, want a share from 0.0 to 1.0, or a number of rows as an int")
        return round(keep * offered)
    if not 0 <= keep <= offered:
        raise ValueError(f"keep is {keep}, want 0 to {offered}, the rows that may be kept")
    return keep
