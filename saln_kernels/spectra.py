"""The public functions on candidates: check, dispatch, name the results. Nothing is computed here."""

from typing import Literal, overload

from torch import Tensor

from saln_kernels import validate
from saln_kernels.backends.dispatch import serving
from saln_kernels.results import BoundedEigh, Eigh, Eigvals


def gram(
    features: Tensor,
    candidates: Tensor,
    *,
    similarity: str = "linear",
    center: bool = False,
    gamma: float | None = None,
    residuals: Tensor | None = None,
    quality: Tensor | None = None,
    check_bounds: bool | None = None,
    backend: str | None = None,
) -> Tensor:
    """Gram (similarity) matrix of every candidate batch.

    Parameters
    ----------
    features : Tensor
        `[N, d]` float32, float64, bfloat16 or float16, any strides; for `similarity="precomputed"` the symmetric
        `[N, N]` matrix itself.
    candidates : Tensor
        `[C, b]` int32 or int64 row numbers into features, on the same device; -1 is padding anywhere in a row.
    similarity : str
        "linear" x_i.x_j, "cosine", "rbf" exp(-gamma |x_i - x_j|^2), "precomputed" features[i, j], or "gradient"
        (r_i.r_j)(x_i.x_j), the Gram matrix of last-layer gradients for residuals r = softmax - onehot and
        penultimate activations x.
    center : bool
        K becomes H K H, H = I - 11'/n over the n real rows of the candidate.
    gamma : float, optional
        Of `rbf` only; 1/d by default.
    residuals : Tensor, optional
        `[N, c]`, of `gradient` only.
    quality : Tensor, optional
        `[N]`; K_ij becomes q_i K_ij q_j (the quality-diversity form of Kulesza & Taskar 2012, section 3.1).
    check_bounds : bool, optional
        Whether to raise for row numbers outside features. None: where that needs no synchronisation, so on the CPU,
        and not inside torch.compile. Unchecked, the candidate that holds such a number is NaN.
    backend : str, optional
        "cpu", "cuda", "triton" or "reference"; if None, by device: "cpu", and on GPUs "cuda", else "triton".

    Returns
    -------
    Tensor
        `[C, b, b]`, float64 for float64 features, else float32; rows and columns of padding are zero. A candidate
        that holds a non-finite value is NaN throughout.

    Raises
    ------
    TypeError
        An argument of the wrong kind or dtype; numpy arrays and lists too.
    ValueError
        An argument of the wrong shape, value or device.
    IndexError
        A row number outside features (see `check_bounds`).
    RuntimeError
        The native library is not built, or no backend serves this device.

    Examples
    --------
    >>> import torch
    >>> from saln_kernels import gram
    >>> features = torch.tensor([[3.0, 4.0], [0.0, 2.0], [1.0, 0.0]])
    >>> gram(features, torch.tensor([[0, 1], [2, -1]]))
    tensor([[[25.,  8.],
             [ 8.,  4.]],
    <BLANKLINE>
            [[ 1.,  0.],
             [ 0.,  0.]]])
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
    validate.order(problem, values_only=False)
    return serving(backend, features.device).gram(problem)


@overload
def topk_eigvals(
    features: Tensor,
    candidates: Tensor,
    k: int,
    *,
    similarity: str = ...,
    center: bool = ...,
    gamma: float | None = ...,
    residuals: Tensor | None = ...,
    quality: Tensor | None = ...,
    laplacian: str | None = ...,
    negative: str = ...,
    solver: str = ...,
    n_iter: int | None = ...,
    seed: int = ...,
    return_bounds: Literal[False] = ...,
    check_bounds: bool | None = ...,
    backend: str | None = ...,
) -> Tensor: ...
@overload
def topk_eigvals(
    features: Tensor,
    candidates: Tensor,
    k: int,
    *,
    similarity: str = ...,
    center: bool = ...,
    gamma: float | None = ...,
    residuals: Tensor | None = ...,
    quality: Tensor | None = ...,
    laplacian: str | None = ...,
    negative: str = ...,
    solver: str = ...,
    n_iter: int | None = ...,
    seed: int = ...,
    return_bounds: Literal[True],
    check_bounds: bool | None = ...,
    backend: str | None = ...,
) -> Eigvals: ...
def topk_eigvals(
    features: Tensor,
    candidates: Tensor,
    k: int,
    *,
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
    return_bounds: bool = False,
    check_bounds: bool | None = None,
    backend: str | None = None,
) -> Tensor | Eigvals:
    """The k largest eigenvalues of every candidate's matrix.

    Parameters
    ----------
    features, candidates, similarity, center, gamma, residuals, quality, check_bounds, backend
        As in `gram`.
    k : int
        How many, 1 <= k <= b. Where k exceeds the n real rows of a candidate, zeros follow its n eigenvalues, below
        negative ones too.
    laplacian : str, optional
        "unnormalized" D - W or "symmetric" I - D^-1/2 W D^-1/2 of the similarities without their diagonal.
    negative : str
        What becomes of negative weights: "clamp" to 0, "shift" all of the candidate's until none is negative, or
        "keep" (not with "symmetric", whose degrees would be negative).
    solver : str
        "exact", "randomized" (Lanczos with full reorthogonalisation), or "auto": the cheaper by the plan's cost model
        where its answer is as good.
    n_iter : int, optional
        Lanczos steps; chosen by the plan if None.
    seed : int
        Of the random start, the same for every candidate. 0 <= seed < 2**63.
    return_bounds : bool
        Also return rigorous error bounds.

    Returns
    -------
    Tensor or Eigvals
        values `[C, k]`, descending, float64 for float64 features, else float32; differentiable with respect to
        features, residuals and quality (d lambda_i = v_i' dK v_i). With `return_bounds` also bounds `[C, k]`:
        |lambda_i - values_i| <= bounds_i for the spectrum lambda in exact arithmetic of the given features.

    Raises
    ------
    TypeError, ValueError, IndexError, RuntimeError
        As in `gram`.

    Examples
    --------
    >>> import torch
    >>> from saln_kernels import topk_eigvals
    >>> features = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
    >>> topk_eigvals(features, torch.tensor([[0, 1, 2]]), 2).round(decimals=3)
    tensor([[10.,  4.]])
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
    )
    validate.order(problem, values_only=True)
    k = validate.top(k, candidates.shape[1])
    options = validate.solver_options(solver, n_iter, seed)
    validate.flag("return_bounds", return_bounds)
    values, bounds = serving(backend, features.device).eigvals(problem, k, *options)
    return Eigvals(values, bounds) if return_bounds else values


