"""Spectral scores of candidate batches, many at a time.

    features [N, d], candidates [C, b] row numbers (-1 is padding) -> eigenvalues, eigenvectors or one score a candidate

`gram`, `topk_eigvals`, `topk_eigh`, `fiedler` and `score_batches` work on candidates, `eigvalsh` and `eigh` on matrices
one already has; `greedy_logdet`, `maxvol` and `k_center` choose rows of a super-batch one after the other. Every order
is descending. `plan` says what a call would run, `build_info` what is installed.
"""

__version__ = "0.1.0"

from saln_kernels.build_info import BuildInfo, build_info
from saln_kernels.greedy import greedy_logdet, k_center, maxvol
from saln_kernels.plan import Plan, plan
from saln_kernels.results import BoundedEigh, Eigh, Eigvals, Fiedler, Greedy
from saln_kernels.scores import eigh, eigvalsh, fiedler, score_batches
from saln_kernels.spectra import gram, topk_eigh, topk_eigvals

__all__ = [
    "BoundedEigh",
    "BuildInfo",
    "Eigh",
    "Eigvals",
    "Fiedler",
    "Greedy",
    "Plan",
    "__version__",
    "build_info",
    "eigh",
    "eigvalsh",
    "fiedler",
    "gram",
    "greedy_logdet",
    "k_center",
    "maxvol",
    "plan",
    "score_batches",
    "topk_eigh",
    "topk_eigvals",
]
