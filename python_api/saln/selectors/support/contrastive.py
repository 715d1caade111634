"""Contrastive losses of two-tower models, by pair and by the growth of a batch.

Logits are `[m, m]`, with the matches on the diagonal.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus


def sigmoid_losses(logits: Tensor) -> Tensor:
    """-log σ(x_ii) on the diagonal, -log σ(-x_ij) off it, `[m, m]`; a batch's loss is the sum over its pairs.

    Zhai, Mustafa, Kolesnikov & Beyer 2023 (arXiv 2303.15343), without the division by the batch size.

    >>> import torch
    >>> from saln.selectors.support.contrastive import sigmoid_losses
    >>> sigmoid_losses(torch.zeros(2, 2))
    tensor([[0.6931, 0.6931],
            [0.6931, 0.6931]])
    """
    diagonal = torch.eye(logits.shape[0], dtype=torch.bool, device=logits.device)
    return softplus(torch.where(diagonal, -logits, logits))


def softmax_losses(logits: Tensor) -> Tensor:
    """Each sample's softmax contrastive loss `[m]`, half over its row and half over its column.

    Radford et al. 2021 (arXiv 2103.00020); a batch's loss is the sum, without the division by the batch size.

    >>> import torch
    >>> from saln.selectors.support.contrastive import softmax_losses
    >>> softmax_losses(torch.zeros(2, 2))
    tensor([0.6931, 0.6931])
    """
    return (logits.logsumexp(dim=1) + logits.logsumexp(dim=0)) / 2 - logits.diagonal()


def softmax_gain(logits: Tensor, chosen: Tensor) -> Tensor:
    """How much the softmax contrastive loss of the `chosen` `[n]` grows when one sample joins, for each of m: `[m]`.

    Exact, O(m n): the log-sum-exp of every chosen row and column takes in one more term, and the new sample brings its
    own row and column. Entries of the chosen themselves mean nothing.

    >>> import torch
    >>> from saln.selectors.support.contrastive import softmax_gain
    >>> softmax_gain(torch.zeros(3, 3), torch.tensor([0]))[1:]  # from log 1 to 2 log 2
    tensor([1.3863, 1.3863])
    """
    return (_row_gain(logits, chosen) + _row_gain(logits.mT, chosen)) / 2


def _row_gain(logits: Tensor, chosen: Tensor) -> Tensor:
    inside = logits[chosen][:, chosen].logsumexp(dim=1)  # [n]
    joined = logits[chosen]  # [n, m], of chosen row i the term that sample j would add
    growth = softplus(joined - inside.unsqueeze(1)).sum(dim=0)  # log(e^a + e^x) - a
    own = logits.diagonal()
    return growth + torch.logaddexp(logits[:, chosen].logsumexp(dim=1), own) - own
