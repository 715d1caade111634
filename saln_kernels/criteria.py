"""The criteria: what each one is, where it comes from, and what it needs of a candidate's spectrum.

Only formulas live here. `reference` evaluates them on exact eigenvalues, and the backward pass differentiates them. The
native code has the same table in csrc/core/criteria.def, and does not always compute the eigenvalues.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

# Eigenvalues: all, the k largest, or so many; trace and Frobenius norm; a Cholesky factorisation; the Fiedler pair.
Needs = Literal["all", "top_k", "top_1", "top_2", "moments", "pivots", "fiedler"]


class Spectrum(NamedTuple):
    """What a formula is given."""

    values: Tensor  # [.., n], descending, not all zero
    positive: Tensor  # [.., n], 0 where an eigenvalue is not positive beyond rounding
    k: int
    parameter: float  # q or sigma


@dataclass(frozen=True)
class Criterion:
    """One row of the table of criteria."""

    name: str
    formula: str
    paper: str
    needs: Needs
    parameter: Literal["none", "q", "sigma"]
    evaluate: Callable[[Spectrum], Tensor]  # -> [..]
    slope: Callable[[Spectrum, Tensor], Tensor]  # with the criterion's value [.., 1] -> [.., n], its derivative


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
        Machine epsilon of the result's dtype: `effective_rank`, `vendi` and `nuclear_norm` take eigenvalues up to
        `negligible(n, eps)` times the largest for zero.

    Returns
    -------
    Tensor
        `[..]`; 0 where every eigenvalue is 0, and for `effective_rank` and `vendi` where none is positive.
    """
    zero, spectrum = _spectrum(values, k, parameter, eps)
    score = CRITERIA[name].evaluate(spectrum)
    return torch.where(zero, torch.zeros_like(score), score)


def slope(name: str, values: Tensor, k: int, parameter: float, eps: float) -> Tensor:
    """The derivative `[.., n]` of `evaluate` with respect to values.

    By hand and not by autograd, because the backward ops run below autograd. It is 0 for eigenvalues that count as zero
    under a logarithm, root or power; `vendi` of q=0 counts, so its derivative is 0.
    """
    zero, spectrum = _spectrum(values, k, parameter, eps)
    criterion = CRITERIA[name]
    score = criterion.evaluate(spectrum).unsqueeze(-1)
    return torch.where(zero.unsqueeze(-1), torch.zeros_like(values), criterion.slope(spectrum, score))


def negligible(n: int, eps: float) -> float:
    """In units of the largest of n eigenvalues, how large one may be that rounding makes of a zero."""
    return (16 + 8 * math.sqrt(n)) * eps / 2


def _spectrum(values: Tensor, k: int, parameter: float, eps: float) -> tuple[Tensor, Spectrum]:
    """Which candidates have no eigenvalue but 0, [..], and the spectra, of theirs ones."""
    zero = (values == 0).all(dim=-1)
    # The formulas divide by the trace; ones keep the masked branch, and so its gradient, finite.
    safe = torch.where(zero.unsqueeze(-1), torch.ones_like(values), values)
    floor = negligible(values.shape[-1], eps) * safe.detach()[..., :1].clamp(min=0)
    return zero, Spectrum(safe, torch.where(safe > floor, safe, torch.zeros_like(safe)), k, parameter)


def _log(p: Tensor) -> Tensor:
    """The logarithm where p is positive, else 0."""
    return torch.where(p > 0, p, torch.ones_like(p)).log()


def _shares(s: Spectrum) -> tuple[Tensor, Tensor]:
    """The positive eigenvalues over their sum, and that sum [.., 1]; 0 and 1 where none is positive."""
    total = s.positive.sum(dim=-1, keepdim=True)
    total = torch.where(total > 0, total, torch.ones_like(total))
    return s.positive / total, total


