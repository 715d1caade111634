"""The public functions that choose rows of super-batches greedily: check, dispatch, name the result."""

from torch import Tensor

from saln_kernels import validate
from saln_kernels.backends.dispatch import serving
from saln_kernels.results import Greedy


def greedy_logdet(
    features: Tensor,
    candidates: Tensor,
    size: int,
    *,
    similarity: str = "linear",
    center: bool = False,
    gamma: float | None = None,
    residuals: Tensor | None = None,
    quality: Tensor | None = None,
    sigma: float = 1.0,
    check_bounds: bool | None = None,
    backend: str | None = None,
) -> Greedy:
    """Rows of every super-batch that greedily maximise log det(I + K_S / sigma^2).

    The greedy choice is within 1 - 1/e of the best for sigma > 0 (Nemhauser, Wolsey & Fisher 1978); each pick costs
    one column of the matrix K of the super-batch and a step of an incremental Cholesky factorisation (Chen, Zhang &
    Zhou 2018, "Fast Greedy MAP Inference for Determinantal Point Process", algorithm 1).

    Parameters
    ----------
    features, similarity, center, gamma, residuals, quality, check_bounds, backend
        As in `gram`. K must be positive semidefinite, as every similarity but a "precomputed" one of the caller's own
        making is: what K_S leaves unexplained of a row counts as 0 where it is negative.
    candidates : Tensor
        `[C, b]` int32 or int64: a row is a super-batch; -1 is padding anywhere.
    size : int
        How many rows to choose, 0 <= size <= b.
    sigma : float
        Standard deviation of the noise, in the units of features; 0 asks for log det K_S, the most probable sample of
        a determinantal point process.

    Returns
    -------
    Greedy
        positions `[C, size]` int64 into the rows of candidates, in the order of choice, and gains `[C, size]`, what
        each choice added to the objective (>= 0 for sigma > 0); they sum to the objective. Ties go to the lowest
        position. Once nothing is left to gain up to rounding (for sigma = 0 after as many picks as K has rank) the
        lowest positions left follow, with gain 0, or -inf for sigma = 0. Rows set aside come last, lowest first, with
        gain NaN: those whose own similarity K_ii (or x_i·x_i, r_i·r_i, K_ii q_i^2) is larger than a 4n-th of the
        result dtype's largest number, so that sums over n rows would overflow. Where fewer than size rows are real the
        rest is -1 with gain 0; a candidate that holds a non-finite value or a row number out of range is -1 with gain
        NaN throughout. Not differentiable.

    Raises
    ------
    TypeError, ValueError, IndexError, RuntimeError
        As in `gram`.

    Examples
    --------
    The second row says what the first does; the third says something else:

    >>> import torch
    >>> from saln_kernels import greedy_logdet
    >>> features = torch.tensor([[3.0, 0.0], [2.9, 0.0], [0.0, 1.0]])
    >>> positions, gains = greedy_logdet(features, torch.tensor([[0, 1, 2]]), 2)
    >>> positions, gains.exp().round(decimals=3)
    (tensor([[0, 2]]), tensor([[10.,  2.]]))
    """
    problem = validate.problem(
        features,
        candidates,
        similarity=similarity,
        center=center,
        gamma=gamma,
        residuals=residuals,
        quality=quality,
        check_bounds=check_bounds,
    )
    size = validate.size(size, candidates)
    sigma = validate.noise(sigma)
    return Greedy(*serving(backend, features.device).greedy_logdet(problem, size, sigma))


