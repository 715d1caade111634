"""The criteria: what each one is, where it comes from, and what it needs of a candidate's spectrum.

Only formulas live here. `reference` evaluates them on exact eigenvalues, the backward pass differentiates them, and
the native code implements the same table without always computing the eigenvalues.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Needs = Literal["all eigenvalues", "top-k", "frobenius", "cholesky", "fiedler"]

# Arguments: eigenvalues [.., n] descending and not all zero, k, parameter (q or sigma), eps of the result's dtype.
Formula = Callable[[Tensor, int, float, float], Tensor]
# Arguments: the same eigenvalues, the criterion of them [..], k, parameter.
Slope = Callable[[Tensor, Tensor, int, float], Tensor]


@dataclass(frozen=True)
class Criterion:
    """One row of the table of criteria."""

    name: str
    formula: str
    paper: str
    needs: Needs
    parameter: Literal["", "q", "sigma"]
    evaluate: Formula  # -> [..]
    slope: Slope  # -> [.., n], derivative with respect to every eigenvalue


def evaluate(name: str, values: Tensor, k: int, parameter: float, eps: float) -> Tensor:
    """Evaluate a criterion on the real eigenvalues of candidates of one size.

    Parameters
    ----------
    name : str
        A key of `CRITERIA`.
    values : Tensor
        `[.., n]`, descending, n >= 1.
    k : int
        How many eigenvalues `energy` adds up; larger than n means n.
    parameter : float
        q of `vendi`, sigma of `logdet`; others ignore it.
    eps : float
        Machine epsilon of the result's dtype: below n * eps * largest an eigenvalue counts as zero (`vendi` of q=0).

    Returns
    -------
    Tensor
        `[..]`; 0 where every eigenvalue is 0, and for `effective_rank` and `vendi` where none is positive.
    """
    zero = (values == 0).all(dim=-1)
    # The formulas divide by the trace; ones keep the masked branch, and so its gradient, finite.
    safe = torch.where(zero.unsqueeze(-1), torch.ones_like(values), values)
    score = CRITERIA[name].evaluate(safe, k, parameter, eps)
    return torch.where(zero, torch.zeros_like(score), score)


def slope(name: str, values: Tensor, k: int, parameter: float, eps: float) -> Tensor:
    """The derivative `[.., n]` of `evaluate` with respect to values.

    By hand and not by autograd, because the backward ops run below autograd. Where an eigenvalue is 0 under a
    logarithm or root the infinite term is left out; `vendi` of q=0 counts, so its derivative is 0.
    """
    zero = (values == 0).all(dim=-1, keepdim=True)
    safe = torch.where(zero, torch.ones_like(values), values)
    criterion = CRITERIA[name]
    score = criterion.evaluate(safe, k, parameter, eps).unsqueeze(-1)
    return torch.where(zero, torch.zeros_like(values), criterion.slope(safe, score, k, parameter))


def _log(p: Tensor) -> Tensor:
    positive = p > 0
    return torch.where(positive, torch.where(positive, p, torch.ones_like(p)).log(), torch.zeros_like(p))


def _xlogx(p: Tensor) -> Tensor:
    positive = p > 0
    safe = torch.where(positive, p, torch.ones_like(p))
    return torch.where(positive, safe * safe.log(), torch.zeros_like(p))


def _power(p: Tensor, exponent: float) -> Tensor:
    positive = p > 0
    safe = torch.where(positive, p, torch.ones_like(p))
    return torch.where(positive, safe**exponent, torch.zeros_like(p))


def _effective_rank(values: Tensor, k: int, parameter: float, eps: float) -> Tensor:
    positive = values.clamp(min=0)
    total = positive.sum(dim=-1, keepdim=True)
    none = total == 0
    p = positive / torch.where(none, torch.ones_like(total), total)
    rank = (-_xlogx(p).sum(dim=-1)).exp()
    return torch.where(none.squeeze(-1), torch.zeros_like(rank), rank)


def _energy(values: Tensor, k: int, parameter: float, eps: float) -> Tensor:
    return values[..., :k].sum(dim=-1) / values.sum(dim=-1)


def _vendi(values: Tensor, k: int, parameter: float, eps: float) -> Tensor:
    score = _hill_number(values, parameter, eps)
    return torch.where(values[..., 0] > 0, score, torch.zeros_like(score))


def _hill_number(values: Tensor, parameter: float, eps: float) -> Tensor:
    """The exponential of the Renyi entropy of order parameter; one eigenvalue must be positive."""
    n = values.shape[-1]
    if parameter == 0:
        count = (values > n * eps * values[..., :1]).sum(dim=-1)
        return count.to(values.dtype) + 0 * values.sum(dim=-1)
    if math.isinf(parameter):
        return n / values[..., 0]
    p = values.clamp(min=0) / n
    if parameter == 1:
        return (-_xlogx(p).sum(dim=-1)).exp()
    return _power(p, parameter).sum(dim=-1) ** (1 / (1 - parameter))


def _participation_ratio(values: Tensor, k: int, parameter: float, eps: float) -> Tensor:
    return values.sum(dim=-1).square() / values.square().sum(dim=-1)


def _eigenvalue_variance(values: Tensor, k: int, parameter: float, eps: float) -> Tensor:
    return (values - values.mean(dim=-1, keepdim=True)).square().mean(dim=-1)


def _stable_rank(values: Tensor, k: int, parameter: float, eps: float) -> Tensor:
    return values.sum(dim=-1) / values[..., 0]


def _spectral_gap(values: Tensor, k: int, parameter: float, eps: float) -> Tensor:
    second = values[..., 1] if values.shape[-1] > 1 else torch.zeros_like(values[..., 0])
    return (values[..., 0] - second) / values.sum(dim=-1)


def _nuclear_norm(values: Tensor, k: int, parameter: float, eps: float) -> Tensor:
    return _power(values, 0.5).sum(dim=-1)


def _logdet(values: Tensor, k: int, parameter: float, eps: float) -> Tensor:
    return torch.log1p(values / parameter**2).sum(dim=-1)


def _first(values: Tensor, count: int) -> Tensor:
    """1 for the leading eigenvalues, 0 for the others."""
    return (torch.arange(values.shape[-1], device=values.device) < count).to(values.dtype)


def _effective_rank_slope(values: Tensor, score: Tensor, k: int, parameter: float) -> Tensor:
    positive = values.clamp(min=0)
    total = positive.sum(dim=-1, keepdim=True)
    total = torch.where(total == 0, torch.ones_like(total), total)
    p = positive / total
    singular = torch.where(p > 0, _log(p) + 1, torch.zeros_like(p))
    return torch.where(values < 0, torch.zeros_like(p), -score * (singular + _log(score) - 1) / total)


def _energy_slope(values: Tensor, score: Tensor, k: int, parameter: float) -> Tensor:
    return (_first(values, k) - score) / values.sum(dim=-1, keepdim=True)


def _vendi_slope(values: Tensor, score: Tensor, k: int, parameter: float) -> Tensor:
    n = values.shape[-1]
    if parameter == 0:
        return torch.zeros_like(values)
    if math.isinf(parameter):
        return -_first(values, 1) * score / values[..., :1]
    p = values.clamp(min=0) / n
    if parameter == 1:
        return torch.where(p > 0, -score * (_log(p) + 1) / n, torch.zeros_like(p))
    total = _power(p, parameter).sum(dim=-1, keepdim=True)
    return parameter / (1 - parameter) * score / total * _power(p, parameter - 1) / n


def _participation_ratio_slope(values: Tensor, score: Tensor, k: int, parameter: float) -> Tensor:
    trace, square = values.sum(dim=-1, keepdim=True), values.square().sum(dim=-1, keepdim=True)
    return 2 * (trace - score * values) / square


def _eigenvalue_variance_slope(values: Tensor, score: Tensor, k: int, parameter: float) -> Tensor:
    return 2 * (values - values.mean(dim=-1, keepdim=True)) / values.shape[-1]


def _stable_rank_slope(values: Tensor, score: Tensor, k: int, parameter: float) -> Tensor:
    return (1 - _first(values, 1) * score) / values[..., :1]


def _spectral_gap_slope(values: Tensor, score: Tensor, k: int, parameter: float) -> Tensor:
    return (2 * _first(values, 1) - _first(values, 2) - score) / values.sum(dim=-1, keepdim=True)


def _nuclear_norm_slope(values: Tensor, score: Tensor, k: int, parameter: float) -> Tensor:
    return _power(values, -0.5) / 2


def _logdet_slope(values: Tensor, score: Tensor, k: int, parameter: float) -> Tensor:
    return 1 / (parameter**2 + values)


def _algebraic_connectivity(*unused: object) -> Tensor:
    raise ValueError("algebraic_connectivity comes from the deflated Fiedler problem, not from a spectrum")


CRITERIA: dict[str, Criterion] = {
    criterion.name: criterion
    for criterion in (
        Criterion(
            "effective_rank",
            "exp(-sum p log p)",
            "Roy & Vetterli 2007",
            "all eigenvalues",
            "",
            _effective_rank,
            _effective_rank_slope,
        ),
        Criterion(
            "energy",
            "sum_{i<=k} lambda_i / tr",
            "Jolliffe 2002, explained variance",
            "top-k",
            "",
            _energy,
            _energy_slope,
        ),
        Criterion(
            "vendi",
            "exp of the Renyi entropy of order q of lambda+/n",
            "Friedman & Dieng 2022; Pasarkar & Dieng 2023",
            "all eigenvalues",
            "q",
            _vendi,
            _vendi_slope,
        ),
        Criterion(
            "participation_ratio",
            "tr^2 / ||K||_F^2",
            "Bell & Dean 1970; Gao et al. 2017",
            "frobenius",
            "",
            _participation_ratio,
            _participation_ratio_slope,
        ),
        Criterion(
            "eigenvalue_variance",
            "||K - (tr/n) I||_F^2 / n",
            "Wagner 1984; Pavlicev et al. 2009",
            "frobenius",
            "",
            _eigenvalue_variance,
            _eigenvalue_variance_slope,
        ),
        Criterion(
            "stable_rank", "tr / lambda_1", "Rudelson & Vershynin 2007", "top-k", "", _stable_rank, _stable_rank_slope
        ),
        Criterion(
            "spectral_gap",
            "(lambda_1 - lambda_2) / tr",
            "Davis & Kahan 1970",
            "top-k",
            "",
            _spectral_gap,
            _spectral_gap_slope,
        ),
        Criterion(
            "nuclear_norm", "sum sqrt(lambda+)", "Fazel 2002", "all eigenvalues", "", _nuclear_norm, _nuclear_norm_slope
        ),
        Criterion(
            "logdet", "log det(I + K / sigma^2)", "Kulesza & Taskar 2012", "cholesky", "sigma", _logdet, _logdet_slope
        ),
        Criterion(
            "algebraic_connectivity",
            "lambda_2 of the Laplacian",
            "Fiedler 1973",
            "fiedler",
            "",
            _algebraic_connectivity,
            _algebraic_connectivity,
        ),
    )
}
