"""Spectral scores of candidate batches, many at a time.

    features [N, d], candidates [C, b] row numbers (-1 is padding) -> eigenvalues, eigenvectors or one score a candidate

`gram`, `topk_eigvals`, `topk_eigh`, `fiedler` and `score_batches` work on candidates, `eigvalsh` and `eigh` on matrices
one already has. Every order is descending.
"""

from saln_kernels.api import BoundedEigh, Eigh, Eigvals, Fiedler, gram, topk_eigh, topk_eigvals
from saln_kernels.scores import eigh, eigvalsh, fiedler, score_batches

__all__ = [
    "BoundedEigh",
    "Eigh",
    "Eigvals",
    "Fiedler",
    "eigh",
    "eigvalsh",
    "fiedler",
    "gram",
    "score_batches",
    "topk_eigh",
    "topk_eigvals",
]
