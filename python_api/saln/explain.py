"""Why a batch scores as it does: its spectrum beside those of random batches, and the samples that make it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

import saln_kernels
from saln.datasets import DataError
from saln.superbatch import INTEGERS

__all__ = ["Carrier", "Direction", "Explanation", "Split", "explain_batch"]

SCHEMA = "saln.explain/1"
BANDS = (0.05, 0.5, 0.95)
SIMILARITIES = ("linear", "cosine", "rbf", "precomputed")


@dataclass(frozen=True)
class Carrier:
    """A sample and its part in a direction.

    Attributes
    ----------
    row : int
        Of the features.
    label : str or None
    loading : float
        Its entry of the unit eigenvector; samples with loadings of opposite signs lie at opposite ends.
    share : float
        The loading squared; over the batch these sum to 1.
    """

    row: int
    label: str | None
    loading: float
    share: float


@dataclass(frozen=True)
class Direction:
    """A principal direction of the batch: an eigenvector of its similarity matrix.

    Attributes
    ----------
    eigenvalue : float
    share : float
        Of the trace: how much of the batch lies along it.
    carried_by : float
        How many samples carry it, 1 / Σ share²: 1 for a single one, the size of the batch for all alike.
    carriers : tuple of Carrier
        The largest shares, first.
    """

    eigenvalue: float
    share: float
    carried_by: float
    carriers: tuple[Carrier, ...]


@dataclass(frozen=True)
class Split:
    """The two sides of the batch that hang together least, by the signs of the Fiedler vector (Fiedler 1973).

    Attributes
    ----------
    laplacian : str
    value : float
        Algebraic connectivity: 0 where the batch falls apart.
    residual : float
        Of the eigenpair.
    sides : tuple of tuple of int
        Rows of each side, the smaller first.
    within, across : float
        Mean similarity of two samples of one side, and of two of different sides.
    """

    laplacian: str
    value: float
    residual: float
    sides: tuple[tuple[int, ...], tuple[int, ...]]
    within: float
    across: float


@dataclass(frozen=True)
class Explanation:
    """A batch explained.

    Attributes
    ----------
    rows : tuple of int
        Of the features, in the order of `matrix`.
    labels : tuple of str or None
    similarity : str
    spectrum : tuple of float
        Eigenvalues, descending.
    reference : tuple of tuple of float
        5 %, 50 % and 95 % quantiles of each eigenvalue over random batches of the same size.
    effective_rank : float
        Roy & Vetterli 2007.
    reference_rank : tuple of float
        The same quantiles of theirs.
    above : float
        Share of the random batches with a lower effective rank; half of those with the same.
    references : int
        Random batches compared with: those of finite similarities.
    directions : tuple of Direction
    split : Split or None
    matrix : tuple of tuple of float
        Similarities, samples ordered by the Fiedler vector where there is one, else by the first direction.
    """

    rows: tuple[int, ...]
    labels: tuple[str, ...] | None
    similarity: str
    spectrum: tuple[float, ...]
    reference: tuple[tuple[float, ...], ...]
    effective_rank: float
    reference_rank: tuple[float, float, float]
    above: float
    references: int
    directions: tuple[Direction, ...]
    split: Split | None
    matrix: tuple[tuple[float, ...], ...]

    def as_dict(self) -> dict[str, Any]:
        """The JSON document."""
        return {"schema": SCHEMA, **asdict(self)}


def explain_batch(
    features: Tensor,
    batch: Tensor,
    *,
    similarity: str = "cosine",
    center: bool = False,
    gamma: float | None = None,
    laplacian: str | None = None,
    negative: str = "clamp",
    directions: int = 4,
    carriers: int = 5,
    references: int = 256,
    pool: Tensor | None = None,
    labels: Sequence[str] | None = None,
    seed: int = 0,
) -> Explanation:
    """Spectrum, principal directions and their carriers, and the weakest cut of one batch.

    Parameters
    ----------
    features : Tensor
        `[N, d]`.
    batch : Tensor
        `[b]` row numbers, at least 2; -1 is padding.
    similarity : {"cosine", "linear", "rbf", "precomputed"}
        As in `saln_kernels.gram`; for "precomputed" the features are the similarities of all rows, `[N, N]`.
    center, gamma, negative
        As in `saln_kernels.gram` and `saln_kernels.fiedler`.
    laplacian : {"unnormalized", "symmetric"}, optional
        Split the batch by the Fiedler vector of this Laplacian.
    directions, carriers : int
        How many directions, and samples of each, to give at most; directions after the first whose eigenvalue is 0
        but for rounding are left out.
    references : int
        Random batches to compare with, drawn without replacement from `pool`.
    pool : Tensor, optional
        Row numbers the batch was chosen from; all rows by default.
    labels : sequence of str, optional
        Of all N rows.
    seed : int
        Of the random batches.

    Raises
    ------
    DataError
        Naming the argument that does not fit.

    Examples
    --------
    Two tight clusters of unequal size have two directions, and the split finds them:

    >>> import torch
    >>> angle = torch.tensor([0.0, 0.01, 0.02, 0.03, 1.5, 1.51])
    >>> features = torch.stack([angle.cos(), angle.sin()], dim=1)
    >>> found = explain_batch(features, torch.arange(6), laplacian="unnormalized", directions=2)
    >>> [round(each.carried_by) for each in found.directions], found.split.sides
    ([4, 2], ((4, 5), (0, 1, 2, 3)))
    """
    if similarity not in SIMILARITIES:
        raise DataError(f"similarity is {similarity!r}; wanted one of {', '.join(SIMILARITIES)}")
    for name, value in (("directions", directions), ("carriers", carriers)):
        if value < 1:
            raise DataError(f"{name} must be at least 1, not {value}")
    rows = _rows(features, batch)
    if labels is not None and len(labels) != len(features):
        raise DataError(f"labels are {len(labels)}; wanted {len(features)}, one for each row of features")
    n = rows.shape[0]
    candidate = rows[None]
    options: dict[str, Any] = {"similarity": similarity, "center": center, "gamma": gamma}
    values, vectors = saln_kernels.topk_eigh(features, candidate, n, **options)[:2]
    spectrum, vectors = values[0], vectors[0]  # [n], [n, n]
    rank = float(saln_kernels.score_batches(features, candidate, "effective_rank", **options)[0])
    if not (math.isfinite(rank) and spectrum.isfinite().all()):
        raise DataError(
            f"batch has {similarity} similarities that are not finite: squares of features up to "
            f"{float(features[rows].abs().max()):.3g} are too large for {features.dtype}; scale them"
        )
    random = _random_batches(features, rows, references, pool, seed)  # [references, n]
    ranks = saln_kernels.score_batches(features, random, "effective_rank", **options)
    random, ranks = random[ranks.isfinite()], ranks[ranks.isfinite()]
    if len(ranks) < 2:
        raise DataError(
            f"pool: {len(ranks)} of {references} random batches have finite similarities; wanted at least 2"
        )
    quantiles = torch.tensor(BANDS, dtype=spectrum.dtype)
    bands = saln_kernels.topk_eigvals(features, random, n, **options).quantile(quantiles, dim=0)  # [3, n]
    matrix = saln_kernels.gram(features, candidate, **options)[0]  # [n, n]
    split, order = None, vectors[:, 0].argsort(descending=True, stable=True)
    if laplacian is not None:
        cut = saln_kernels.fiedler(features, candidate, laplacian=laplacian, negative=negative, **options)
        split = _split(cut, rows, matrix, laplacian)
        order = cut.vector[0].argsort(descending=True, stable=True)
    low, middle, high = ranks.quantile(quantiles.to(ranks.dtype)).tolist()
    trace = float(spectrum.sum())
    return Explanation(
        rows=tuple(rows[order].tolist()),
        labels=None if labels is None else tuple(labels[row] for row in rows[order].tolist()),
        similarity=similarity,
        spectrum=tuple(spectrum.tolist()),
        reference=tuple(tuple(band) for band in bands.tolist()),
        effective_rank=rank,
        reference_rank=(low, middle, high),
        above=float((ranks < rank).double().mean() + (ranks == rank).double().mean() / 2),
        references=len(ranks),
        directions=tuple(
            _direction(float(spectrum[i]), vectors[:, i], trace, rows, labels, carriers)
            for i in _with_a_share(spectrum)[:directions]
        ),
        split=split,
        matrix=tuple(tuple(line) for line in matrix[order][:, order].tolist()),
    )


def _rows(features: Tensor, batch: Tensor) -> Tensor:
    """Real rows of the batch, `[n]` int64."""
    if features.dim() != 2:
        raise DataError(f"features are {list(features.shape)}; wanted [N, d]")
    rows = _row_numbers("batch", batch, features.shape[0])
    if rows.shape[0] < 2:
        raise DataError(f"batch has {rows.shape[0]} rows; wanted at least 2")
    bad = rows[~features[rows].isfinite().all(dim=1)]
    if len(bad):
        raise DataError(f"batch has row {int(bad[0])}, whose features are not all finite")
    return rows


def _row_numbers(name: str, rows: Tensor, n_rows: int) -> Tensor:
    """Those that are no padding, `[n]` int64."""
    if rows.dim() != 1 or rows.dtype not in INTEGERS:
        raise DataError(f"{name} is {rows.dtype} {list(rows.shape)}; wanted row numbers [b]")
    found = rows.long()
    found = found[found != -1]
    wrong = found[(found < 0) | (found >= n_rows)]
    if len(wrong):
        raise DataError(f"{name} has row {int(wrong[0])}, but the features have {n_rows} rows")
    return found


def _random_batches(features: Tensor, rows: Tensor, references: int, pool: Tensor | None, seed: int) -> Tensor:
    """`[references, n]` rows of the pool whose features are finite, none twice in a batch."""
    if references < 2:
        raise DataError(f"references must be at least 2, not {references}")
    offered = torch.arange(len(features)) if pool is None else _row_numbers("pool", pool, len(features))
    offered = offered[features[offered].isfinite().all(dim=1)]
    if len(offered) < len(rows):
        raise DataError(f"pool has {len(offered)} rows with finite features, fewer than the batch's {len(rows)}")
    generator = torch.Generator().manual_seed(seed)
    drawn = [torch.randperm(len(offered), generator=generator)[: len(rows)] for _ in range(references)]
    return offered[torch.stack(drawn)]


def _with_a_share(spectrum: Tensor) -> list[int]:
    """Which of the eigenvalues `[n]` are not 0 but for rounding, and the first in any case."""
    rounding = len(spectrum) * torch.finfo(spectrum.dtype).eps * spectrum.abs().max()
    found: list[int] = (spectrum.abs() > rounding).nonzero().squeeze(1).tolist()
    return found or [0]


def _direction(
    eigenvalue: float, vector: Tensor, trace: float, rows: Tensor, labels: Sequence[str] | None, carriers: int
) -> Direction:
    shares = vector.square()
    largest = shares.argsort(descending=True, stable=True)[:carriers].tolist()
    return Direction(
        eigenvalue=eigenvalue,
        share=eigenvalue / trace if trace else 0.0,
        carried_by=1.0 / max(float(shares.square().sum()), 1e-30),
        carriers=tuple(
            Carrier(
                row=int(rows[i]),
                label=None if labels is None else labels[int(rows[i])],
                loading=float(vector[i]),
                share=float(shares[i]),
            )
            for i in largest
        ),
    )


def _split(cut: saln_kernels.Fiedler, rows: Tensor, matrix: Tensor, laplacian: str) -> Split:
    positive = cut.vector[0] > 0
    sides = sorted((rows[positive].tolist(), rows[~positive].tolist()), key=len)
    same = positive[:, None] == positive[None, :]
    pairs = ~torch.eye(len(rows), dtype=torch.bool)
    return Split(
        laplacian=laplacian,
        value=float(cut.value[0]),
        residual=float(cut.residual[0]),
        sides=(tuple(sides[0]), tuple(sides[1])),
        within=_mean(matrix[same & pairs]),
        across=_mean(matrix[~same]),
    )


def _mean(values: Tensor) -> float:
    return float(values.mean()) if len(values) else 0.0
