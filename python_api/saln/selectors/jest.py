"""JEST: a batch drawn in chunks, each by how learnable it is together with what is already chosen."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from saln.selectors.base import Offer, Selector
from saln.selectors.registry import register
from saln.selectors.support.choices import at_least, one_of
from saln.selectors.support.contrastive import sigmoid_losses, softmax_gain, softmax_losses
from saln.selectors.support.schedule import Schedule, positive_throughout, value_at

FORMS = ("classification", "pairwise", "sigmoid", "softmax")
FIRST_CHUNKS = ("uniform", "learnability")
PAIRWISE = ("learner_scores", "reference_scores")


@register
class JEST(Selector):
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

    name = "jest"
    description = "joint learnability, drawn in chunks; learner minus reference loss"
    paper = "Evans et al. 2024, arXiv 2406.17711"
    chooses_all = True

    def __init__(
        self,
        form: str = "classification",
        *,
        n_chunks: int = 16,
        temperature: float | Schedule = 1.0,
        first_chunk: str = "uniform",
    ) -> None:
        self.form = one_of("form", form, FORMS)
        self.n_chunks = at_least("n_chunks", n_chunks, 1)
        self.temperature = positive_throughout("temperature", temperature)
        self.first_chunk = one_of("first_chunk", first_chunk, FIRST_CHUNKS)

    @property
    def reads(self) -> tuple[str, ...]:
        """As in `Selector`."""
        return ("losses", "reference_losses") if self.form == "classification" else PAIRWISE

    def _choose(self, offer: Offer, size: int) -> Tensor:
        start, gain = self._rule(offer)
        first = torch.zeros_like(start) if self.first_chunk == "uniform" else start
        chosen = torch.empty(0, dtype=torch.int64, device=offer.device)
        for chunk in chunk_sizes(size, self.n_chunks):
            logits = gain(chosen) if chosen.numel() else first  # [m]
            logits = (logits / value_at(self.temperature, self.progress)).index_fill(0, chosen, -torch.inf)
            chosen = torch.cat([chosen, offer.draw(logits, chunk)])
        return chosen

    def _rule(self, offer: Offer) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """Learnability of each row alone, `[m]` float64, and given the places of those chosen, int64 `[n]`."""
        if self.form == "classification":
            learnability = offer["losses"].double() - offer["reference_losses"].double()
            return learnability, lambda chosen: (chosen.numel() + 1) * learnability
        learner, reference = (_pairs(offer, name) for name in PAIRWISE)
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


def _pairs(offer: Offer, name: str) -> Tensor:
    pairs = offer[name].double()  # [m, m]
    if not bool(pairs.isfinite().all()):
        raise ValueError(f"{offer.by}: {name} has values that are not finite between samples that are finite alone")
    return pairs
