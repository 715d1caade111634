"""Selection methods in plain torch, as one would write them without this package: what ours are compared with.

Each takes a super-batch, the size and a generator and returns rows. Only methods whose work this package does in a way
of its own have a plain form here; the others are plain torch themselves.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from saln import SuperBatch
from saln.selectors.jest import chunk_sizes
from saln.selectors.support.candidates import uniform_candidates

Plain = Callable[[SuperBatch, int, torch.Generator], Tensor]


def _cosine(x: Tensor) -> Tensor:
    unit = F.normalize(x, dim=1)
    return (unit @ unit.T).fill_diagonal_(1)  # as ours: rounding would decide the first row of a greedy choice


def saln(super_batch: SuperBatch, size: int, generator: torch.Generator) -> Tensor:
    """Fiedler vector from all eigenvectors of the Laplacian."""
    weights = _cosine(super_batch.features).clamp_min(0).fill_diagonal_(0)
    vector = torch.linalg.eigh(weights.sum(dim=1).diag() - weights).eigenvectors[:, 1]
    return vector.abs().argsort(descending=True)[:size]


def lowest_degree(super_batch: SuperBatch, size: int, generator: torch.Generator) -> Tensor:
    """Row sums of the clamped cosines."""
    weights = _cosine(super_batch.features).clamp_min(0).fill_diagonal_(0)
    return weights.sum(dim=1).argsort()[:size]


def _effective_rank(x: Tensor, batches: Tensor) -> Tensor:
    rows = x[batches]  # [C, b, d]
    values = torch.linalg.eigvalsh(rows @ rows.mT).clamp_min(0)
    shares = values / values.sum(dim=1, keepdim=True)
    return torch.special.entr(shares).sum(dim=1).exp()


def spectral_candidates(super_batch: SuperBatch, size: int, generator: torch.Generator) -> Tensor:
    """Gather, bmm and eigvalsh of 1024 uniform candidates."""
    x = F.normalize(super_batch.features, dim=1)
    batches = uniform_candidates(len(x), 1024, size, generator=generator)
    return batches[_effective_rank(x, batches).argmax()]


def joint_growth(super_batch: SuperBatch, size: int, generator: torch.Generator) -> Tensor:
    """The same at every one of 8 steps."""
    x = F.normalize(super_batch.features, dim=1)
    left = torch.arange(len(x))
    chosen = left[:0]
    for chunk in chunk_sizes(size, 8):
        chunks = uniform_candidates(left, 1024, chunk, generator=generator)
        batches = torch.cat([chosen.expand(len(chunks), -1), chunks], dim=1)
        chosen = batches[_effective_rank(x, batches).argmax()]
        left = torch.arange(len(x))[torch.isin(torch.arange(len(x)), chosen, invert=True)]
    return chosen


def _greedy_logdet(matrix: Tensor, size: int) -> Tensor:
    """Chen, Zhang & Zhou 2018 on a matrix that is there already, σ² a tenth of its mean diagonal."""
    noise = 0.1 * float(matrix.diagonal().mean())
    left = matrix.diagonal().clone()
    factor = matrix.new_zeros(len(matrix), size)
    chosen = []
    for n in range(size):
        best = int(left.argmax())
        chosen.append(best)
        column = (matrix[best] - factor @ factor[best]) / (left[best] + noise).sqrt()
        factor[:, n] = column
        left = left - column.square()
        left[chosen] = -torch.inf
    return torch.tensor(chosen)


def logdet(super_batch: SuperBatch, size: int, generator: torch.Generator) -> Tensor:
    """Incremental Cholesky on the whole cosine matrix."""
    return _greedy_logdet(_cosine(super_batch.features), size)


def gradient_logdet(super_batch: SuperBatch, size: int, generator: torch.Generator) -> Tensor:
    """Incremental Cholesky on the product of two Gram matrices."""
    x, residuals = super_batch.features, super_batch.require("residuals", by="gradient_logdet")
    return _greedy_logdet((x @ x.T) * (residuals @ residuals.T), size)


def k_center(super_batch: SuperBatch, size: int, generator: torch.Generator) -> Tensor:
    """A distance to the newest center at every step."""
    x = super_batch.features
    chosen = [int((x - x.mean(dim=0)).square().sum(dim=1).argmin())]
    distance = torch.full((len(x),), torch.inf)
    while len(chosen) < size:
        distance = torch.minimum(distance, (x - x[chosen[-1]]).square().sum(dim=1))
        distance[chosen] = -1
        chosen.append(int(distance.argmax()))
    return torch.tensor(chosen)


def herding(super_batch: SuperBatch, size: int, generator: torch.Generator) -> Tensor:
    """The distance of every possible mean at every step."""
    x = super_batch.features
    mean, total, chosen = x.mean(dim=0), torch.zeros(x.shape[1]), []
    for n in range(size):
        distance = ((x + total) / (n + 1) - mean).square().sum(dim=1)
        distance[chosen] = torch.inf
        chosen.append(int(distance.argmin()))
        total = total + x[chosen[-1]]
    return torch.tensor(chosen)


def facility_location(super_batch: SuperBatch, size: int, generator: torch.Generator) -> Tensor:
    """All gains at every step."""
    similarity = _cosine(super_batch.features).clamp_min(0)
    served, chosen = torch.zeros(len(similarity)), []
    for _ in range(size):
        gain = (similarity - served.unsqueeze(1)).clamp_min(0).sum(dim=0)
        gain[chosen] = -1
        chosen.append(int(gain.argmax()))
        served = torch.maximum(served, similarity[:, chosen[-1]])
    return torch.tensor(chosen)


def divbs(super_batch: SuperBatch, size: int, generator: torch.Generator) -> Tensor:
    """On the gradients themselves, [M, c d]."""
    x, residuals = super_batch.features, super_batch.require("residuals", by="divbs")
    gradients = (residuals.unsqueeze(2) * x.unsqueeze(1)).flatten(1)
    left = gradients.mean(dim=0)
    basis, chosen = gradients.new_zeros(size, gradients.shape[1]), []
    for n in range(size):
        weight = (gradients @ left).abs()
        weight[chosen] = -1
        chosen.append(int(weight.argmax()))
        direction = gradients[chosen[-1]] - basis.T @ (basis @ gradients[chosen[-1]])
        basis[n] = direction / direction.norm()
        left = left - (left @ basis[n]) * basis[n]
    return torch.tensor(chosen)


def graft(super_batch: SuperBatch, size: int, generator: torch.Generator) -> Tensor:
    """Singular vectors, pivots column by column, then swaps while one enlarges the volume by more than 1.05."""
    vectors = torch.linalg.svd(super_batch.features, full_matrices=False).U[:, :size]
    chosen: list[int] = []
    for column in range(size):
        left = vectors[:, column]
        if chosen:
            inside = torch.linalg.solve(vectors[chosen][:, :column], left[chosen])
            left = left - vectors[:, :column] @ inside
        left = left.abs()
        left[chosen] = -1
        chosen.append(int(left.argmax()))
    for _ in range(100):
        factors = torch.linalg.solve(vectors[chosen].T, vectors.T).T.abs()
        factors[chosen] = 0
        row, place = divmod(int(factors.argmax()), size)
        if factors[row, place] <= 1.05:
            break
        chosen[place] = row
    return torch.tensor(chosen)


PLAIN: dict[str, Plain] = {
    each.__name__: each
    for each in (
        saln,
        lowest_degree,
        spectral_candidates,
        joint_growth,
        logdet,
        gradient_logdet,
        k_center,
        herding,
        facility_location,
        divbs,
        graft,
    )
}
