"""Log-det greedy: rows that say most beside one another, the most probable batch of a determinantal point process."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

import saln_kernels
from saln.selectors.base import SelectionReport, eligible_rows, gumbel
from saln.selectors.support.schedule import Schedule, not_negative_throughout, value_at
from saln.superbatch import SuperBatch


class LogDet:
    """Greedy maximum of log det(I + K_S / σ²), K the similarity of the super-batch.

    The most probable subset of a determinantal point process with kernel K, greedily (Kulesza & Taskar 2012, arXiv
    1207.6083), by the incremental Cholesky factor of Chen, Zhang & Zhou 2018 (arXiv 1709.05135, alg. 1):
    the gain of a row is log(1 + what those chosen leave unexplained of K_ii, over σ²). Choices: σ² = `ridge` times the
    mean of the diagonal of K, so that the scale of the features does not matter; and the temperature, Gumbel noise on
    the logarithm of each row's quality (perturb and maximise, Papandreou & Yuille 2011), which for ridge 0 is noise of
    that size on the gains.

    O(M d size + M size²) time, O(M size) memory. At temperature 0 nothing is drawn; ties go to the lower row, and at
    ridge 0, after as many rows as K has rank, those left come by number. With "cosine" every row gains the same at
    first, so that the lowest comes first.

    Parameters
    ----------
    similarity : str
        As in `saln_kernels.greedy_logdet`; "gradient" needs residuals.
    ridge : float
        0: log det K_S itself. The default 0.1 is a guess.
    use_quality : bool
        Weight the rows by the super-batch's quality.
    temperature : float or Schedule
    backend : str, optional
        As in `saln_kernels.greedy_logdet`.

    Raises
    ------
    ValueError
        If an option is out of its range; from `select`, if the size does not fit or the super-batch lacks a tensor.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import LogDet
    >>> features = torch.tensor([[2.0, 0.0], [1.9, 0.1], [0.0, 1.0]])
    >>> LogDet(similarity="linear").select(SuperBatch(features), 2)
    tensor([0, 2])
    """

    name: ClassVar[str] = "logdet"
    description: ClassVar[str] = "most volume: the most probable batch of a determinantal process; greedy"
    paper: ClassVar[str] = "Kulesza & Taskar 2012; Chen et al. 2018, arXiv 1709.05135"
    needs: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        *,
        similarity: str = "cosine",
        ridge: float = 0.1,
        use_quality: bool = False,
        temperature: float | Schedule = 0.0,
        backend: str | None = None,
    ) -> None:
        self.similarity = similarity
        self.ridge = not_negative("ridge", ridge)
        self.use_quality = use_quality
        self.temperature = not_negative_throughout("temperature", temperature)
        self.backend = backend
        self.progress = 0.0
        self.last_report: SelectionReport | None = None

    @torch.no_grad()
    def select(self, super_batch: SuperBatch, size: int, *, generator: torch.Generator | None = None) -> Tensor:
        """As in `Selector`, in the order of choice."""
        reads = ["features"]
        reads += ["residuals"] if self.similarity == "gradient" else []
        reads += ["quality"] if self.use_quality else []
        rows, self.last_report = eligible_rows(super_batch, size, reads, by=self.name)
        if size in (0, rows.numel()):
            return rows[:size]
        quality = super_batch.require("quality", by=self.name)[rows].double() if self.use_quality else None
        quality = perturbed(quality, rows, value_at(self.temperature, self.progress), generator)
        return rows[
            logdet_places(
                super_batch, rows, size, similarity=self.similarity, quality=quality, ridge=self.ridge,
                backend=self.backend,
            )
        ]  # fmt: skip


def logdet_places(
    super_batch: SuperBatch,
    rows: Tensor,
    size: int,
    *,
    similarity: str,
    quality: Tensor | None,
    ridge: float,
    backend: str | None,
) -> Tensor:
    """Places in `rows` `[m]`, int64 `[size]`, in the order of choice; quality `[m]` weights the rows."""
    places: Tensor = saln_kernels.greedy_logdet(
        super_batch.features,
        rows.unsqueeze(0),  # [1, m]
        size,
        similarity=similarity,
        residuals=super_batch.residuals if similarity == "gradient" else None,
        quality=unit_diagonal_quality(super_batch, rows, similarity, quality),
        sigma=math.sqrt(ridge),
        check_bounds=False,
        backend=backend,
    ).positions[0]
    return places


def unit_diagonal_quality(
    super_batch: SuperBatch, rows: Tensor, similarity: str, quality: Tensor | None = None
) -> Tensor:
    """Quality `[m]` of these rows, 1 where None, over the root of the mean of K_ii: for all rows `[M]`, 0 elsewhere.

    With it the diagonal of K is 1 on average (before quality), and a ridge means the same for features of any scale.
    """
    features = super_batch.features
    residuals = super_batch.residuals if similarity == "gradient" else None
    weight = torch.ones(rows.numel(), dtype=torch.float64, device=rows.device) if quality is None else quality
    scale = mean_diagonal(features, residuals, rows, similarity)
    if scale is not None:
        weight = weight / torch.where(scale > 0, scale, 1).sqrt()
    result = torch.float64 if features.dtype == torch.float64 else torch.float32
    everywhere = torch.zeros(len(super_batch), dtype=result, device=rows.device)
    return everywhere.index_copy_(0, rows, weight.to(result))


def mean_diagonal(features: Tensor, residuals: Tensor | None, rows: Tensor, similarity: str) -> Tensor | None:
    """The mean of K_ii over these rows, float64 `[]`; None where it is 1 anyway.

    >>> import torch
    >>> from saln.selectors.logdet import mean_diagonal
    >>> mean_diagonal(torch.tensor([[3.0, 4.0], [1.0, 0.0]]), None, torch.arange(2), "linear")
    tensor(13., dtype=torch.float64)
    """
    if similarity in ("cosine", "rbf"):
        return None
    if similarity == "precomputed":
        return features.diagonal()[rows].double().mean()
    squares = _square_norms(features[rows])
    if residuals is not None:
        squares = squares * _square_norms(residuals[rows])
    return squares.mean()


def perturbed(
    quality: Tensor | None, rows: Tensor, temperature: float, generator: torch.Generator | None
) -> Tensor | None:
    """Quality `[m]` with Gumbel noise of this size on log q²; as it is at temperature 0."""
    if temperature == 0:
        return quality
    noise = (temperature / 2 * gumbel(rows.shape, generator=generator, device=rows.device)).exp()
    return noise if quality is None else quality * noise


def not_negative(name: str, value: float) -> float:
    """`value` if it is at least zero and finite, or a ValueError."""
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} is {value}, want at least 0")
    return value


def _square_norms(x: Tensor) -> Tensor:
    x = x if x.dtype == torch.float64 else x.float()
    norms: Tensor = torch.linalg.vector_norm(x, dim=1)
    return norms.double().square()