@overload
def topk_eigh(
    features: Tensor,
    candidates: Tensor,
    k: int,
    *,
    similarity: str = ...,
    center: bool = ...,
    gamma: float | None = ...,
    residuals: Tensor | None = ...,
    quality: Tensor | None = ...,
    laplacian: str | None = ...,
    negative: str = ...,
    solver: str = ...,
    n_iter: int | None = ...,
    seed: int = ...,
    return_bounds: Literal[False] = ...,
    check_bounds: bool | None = ...,
    backend: str | None = ...,
) -> Eigh: ...
@overload
def topk_eigh(
    features: Tensor,
    candidates: Tensor,
    k: int,
    *,
    similarity: str = ...,
    center: bool = ...,
    gamma: float | None = ...,
    residuals: Tensor | None = ...,
    quality: Tensor | None = ...,
    laplacian: str | None = ...,
    negative: str = ...,
    solver: str = ...,
    n_iter: int | None = ...,
    seed: int = ...,
    return_bounds: Literal[True],
    check_bounds: bool | None = ...,
    backend: str | None = ...,
) -> BoundedEigh: ...
def topk_eigh(
    features: Tensor,
    candidates: Tensor,
    k: int,
    *,
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
    return_bounds: bool = False,
    check_bounds: bool | None = None,
    backend: str | None = None,
) -> Eigh | BoundedEigh:
    """The k largest eigenvalues of every candidate's matrix, with their eigenvectors.

    Parameters
    ----------
    features, candidates, k, similarity, center, gamma, residuals, quality, laplacian, negative, solver, n_iter, seed, \
return_bounds, check_bounds, backend
        As in `topk_eigvals`.

    Returns
    -------
    Eigh or BoundedEigh
        values `[C, k]` descending and vectors `[C, b, k]`, one column an eigenvector, of unit norm, its entry of
        largest magnitude (the first such) positive, its entries at padding zero; vectors from the n-th on, which
        belong to padding, are zero. With `return_bounds` also bounds `[C, k]`. The values are differentiable, the
        vectors are not.

    Raises
    ------
    TypeError, ValueError, IndexError, RuntimeError
        As in `gram`.

    Examples
    --------
    >>> import torch
    >>> from saln_kernels import topk_eigh
    >>> features = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
    >>> values, vectors = topk_eigh(features, torch.tensor([[0, 1, 2]]), 1)
    >>> vectors.squeeze().round(decimals=3).abs()
    tensor([0.0000, 0.3160, 0.9490])
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
    )
    validate.order(problem, values_only=False)
    k = validate.top(k, candidates.shape[1])
    options = validate.solver_options(solver, n_iter, seed)
    validate.flag("return_bounds", return_bounds)
    values, vectors, bounds = serving(backend, features.device).eigh(problem, k, *options)
    return BoundedEigh(values, vectors, bounds) if return_bounds else Eigh(values, vectors)
