"""The public functions that reduce a candidate to one number, and those on matrices one already has."""

from torch import Tensor

from saln_kernels import validate
from saln_kernels.backends.dispatch import serving
from saln_kernels.results import Eigh, Fiedler


def fiedler(
    features: Tensor,
    candidates: Tensor,
    *,
    similarity: str = "cosine",
    laplacian: str | None = None,
    negative: str = "clamp",
    center: bool = False,
    gamma: float | None = None,
    residuals: Tensor | None = None,
    quality: Tensor | None = None,
    solver: str = "auto",
    n_iter: int | None = None,
    seed: int = 0,
    check_bounds: bool | None = None,
    backend: str | None = None,
) -> Fiedler:
    """Fiedler value and vector of every candidate's graph Laplacian (Fiedler 1973).

    Parameters
    ----------
    features, candidates, similarity, laplacian, negative, center, gamma, residuals, quality, solver, n_iter, seed, \
check_bounds, backend
        As in `topk_eigvals`; laplacian None is "unnormalized" here.

    Returns
    -------
    Fiedler
        value `[C]`, vector `[C, b]` and residual `[C]`, the norm ||L v - value v||. The trivial vector (1, or D^1/2 1
        of the symmetric Laplacian) is deflated explicitly, so the pair is the smallest of the rest even where L is
        indefinite. Value and vector are 0 where fewer than two rows are real. The value is differentiable, the vector
        is not; its sign is that of `topk_eigh`.

    Raises
    ------
    TypeError, ValueError, IndexError, RuntimeError
        As in `gram`.

    Examples
    --------
    Two pairs of samples, joined by nothing:

    >>> import torch
    >>> from saln_kernels import fiedler
    >>> features = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    >>> value, vector, residual = fiedler(features, torch.tensor([[0, 1, 2, 3]]))
    >>> bool(value < 1e-6), bool(vector[0, 0] * vector[0, 1] > 0), bool(vector[0, 0] * vector[0, 2] < 0)
    (True, True, True)
    """
    problem = validate.problem(
        features,
        candidates,
        similarity=similarity,
        center=center,
        gamma=gamma,
        residuals=residuals,
        quality=quality,
        laplacian=laplacian,
        negative=negative,
        check_bounds=check_bounds,
        graph=True,
    )
    validate.order(problem, values_only=False)
    options = validate.solver_options(solver, n_iter, seed)
    return Fiedler(*serving(backend, features.device).fiedler(problem, *options))


def score_batches(
    features: Tensor,
    candidates: Tensor,
    criterion: str = "effective_rank",
    *,
    k: int | None = None,
    q: float = 1.0,
    sigma: float = 1.0,
    similarity: str = "linear",
    center: bool = False,
    gamma: float | None = None,
    residuals: Tensor | None = None,
    quality: Tensor | None = None,
    laplacian: str | None = None,
    negative: str = "clamp",
    solver: str = "auto",
    n_iter: int | None = None,
    seed: int = 0,
    check_bounds: bool | None = None,
    backend: str | None = None,
) -> Tensor:
    """A spectral criterion of every candidate batch: how much independent information it holds.

    Parameters
    ----------
    features, candidates, similarity, center, gamma, residuals, quality, laplacian, negative, solver, n_iter, seed, \
check_bounds, backend
        As in `topk_eigvals`; `algebraic_connectivity` takes laplacian None as "unnormalized".
    criterion : str
        A name in `saln_kernels.criteria.CRITERIA`, which holds the formula and paper of each, as docs/design.md does.
    k : int, optional
        Of `energy`: how many eigenvalues count, min(8, b) by default. Others ignore it.
    q : float
        Of `vendi`: the order, 0 to math.inf. Others ignore it.
    sigma : float
        Of `logdet`: the noise's standard deviation, in the units of features. Others ignore it.

    Returns
    -------
    Tensor
        `[C]`, float64 for float64 features, else float32; 0 for a candidate whose matrix is zero or that has no real
        row. Differentiable with respect to features, residuals and quality.

    Raises
    ------
    TypeError, ValueError, IndexError, RuntimeError
        As in `gram`.

    Examples
    --------
    Two orthogonal samples hold twice what two equal ones do:

    >>> import torch
    >>> from saln_kernels import score_batches
    >>> features = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    >>> score_batches(features, torch.tensor([[0, 1], [0, 2]])).round(decimals=3)
    tensor([2., 1.])
    """
    problem = validate.problem(
        features,
        candidates,
        similarity=similarity,
        center=center,
        gamma=gamma,
        residuals=residuals,
        quality=quality,
        laplacian=laplacian,
        negative=negative,
        check_bounds=check_bounds,
        graph=validate.needs_graph(criterion),
    )
    validate.order(problem, values_only=True)
    what = validate.criterion(criterion, k, q, sigma, candidates.shape[1])
    options = validate.solver_options(solver, n_iter, seed)
    return serving(backend, features.device).score(problem, *what, *options)


def eigvalsh(matrices: Tensor, k: int | None = None, *, backend: str | None = None) -> Tensor:
    """Eigenvalues of many small symmetric matrices, descending.

    Parameters
    ----------
    matrices : Tensor
        `[C, b, b]` float32, float64, bfloat16 or float16; only the lower triangle is read, as in torch.linalg.
    k : int, optional
        Only the k largest, 1 <= k <= b; all if None.
    backend : str, optional
        As in `gram`.

    Returns
    -------
    Tensor
        `[C, k]`, descending (torch.linalg ascends), float64 for float64 matrices, else float32; differentiable.
        A matrix with a non-finite entry gives NaN.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As in `gram`.

    Examples
    --------
    >>> import torch
    >>> from saln_kernels import eigvalsh
    >>> eigvalsh(torch.tensor([[[2.0, 1.0], [1.0, 2.0]]])).round(decimals=3)
    tensor([[3., 1.]])
    """
    k = validate.matrices(matrices, k)
    return serving(backend, matrices.device).matrix_eigvals(matrices, k)


def eigh(matrices: Tensor, k: int | None = None, *, backend: str | None = None) -> Eigh:
    """Eigenvalues and eigenvectors of many small symmetric matrices, descending.

    Parameters
    ----------
    matrices, k, backend
        As in `eigvalsh`.

    Returns
    -------
    Eigh
        values `[C, k]` descending and vectors `[C, b, k]`, with the norm and sign of `topk_eigh`. The values are
        differentiable, the vectors are not.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As in `gram`.

    Examples
    --------
    >>> import torch
    >>> from saln_kernels import eigh
    >>> values, vectors = eigh(torch.tensor([[[2.0, 0.0], [0.0, 5.0]]]))
    >>> values.round(decimals=3), vectors.abs().round(decimals=3)
    (tensor([[5., 2.]]), tensor([[[0., 1.],
             [1., 0.]]]))
    """
    k = validate.matrices(matrices, k)
    return Eigh(*serving(backend, matrices.device).matrix_eigh(matrices, k))
