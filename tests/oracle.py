"""The contract of docs/design.md once more, in numpy and scipy, one candidate at a time, sharing no code."""

import math

import numpy as np
import scipy.linalg
import scipy.special


def matrix(
    features,
    rows,
    *,
    similarity="linear",
    center=False,
    gamma=None,
    residuals=None,
    quality=None,
    laplacian=None,
    negative="clamp",
):
    """The matrix [n, n] of a candidate's real rows, and the degrees [n] of a Laplacian."""
    rows = [row for row in rows if row != -1]
    n = len(rows)
    k = np.zeros((n, n))
    gamma = 1 / features.shape[1] if gamma is None else gamma
    for i, row in enumerate(rows):
        for j, column in enumerate(rows):
            x, y = features[row], features[column]
            if similarity == "precomputed":
                k[i, j] = features[row, column]
            elif similarity == "rbf":
                k[i, j] = math.exp(-gamma * float(np.sum((x - y) ** 2)))
            elif similarity == "cosine":
                lengths = np.linalg.norm(x) * np.linalg.norm(y)
                k[i, j] = float(x @ y) / lengths if lengths else 0.0
            else:
                k[i, j] = float(x @ y)
                if similarity == "gradient":
                    k[i, j] *= float(residuals[row] @ residuals[column])
    if center and n:
        h = np.eye(n) - 1 / n
        k = h @ k @ h
    if quality is not None:
        k = np.diag(quality[rows]) @ k @ np.diag(quality[rows])
    if laplacian is None:
        return k, None
    w = k - np.diag(np.diag(k))
    off = ~np.eye(n, dtype=bool)
    if negative == "clamp":
        w = np.maximum(w, 0)
    elif negative == "shift" and n > 1:
        w[off] -= min(0.0, w[off].min())
    degrees = w.sum(axis=1)
    if laplacian == "unnormalized":
        return np.diag(degrees) - w, degrees
    scale = np.array([1 / math.sqrt(degree) if degree > 0 else 0.0 for degree in degrees])
    return np.diag((degrees > 0).astype(float)) - scale[:, None] * w * scale[None, :], degrees


def spectrum(k):
    """Eigenvalues [n], descending."""
    return scipy.linalg.eigh(k, eigvals_only=True)[::-1].copy() if len(k) else np.zeros(0)


def fiedler_value(laplacian, degrees, kind):
    """Smallest eigenvalue on the complement of the trivial vector."""
    n = len(laplacian)
    if n < 2:
        return 0.0
    trivial = np.sqrt(degrees) if kind == "symmetric" and degrees.any() else np.ones(n)
    basis = scipy.linalg.null_space(trivial[None, :])
    return float(scipy.linalg.eigh(basis.T @ laplacian @ basis, eigvals_only=True)[0])


def criterion(name, k, *, top=8, q=1.0, sigma=1.0, eps=2.0**-23):
    """A criterion of the matrix k [n, n] of a candidate's real rows; eps is that of the result."""
    n = len(k)
    if n == 0 or not k.any():
        return 0.0
    values = spectrum(k)
    trace, frobenius = np.trace(k), np.linalg.norm(k)
    positive = values[values > max(values[0], 0) * (8 + 4 * math.sqrt(n)) * eps]
    if name in ("effective_rank", "vendi") and not len(positive):
        return 0.0
    p = positive / positive.sum()
    if name == "effective_rank":
        return math.exp(-float(p @ np.log(p)))
    if name == "energy":
        return values[:top].sum() / trace
    if name == "vendi":
        if q == 0:
            return float(len(p))
        if q == 1:
            return math.exp(-float(p @ np.log(p)))
        if q == math.inf:
            return 1 / p.max()
        if abs(q - 1) < 0.5:  # the sum is nearly 1: p^q = p + p ((p^(q-1)) - 1)
            return math.exp(math.log1p(float(p @ np.expm1((q - 1) * np.log(p)))) / (1 - q))
        return math.exp(scipy.special.logsumexp(q * np.log(p)) / (1 - q))
    if name == "participation_ratio":
        return trace**2 / frobenius**2
    if name == "eigenvalue_variance":
        return float(np.linalg.norm(k - trace / n * np.eye(n)) ** 2 / n)
    if name == "stable_rank":
        return trace / values[0]
    if name == "spectral_gap":
        return (values[0] - (values[1] if n > 1 else 0.0)) / trace
    if name == "nuclear_norm":
        return float(np.sqrt(positive).sum())
    if name == "logdet":
        sign, value = np.linalg.slogdet(np.eye(n) + k / sigma**2)
        return float(value) if sign > 0 and values[-1] > -(sigma**2) else math.nan
    raise KeyError(name)
