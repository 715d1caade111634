"""JEST: a batch drawn in chunks, each by how learnable it is together with what is already chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from saln.selectors.base import SelectionReport, draw, eligible_rows
from saln.selectors.support.choices import one_of
from saln.selectors.support.contrastive import sigmoid_losses, softmax_gain, softmax_losses
from saln.selectors.support.schedule import Schedule, positive_throughout, value_at
from saln.superbatch import SuperBatch

FORMS = ("classification", "pairwise", "sigmoid", "softmax")
FIRST_CHUNKS = ("uniform", "learnability")
PAIRWISE = ("learner_scores", "reference_scores")


class JEST:
    """Joint example selection (Evans, Parthasarathy, Merzic & Hénaff 2024, arXiv 2406.17711).

    The batch is drawn in `n_chunks` chunks. Where S_jk is the learner's loss on the pair (j, k) minus the reference
    model's, the samples not yet chosen have logits S_jj + Σ_{k chosen} (S_jk + S_kj), and the next chunk is drawn from
    them without replacement with probability ∝ exp(logits / temperature).

    From the paper: the scores, the conditional logits, 16 chunks, and one in five samples kept. Choices: the
    temperature (the paper's is 1); the first chunk, uniform or by learnability, since implementations differ; chunks
    that differ by one where `n_chunks` does not divide the size; sums, not means, over the batch; and the forms
    "classification" and "softmax", see below.

    - "classification": losses `[M]` of single samples. A loss that is a sum over samples has S_jk = (l_j + l_k) / 2
      with l = losses - reference_losses, and with n chosen the logits are (n + 1) l_j + Σ_{k chosen} l_k. The sum is
      the same for every j: the joint rule is independent sampling by learnability that sharpens as chunks are added,
      and that is what is computed.
    - "pairwise": `learner_scores`, `reference_scores` `[M, M]` are losses of pairs, used as they are.
    - "sigmoid": they are logits of pairs (scale and bias included); S is made of the sigmoid contrastive loss
      -log σ(±x_ij) (Zhai et al. 2023), + on the diagonal.
    - "softmax": they are logits of pairs; the softmax contrastive loss (Radford et al. 2021), half over rows and half
      over columns, couples all pairs through its log-sum-exp and is no sum over pairs, so instead of the sum above the
      exact growth of the batch's loss is used. A first chunk by learnability takes each sample's loss against the whole
      super-batch.

    Samples that are equally learnable are equally likely.

    O(M n_chunks) time and O(M) memory for "classification", O(M size) and O(M²) for the pairwise forms.

    Parameters
    ----------
    form : {"classification", "pairwise", "sigmoid", "softmax"}
    n_chunks : int
        At most as many as the size are used.
    temperature : float or Schedule
        Small: the largest logits; large: uniform.
    first_chunk : {"uniform", "learnability"}

    Raises
    ------
    ValueError
        If an option is unknown or not positive; from `select`, if the size does not fit or the super-batch lacks a
        tensor.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import JEST
    >>> losses = torch.tensor([0.1, 9.0, 0.1, 9.0, 9.0])
    >>> reference = torch.tensor([0.1, 0.2, 0.1, 0.2, 9.0])  # the last cannot be learned
    >>> super_batch = SuperBatch(torch.randn(5, 3), losses=losses, reference_losses=reference)
    >>> jest = JEST(temperature=0.01, first_chunk="learnability")
    >>> jest.select(super_batch, 2, generator=torch.Generator().manual_seed(0)).sort().values
    tensor([1, 3])
    """

    name: ClassVar[str] = "jest"
    description: ClassVar[str] = "joint learnability, drawn in chunks; learner minus reference loss"
    paper: ClassVar[str] = "Evans et al. 2024, arXiv 2406.17711"
    needs: ClassVar[tuple[str, ...]] = ("losses", "reference_losses")

    def __init__(
        self,
        form: str = "classification",
        *,
        n_chunks: int = 16,
        temperature: float | Schedule = 1.0,
        first_chunk: str = "uniform",
    ) -> None:
        if n_chunks < 1:
            raise ValueError(f"n_chunks is {n_chunks}, want at least 1")
        self.form = one_of("form", form, FORMS)
        self.n_chunks = n_chunks
        self.temperature = positive_throughout("temperature", temperature)
        self.first_chunk = one_of("first_chunk", first_chunk, FIRST_CHUNKS)
        self.progress = 0.0
        self.last_report: SelectionReport | None = None

    @torch.no_grad()
    def select(self, super_batch: SuperBatch, size: int, *, generator: torch.Generator | None = None) -> Tensor:
        """As in `Selector`, in the order of drawing."""
        reads = ("losses", "reference_losses") if self.form == "classification" else PAIRWISE
        rows, self.last_report = eligible_rows(super_batch, size, reads, by=self.name)
        if size == 0:
            return rows[:0]
        start, gain = self._rule(super_batch, rows)
        first = torch.zeros_like(start) if self.first_chunk == "uniform" else start
        chosen = rows.new_empty(0)
        for chunk in chunk_sizes(size, self.n_chunks):
            logits = gain(chosen) if chosen.numel() else first  # [m]
            chosen = torch.cat([chosen, self._draw(logits, chosen, chunk, generator)])
        return rows[chosen]

    def _draw(self, logits: Tensor, chosen: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
        logits = (logits / value_at(self.temperature, self.progress)).index_fill(0, chosen, -torch.inf)
        return draw(logits, count, generator=generator)

    def _rule(self, super_batch: SuperBatch, rows: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """Learnability of each row alone, `[m]` float64, and given the places of those chosen, int64 `[n]`."""
        if self.form == "classification":
            learner = super_batch.require("losses", by=self.name)
            reference = super_batch.require("reference_losses", by=self.name)
            learnability = (learner.double() - reference.double())[rows]
            return learnability, lambda chosen: (chosen.numel() + 1) * learnability
        learner, reference = (_pairs(super_batch, name, rows, by=self.name) for name in PAIRWISE)
        if self.form == "softmax":
            alone = softmax_losses(learner) - softmax_losses(reference)
            return alone, lambda chosen: softmax_gain(learner, chosen) - softmax_gain(reference, chosen)
        if self.form == "sigmoid":
            learner, reference = sigmoid_losses(learner), sigmoid_losses(reference)
        scores = learner - reference  # [m, m]
        alone = scores.diagonal()
        return alone, lambda chosen: alone + scores[:, chosen].sum(dim=1) + scores[chosen].sum(dim=0)


def chunk_sizes(size: int, n_chunks: int) -> list[int]:
    """At most `n_chunks` positive sizes that differ by at most one, larger ones first, and sum to `size`.

    >>> from saln.selectors.jest import chunk_sizes
    >>> chunk_sizes(7, 3), chunk_sizes(2, 16)
    ([3, 2, 2], [1, 1])
    """
    n_chunks = min(n_chunks, size)
    return [size // n_chunks + (chunk < size % n_chunks) for chunk in range(n_chunks)]


def _pairs(super_batch: SuperBatch, name: str, rows: Tensor, *, by: str) -> Tensor:
    pairs = super_batch.require(name, by=by)[rows][:, rows].double()  # [m, m]
    if not bool(pairs.isfinite().all()):
        raise ValueError(f"{by}: {name} has values that are not finite between samples that are finite alone")
    return pairs
