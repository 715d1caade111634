"""Consecutive candidates: the best of many proposed batches that is unlike the batches just served."""

from __future__ import annotations

from collections import deque
from typing import Any

import torch
from torch import Tensor

import saln_kernels
from saln.selectors.base import Offer
from saln.selectors.kinds.scoring import Scorer
from saln.selectors.registry import register
from saln.selectors.spectral_candidates import SpectralCandidates
from saln.selectors.support.choices import at_least, one_of
from saln.selectors.support.rows import unit_rows
from saln.selectors.support.schedule import Schedule, not_negative_throughout, value_at

OVERLAPS = ("subspace", "reuse")


@register
class ConsecutiveCandidates(SpectralCandidates):
    """`SpectralCandidates` with a penalty on what the last batches have already shown.

    This project's own, without a paper. Scores and overlaps of the candidates are put on one scale, by their mean and
    standard deviation over the candidates, and the best score - penalty · overlap is taken. The overlap of a candidate
    is one of

    - "subspace": ‖UᵀV‖² / k, 0 to 1, of the k leading principal directions U of its rows, scaled to length 1, and V of
      the last `memory` batches' rows together
    - "reuse": the share of its rows that are among those of the last `memory` batches, by the super-batch's indices

    The penalty 1, memory 4 and k 8 are guesses. Costs what `SpectralCandidates` costs, and for "subspace" as much again
    for the eigenvectors, O(C b³ + C b² d) time and O(C b k) memory; for "reuse" O(C b).

    Parameters
    ----------
    n_candidates : int
    penalty : float or Schedule
        0: `SpectralCandidates`.
    overlap : {"subspace", "reuse"}
    memory : int
        Batches looked back on.
    n_directions : int
        k, at most the size and the dimensions.
    **options
        Of `SpectralCandidates`.

    Examples
    --------
    The second batch leaves the direction of the first:

    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import ConsecutiveCandidates
    >>> features = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    >>> selector = ConsecutiveCandidates(64, criterion="stable_rank", penalty=10.0, n_directions=1)
    >>> source = torch.Generator().manual_seed(0)
    >>> first = selector.select(SuperBatch(features[:2]), 1, generator=source)
    >>> bool(selector.select(SuperBatch(features), 1, generator=source) >= 2)
    True
    """

    name = "consecutive_candidates"
    description = "the best of many proposed batches, unlike those just served"
    paper = "this project"
    chooses_all = True

    def __init__(
        self,
        n_candidates: int = 1024,
        *,
        penalty: float | Schedule = 1.0,
        overlap: str = "subspace",
        memory: int = 4,
        n_directions: int = 8,
        **options: Any,
    ) -> None:
        super().__init__(n_candidates, **options)
        self.penalty = not_negative_throughout("penalty", penalty)
        self.overlap = one_of("overlap", overlap, OVERLAPS)
        self.n_directions = at_least("n_directions", n_directions, 1)
        # Rows [b, d] of length 1, or indices [b], of the batches served last.
        self._served: deque[Tensor] = deque(maxlen=at_least("memory", memory, 1))

    @property
    def reads(self) -> tuple[str, ...]:
        """As in `Selector`."""
        return (*super().reads, *(("indices",) if self.overlap == "reuse" else ()))

    def _choose(self, offer: Offer, size: int) -> Tensor:
        everything = offer.everything.squeeze(0)
        chosen = super()._choose(offer, size) if size < len(offer) else everything
        self._served.append(_unit(offer.features[chosen]) if self.overlap == "subspace" else offer["indices"][chosen])
        return chosen

    def _score(self, offer: Offer, candidates: Tensor, scorer: Scorer) -> Tensor:
        scores = super()._score(offer, candidates, scorer)
        penalty = value_at(self.penalty, self.progress)
        if penalty == 0 or not self._served:
            return scores
        of = self._subspace_overlap if self.overlap == "subspace" else self._reuse
        return _standard(scores.double()) - penalty * _standard(of(offer, candidates).double())

    def _subspace_overlap(self, offer: Offer, candidates: Tensor) -> Tensor:
        x = _unit(offer.features)  # [m, d]
        served = torch.cat(list(self._served)).to(x)  # [n, d]
        k = min(self.n_directions, candidates.shape[1], served.shape[0], x.shape[1])
        everything = torch.arange(served.shape[0], device=x.device).unsqueeze(0)
        directions = served.T @ principal(served, everything, k)[0]  # V, [d, k]
        along = x @ directions  # [m, k]
        own = offer.work_out(lambda some: principal(x, some, k), candidates)  # [C, b, k], with U = Xᵀ own
        return torch.einsum("cbk,cbj->ckj", own, along[candidates]).square().sum(dim=(1, 2)) / k

    def _reuse(self, offer: Offer, candidates: Tensor) -> Tensor:
        indices = offer["indices"]
        seen = torch.isin(indices, torch.cat(list(self._served)).to(indices.device))  # [m]
        return seen[candidates].float().mean(dim=1)

    def reset(self) -> None:
        """As in `Selector`."""
        super().reset()
        self._served.clear()

    def state_dict(self) -> dict[str, Any]:
        """As in `Selector`."""
        return {"served": [each.clone() for each in self._served]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As in `Selector`."""
        self._served.clear()
        self._served.extend(state_dict["served"])


def principal(x: Tensor, batches: Tensor, k: int) -> Tensor:
    """Combinations A `[C, b, k]` of each batch's rows such that Xᵀ A are its k leading principal directions.

    Directions that a batch does not have, its rank being lower, are zero.

    >>> import torch
    >>> from saln.selectors.consecutive_candidates import principal
    >>> x = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    >>> (x.T @ principal(x, torch.tensor([[0, 1]]), 1)[0]).abs().round(decimals=5)
    tensor([[1.],
            [0.]])
    """
    values, vectors = saln_kernels.topk_eigh(x, batches, k, check_bounds=False)
    rounding = batches.shape[1] * torch.finfo(values.dtype).eps * values[:, :1]
    scale = torch.where(values > rounding, values, torch.inf).rsqrt()  # [C, k]
    return vectors * scale.unsqueeze(1)


def _unit(x: Tensor) -> Tensor:
    return unit_rows(x if x.dtype == torch.float64 else x.float())


def _standard(values: Tensor) -> Tensor:
    spread = values.std(correction=0)
    # Where all are equal up to rounding they say nothing.
    return (values - values.mean()) / torch.where(spread > 1e-6 * values.abs().amax(), spread, torch.inf)