def _effective_rank(s: Spectrum) -> Tensor:
    p, _ = _shares(s)
    rank = (-(p * _log(p)).sum(dim=-1)).exp()
    return torch.where(p[..., 0] > 0, rank, torch.zeros_like(rank))


def _effective_rank_slope(s: Spectrum, score: Tensor) -> Tensor:
    p, total = _shares(s)
    return torch.where(p > 0, -score * (_log(p) + _log(score)) / total, torch.zeros_like(p))


def _energy(s: Spectrum) -> Tensor:
    return s.values[..., : s.k].sum(dim=-1) / s.values.sum(dim=-1)


def _energy_slope(s: Spectrum, score: Tensor) -> Tensor:
    return (_first(s.values, s.k) - score) / s.values.sum(dim=-1, keepdim=True)


def _vendi(s: Spectrum) -> Tensor:
    """The exponential of the Renyi entropy of order q of p, the positive eigenvalues over their sum."""
    q = s.parameter
    if q == 1:
        return _effective_rank(s)
    p, _ = _shares(s)
    if q == 0:
        return (p > 0).sum(dim=-1).to(p.dtype) + 0 * s.values.sum(dim=-1)
    largest = p[..., 0]
    none = largest == 0
    safe = torch.where(none, torch.ones_like(largest), largest)
    number = 1 / safe if math.isinf(q) else (_log_power_sum(p, q) / (1 - q)).exp()
    return torch.where(none, torch.zeros_like(number), number)


def _log_power_sum(p: Tensor, q: float) -> Tensor:
    """The logarithm [..] of the sum of p^q; near q = 1, where it vanishes, to its own precision."""
    positive = p > 0
    if abs(q - 1) < 0.5:
        rest = torch.where(positive, p * torch.expm1((q - 1) * _log(p)), torch.zeros_like(p))
        return torch.log1p(rest.sum(dim=-1))
    # In units of the largest no power vanishes altogether.
    largest = _log(p[..., :1])
    powers = torch.where(positive, (q * (_log(p) - largest)).exp(), torch.zeros_like(p)).sum(dim=-1)
    return q * largest.squeeze(-1) + _log(powers)


def _vendi_slope(s: Spectrum, score: Tensor) -> Tensor:
    q = s.parameter
    if q == 1:
        return _effective_rank_slope(s, score)
    p, total = _shares(s)
    if q == 0:
        return torch.zeros_like(p)
    if math.isinf(q):
        found = (1 - _first(p, 1) * score) / torch.where(p[..., :1] > 0, s.values[..., :1], torch.ones_like(total))
    else:
        power = (q - 1) * _log(p) - _log_power_sum(p, q).unsqueeze(-1)
        found = score * q / (1 - q) / total * torch.expm1(power)
    return torch.where(p > 0, found, torch.zeros_like(p))


def _participation_ratio(s: Spectrum) -> Tensor:
    return s.values.sum(dim=-1).square() / s.values.square().sum(dim=-1)


def _participation_ratio_slope(s: Spectrum, score: Tensor) -> Tensor:
    trace, square = s.values.sum(dim=-1, keepdim=True), s.values.square().sum(dim=-1, keepdim=True)
    return 2 * (trace - score * s.values) / square


def _eigenvalue_variance(s: Spectrum) -> Tensor:
    return (s.values - s.values.mean(dim=-1, keepdim=True)).square().mean(dim=-1)


def _eigenvalue_variance_slope(s: Spectrum, score: Tensor) -> Tensor:
    return 2 * (s.values - s.values.mean(dim=-1, keepdim=True)) / s.values.shape[-1]


def _stable_rank(s: Spectrum) -> Tensor:
    return s.values.sum(dim=-1) / s.values[..., 0]


def _stable_rank_slope(s: Spectrum, score: Tensor) -> Tensor:
    return (1 - _first(s.values, 1) * score) / s.values[..., :1]


def _spectral_gap(s: Spectrum) -> Tensor:
    second = s.values[..., 1] if s.values.shape[-1] > 1 else torch.zeros_like(s.values[..., 0])
    return (s.values[..., 0] - second) / s.values.sum(dim=-1)


