"""Greedy choice of rows in plain torch: the definition of truth, one candidate and one pick at a time.

As in `reference`, all is computed in float64 whatever the features' dtype; `dtype` lowers that, which is how the tests
know the rounding error of the plain formula. What can be computed afresh at every pick is not updated.
"""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from saln_kernels.matrices import Problem, Rows, build, gather, result_dtype, squares, unit_rows
from saln_kernels.truth.reference import chunks

Picks = tuple[list[int], list[float]]  # the chosen rows, numbered among the real ones, and their gains


def greedy_logdet(
    problem: Problem, size: int, sigma: float, *, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    """Positions [C, size] and gains [C, size] of the greedy maximisation of log det(I + K_S / sigma^2)."""

    def picks() -> Iterator[tuple[Tensor, Tensor, Picks | None]]:
        for part in chunks(problem):
            rows = gather(part, dtype)
            usable = _usable(rows, part)
            left = rows._replace(real=usable)
            matrices = build(left, part).matrices
            plain = build(left._replace(quality=None), part._replace(center=False)).matrices
            for c, (real, aside) in enumerate(_parted(rows, usable)):
                matrix = matrices[c][real][:, real]
                if rows.bad[c] or not torch.isfinite(matrix).all():
                    yield real, aside, None
                    continue
                before = plain[c].diagonal()[real].abs()
                if problem.similarity == "cosine":
                    before = before.round()  # 1 or 0 to the bit
                if problem.center and len(real):
                    before = before + before.mean()
                if rows.quality is not None:
                    before = before * rows.quality[c, real].square()
                if problem.similarity == "cosine" and not problem.center:
                    matrix.diagonal().copy_(before)  # so that the first choice is a tie
                most = len(real) if sigma else _rank_bound(problem, len(real))
                yield real, aside, _logdet_picks(matrix, _rounding(len(real), dtype) * before, size, most, sigma)

    return _placed(problem, picks, size, dtype)


def maxvol(
    problem: Problem, size: int, tolerance: float, max_swaps: int, *, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    """Positions [C, size] and gains [C, size] of rows whose leading `size` columns hold a large volume."""
    leading = problem._replace(features=problem.features[:, :size])

    def picks() -> Iterator[tuple[Tensor, Tensor, Picks | None]]:
        for part in chunks(leading):
            rows = gather(part, dtype)
            usable = rows.real & (rows.features.abs() <= _limit(rows, part).unsqueeze(2)).all(dim=2)
            for c, (real, aside) in enumerate(_parted(rows, usable)):
                picks = None if rows.bad[c] else _maxvol_picks(rows.features[c, real], tolerance, max_swaps)
                yield real, aside, picks

    return _placed(problem, picks, size, dtype)


def k_center(
    problem: Problem, size: int, start: Tensor | None, *, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    """Positions [C, size] and gains [C, size] of the farthest-first traversal from position start [C]."""

    def picks() -> Iterator[tuple[Tensor, Tensor, Picks | None]]:
        offset, b = 0, problem.candidates.shape[1]
        for part in chunks(problem):
            rows = gather(part, dtype)
            for c, (real, aside) in enumerate(_parted(rows, _usable(rows, part))):
                first = 0 if start is None else int(start[offset + c])
                x = rows.features[c, real]
                if rows.bad[c] or not 0 <= first < b:
                    yield real, aside, None
                    continue
                # The first real row from there on, around the end.
                after = (real >= first).nonzero().flatten().tolist()
                if problem.similarity == "cosine":
                    x = unit_rows(x)
                yield real, aside, _k_center_picks(x, after[0] if after else 0, size)
            offset += len(part.candidates)

    return _placed(problem, picks, size, dtype)


def _rank_bound(problem: Problem, n: int) -> int:
    """No matrix of n rows has a larger rank: of rows of d numbers, of their products with residuals, centered."""
    bound = n
    if problem.similarity in ("linear", "cosine", "gradient"):
        bound = problem.features.shape[1]
    if problem.residuals is not None:
        bound *= problem.residuals.shape[1]
    return min(bound, n - 1 if problem.center else n)


def _logdet_picks(matrix: Tensor, rounding: Tensor, size: int, most: int, sigma: float) -> Picks:
    """At most `most` picks of some gain from a matrix [n, n]; what is within rounding [n] of zero is zero."""
    n, noise = len(matrix), sigma**2
    chosen: list[int] = []
    gains: list[float] = []
    while len(chosen) < min(size, most, n):
        noisy = matrix[chosen][:, chosen] + noise * torch.eye(len(chosen), dtype=matrix.dtype, device=matrix.device)
        factor = torch.linalg.cholesky(noisy)
        left = matrix.diagonal() - torch.linalg.solve_triangular(factor, matrix[chosen], upper=False).square().sum(
            dim=0
        )
        left = torch.where(left > (rounding - noise).clamp(min=0), left, 0)
        left[chosen] = 0
        best = _first_largest(left)
        if left[best] == 0:
            break
        gain = float(left[best])
        chosen.append(best)
        gains.append(math.log1p(gain / noise) if noise else math.log(gain))
    return _filled(chosen, gains, n, size, 0.0 if noise else -math.inf)


def _maxvol_picks(matrix: Tensor, tolerance: float, max_swaps: int) -> Picks:
    """Picks from the rows of a matrix [n, size]."""
    n, size = matrix.shape
    chosen: list[int] = []
    columns: list[int] = []
    gains: list[float] = []
    for column in range(size if n else 0):
        values = matrix[:, column]
        residual = values - matrix[:, columns] @ torch.linalg.solve(matrix[chosen][:, columns], values[chosen])
        residual[chosen] = 0
        best = _first_largest(residual.abs())
        pivot = float(residual[best].abs())
        if pivot > _rounding(n, matrix.dtype) * float(values.abs().max()):
            chosen.append(best)
            columns.append(column)
            gains.append(math.log(pivot))
    for _ in range(max_swaps if chosen else 0):
        # Row i in the place of slot j multiplies the volume by |coefficients[i, j]|.
        coefficients = torch.linalg.solve(matrix[chosen][:, columns], matrix[:, columns], left=False).abs()
        coefficients[chosen] = 0
        row, slot = divmod(_first_largest(coefficients.flatten()), len(chosen))
        factor = float(coefficients[row, slot])
        if factor <= tolerance:
            break
        chosen[slot] = row
        gains[slot] += math.log(factor)
    return _filled(chosen, gains, n, size, -math.inf)


def _k_center_picks(x: Tensor, first: int, size: int) -> Picks:
    """Picks from points [n, d]."""
    n = len(x)
    distance = torch.full((n,), math.inf, dtype=x.dtype, device=x.device)
    chosen: list[int] = []
    gains: list[float] = []
    while len(chosen) < min(size, n):
        best = _first_largest(distance) if chosen else first
        gains.append(float(distance[best]))
        chosen.append(best)
        distance = torch.minimum(distance, (x - x[best]).square().sum(dim=1))
        distance[chosen] = -1
    return chosen, gains


def _rounding(n: int, dtype: torch.dtype) -> float:
    """What cancellation may leave of sums of n terms, in units of what there was."""
    return (16 + n) * torch.finfo(dtype).eps / 2


def _first_largest(values: Tensor) -> int:
    return int((values == values.max()).nonzero()[0])


def _filled(chosen: list[int], gains: list[float], n: int, size: int, gain: float) -> Picks:
    """Rows of no more gain complete the picks, lowest first."""
    taken = set(chosen)
    rest = [row for row in range(n) if row not in taken][: max(size - len(chosen), 0)]
    return chosen + rest, gains + [gain] * len(rest)


def _limit(rows: Rows, problem: Problem) -> Tensor:
    """The largest similarity [C, 1] that a row may have with itself: no sum of n such overflows the results' dtype."""
    n = rows.real.sum(dim=1, keepdim=True).clamp(min=1).double()
    return torch.finfo(result_dtype(problem.features.dtype)).max / (4 * n)


def _usable(rows: Rows, problem: Problem) -> Tensor:
    """Which rows [C, b] have similarities that the results' dtype holds; the others are chosen last."""
    limit = _limit(rows, problem)
    found = squares(rows, problem)
    own = found[0]
    usable = rows.real & (found <= limit).all(dim=0)
    if rows.quality is not None:
        # Centering gives a row some of the others' similarity.
        most = own.masked_fill(~usable, 0).amax(dim=1, keepdim=True) if problem.center else own
        usable = usable & (rows.quality.square() * most <= limit)
    return usable


def _parted(rows: Rows, usable: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """The positions of every candidate's rows to choose from, and of those set aside."""
    for real, mask in zip(rows.real, usable, strict=True):
        yield mask.nonzero().squeeze(1), (real & ~mask).nonzero().squeeze(1)


def _placed(
    problem: Problem,
    picks: Callable[[], Iterator[tuple[Tensor, Tensor, Picks | None]]],
    size: int,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """Picks as positions [C, size] and gains [C, size]: then rows set aside with gain NaN, and -1 and 0 where rows ran
    out; -1 and NaN in bad candidates.
    """
    count, device = len(problem.candidates), problem.features.device
    positions = torch.full((count, size), -1, dtype=torch.int64, device=device)
    gains = torch.zeros(count, size, dtype=dtype, device=device)
    with torch.no_grad():
        for c, (real, aside, found) in zip(range(count), picks(), strict=False):
            if found is None:
                gains[c] = math.nan
                continue
            chosen, values = found
            end = min(len(chosen) + len(aside), size)
            positions[c, : len(chosen)] = real[chosen]
            positions[c, len(chosen) : end] = aside[: end - len(chosen)]
            gains[c, : len(values)] = torch.tensor(values, dtype=dtype, device=device)
            gains[c, len(values) : end] = math.nan
    return positions, gains