def maxvol(
    features: Tensor,
    candidates: Tensor,
    size: int,
    *,
    tolerance: float = 1.05,
    max_swaps: int = 100,
    check_bounds: bool | None = None,
    backend: str | None = None,
) -> Greedy:
    """Rows of every super-batch whose leading columns span a (locally) maximal volume: fast MaxVol.

    Of the leading `size` columns A `[n, size]` of the rows, the start is one row a column: the one of largest
    magnitude in what the rows chosen so far, interpolating, leave of that column (the pivots of A = P L U; the nested
    choice of GRAFT, Jha et al. 2025, arXiv 2508.13653, which calls for low-rank features, columns in order of
    importance, as an SVD gives them). Then, while a row outside multiplies the volume |det A_S| by more than
    `tolerance` if it takes the place of one inside, the best such pair is swapped (Goreinov et al. 2010, "How to find
    a good submatrix").

    Parameters
    ----------
    features, check_bounds, backend
        As in `gram`.
    candidates : Tensor
        `[C, b]` int32 or int64: a row is a super-batch; -1 is padding anywhere.
    size : int
        How many rows to choose, and columns to use: 0 <= size <= min(b, d).
    tolerance : float
        A swap must multiply the volume by more than this; at least 1.
    max_swaps : int
        The most swaps made in a super-batch; 0 leaves the nested choice as it is.

    Returns
    -------
    Greedy
        positions `[C, size]` int64 into the rows of candidates and gains `[C, size]`: the logarithm of the pivot, and
        of the factor of every swap into this place; they sum to log |det A_S|. Ties go to the lowest position. A
        column that holds nothing new up to rounding is passed over; the lowest positions left fill the places of such
        columns, at the end, with gain -inf. Rows that hold a number larger than a 4n-th of the result dtype's largest
        come last, lowest first, with gain NaN. Where fewer than size rows are real the rest is -1 with gain 0; a
        candidate that holds a non-finite value in these columns or a row number out of range is -1 with gain NaN
        throughout. Not differentiable.

    Raises
    ------
    TypeError, ValueError, IndexError, RuntimeError
        As in `gram`.

    Examples
    --------
    >>> import torch
    >>> from saln_kernels import maxvol
    >>> features = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-2.0, 1.0], [1.0, 3.0]])
    >>> positions, gains = maxvol(features, torch.tensor([[0, 1, 2, 3]]), 2)
    >>> positions, gains.sum().exp().round(decimals=3)  # |det [[-2, 1], [1, 3]]|
    (tensor([[2, 3]]), tensor(7.))
    """
    problem = validate.problem(features, candidates, check_bounds=check_bounds)
    size = validate.size(size, candidates)
    if size > features.shape[1]:
        raise ValueError(
            f"size is {size}; wanted at most the {features.shape[1]} columns of features, one a row chosen"
        )
    tolerance, max_swaps = validate.swaps(tolerance, max_swaps)
    return Greedy(*serving(backend, features.device).maxvol(problem, size, tolerance, max_swaps))


def k_center(
    features: Tensor,
    candidates: Tensor,
    size: int,
    *,
    similarity: str = "linear",
    start: int | Tensor | None = None,
    check_bounds: bool | None = None,
    backend: str | None = None,
) -> Greedy:
    """Rows of every super-batch by farthest-first traversal (Gonzalez 1985): each the farthest from those before it.

    Its largest distance from any row to the nearest chosen one is at most twice the smallest possible. Only distances
    to the row just chosen are computed: no matrix of size b x b or size x b.

    Parameters
    ----------
    features, check_bounds, backend
        As in `gram`.
    candidates : Tensor
        `[C, b]` int32 or int64: a row is a super-batch; -1 is padding anywhere.
    size : int
        How many rows to choose, 0 <= size <= b.
    similarity : str
        "linear": Euclidean distance between rows; "cosine": between rows scaled to unit norm, so 2 - 2 cos is its
        square; an all-zero row stays zero.
    start : int or Tensor, optional
        Where to begin: a position in the rows of candidates, 0 <= start < b, or `[C]` int32 or int64 of them; the
        first real row from there on that is not set aside, around the end. 0 by default.

    Returns
    -------
    Greedy
        positions `[C, size]` int64 into the rows of candidates, in the order of choice, and gains `[C, size]`, the
        squared distance to the rows chosen before, inf for the first. Ties go to the lowest position. Of "linear", rows
        whose x_i·x_i is larger than a 4n-th of the result dtype's largest number come last, lowest first, with gain
        NaN. Where fewer than size rows are real the rest is -1 with gain 0; a candidate that holds a non-finite value,
        a row number out of range or a start out of range (checked as row numbers are) is -1 with gain NaN throughout.
        Not differentiable.

    Raises
    ------
    TypeError, ValueError, IndexError, RuntimeError
        As in `gram`.

    Examples
    --------
    >>> import torch
    >>> from saln_kernels import k_center
    >>> features = torch.tensor([[0.0], [1.0], [5.0], [9.0]])
    >>> k_center(features, torch.tensor([[0, 1, 2, 3]]), 3)
    Greedy(positions=tensor([[0, 3, 2]]), gains=tensor([[inf, 81., 16.]]))
    """
    validate.choice("similarity", similarity, ("linear", "cosine"))
    problem = validate.problem(features, candidates, similarity=similarity, check_bounds=check_bounds)
    size = validate.size(size, candidates)
    starts = validate.starts(start, candidates, check_bounds)
    return Greedy(*serving(backend, features.device).k_center(problem, size, starts))