def _spectral_gap_slope(s: Spectrum, score: Tensor) -> Tensor:
    return (2 * _first(s.values, 1) - _first(s.values, 2) - score) / s.values.sum(dim=-1, keepdim=True)


def _nuclear_norm(s: Spectrum) -> Tensor:
    return _roots(s).sum(dim=-1)


def _nuclear_norm_slope(s: Spectrum, score: Tensor) -> Tensor:
    roots = _roots(s)
    return torch.where(roots > 0, 0.5 / torch.where(roots > 0, roots, torch.ones_like(roots)), torch.zeros_like(roots))


def _roots(s: Spectrum) -> Tensor:
    """Square roots of the positive eigenvalues, without the infinite slope of those of zero."""
    found = s.positive > 0
    return torch.where(found, torch.where(found, s.positive, torch.ones_like(s.positive)).sqrt(), s.positive)


def _logdet(s: Spectrum) -> Tensor:
    return torch.log1p(s.values / s.parameter**2).sum(dim=-1)


def _logdet_slope(s: Spectrum, score: Tensor) -> Tensor:
    return 1 / (s.parameter**2 + s.values)


def _algebraic_connectivity(*unused: object) -> Tensor:
    raise ValueError("algebraic_connectivity comes from the deflated Fiedler problem, not from a spectrum")


def _first(values: Tensor, count: int) -> Tensor:
    """1 for the leading eigenvalues, 0 for the others."""
    return (torch.arange(values.shape[-1], device=values.device) < count).to(values.dtype)


_TABLE = (
    Criterion(
        "effective_rank",
        "exp(-sum p log p)",
        "Roy & Vetterli 2007",
        "all",
        "none",
        _effective_rank,
        _effective_rank_slope,
    ),
    Criterion(
        "energy",
        "sum_{i<=k} lambda_i / tr",
        "Jolliffe 2002, explained variance",
        "top_k",
        "none",
        _energy,
        _energy_slope,
    ),
    Criterion(
        "vendi",
        "exp of the Renyi entropy of order q of p",
        "Friedman & Dieng 2022; Pasarkar & Dieng 2023",
        "all",
        "q",
        _vendi,
        _vendi_slope,
    ),
    Criterion(
        "participation_ratio",
        "tr^2 / ||K||_F^2",
        "Bell & Dean 1970; Gao et al. 2017",
        "moments",
        "none",
        _participation_ratio,
        _participation_ratio_slope,
    ),
    Criterion(
        "eigenvalue_variance",
        "||K - (tr/n) I||_F^2 / n",
        "Wagner 1984; Pavlicev et al. 2009",
        "moments",
        "none",
        _eigenvalue_variance,
        _eigenvalue_variance_slope,
    ),
    Criterion(
        "stable_rank", "tr / lambda_1", "Rudelson & Vershynin 2007", "top_1", "none", _stable_rank, _stable_rank_slope
    ),
    Criterion(
        "spectral_gap",
        "(lambda_1 - lambda_2) / tr",
        "Davis & Kahan 1970",
        "top_2",
        "none",
        _spectral_gap,
        _spectral_gap_slope,
    ),
    Criterion("nuclear_norm", "sum sqrt(lambda+)", "Fazel 2002", "all", "none", _nuclear_norm, _nuclear_norm_slope),
    Criterion("logdet", "log det(I + K / sigma^2)", "Kulesza & Taskar 2012", "pivots", "sigma", _logdet, _logdet_slope),
    Criterion(
        "algebraic_connectivity",
        "lambda_2 of the Laplacian",
        "Fiedler 1973",
        "fiedler",
        "none",
        _algebraic_connectivity,
        _algebraic_connectivity,
    ),
)
CRITERIA: dict[str, Criterion] = {criterion.name: criterion for criterion in _TABLE}
