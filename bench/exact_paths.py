"""The library ways to the exact leading eigenvalues of candidates, which `baselines` and `processes` run."""

import numpy as np
import torch
from torch import Tensor

EIGVALSH, CHUNKED, NUMPY = "torch eigvalsh", "torch eigvalsh by chunks", "numpy eigvalsh"
CHUNK = 64  # candidates whose rows and Gram matrices stay in the caches


def torch_grams(features: Tensor, candidates: Tensor) -> Tensor:
    """Gather and bmm: [C, b, b]."""
    rows = features[candidates]
    return torch.bmm(rows, rows.mT)


def torch_path(features: Tensor, candidates: Tensor, k: int) -> Tensor:
    """Gather, bmm, eigvalsh: [C, k]."""
    return torch.linalg.eigvalsh(torch_grams(features, candidates))[:, -k:].flip(1)


def torch_chunks(features: Tensor, candidates: Tensor, k: int) -> Tensor:
    """The same, a chunk of candidates at a time."""
    return torch.cat([torch_path(features, chunk, k) for chunk in candidates.split(CHUNK)])


def numpy_path(features: Tensor, candidates: Tensor, k: int) -> Tensor:
    """Gather, matmul, eigvalsh of numpy, a chunk of candidates at a time: [C, k]."""
    pool = features.numpy()
    found = []
    for chunk in candidates.split(CHUNK):
        rows = pool[chunk.numpy()]
        found.append(np.linalg.eigvalsh(rows @ rows.transpose(0, 2, 1))[:, : -k - 1 : -1])
    return torch.from_numpy(np.concatenate(found))


PATHS = {CHUNKED: torch_chunks, NUMPY: numpy_path}
