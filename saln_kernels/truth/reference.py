"""Every op in plain torch: the definition of truth, slow and obvious.

A function takes the `Problem` and then the other arguments of the torch op of the same name (docs/design.md), and
computes in float64 whatever the features' dtype; `dtype` lowers that, which is how the tests know the rounding error
of the plain formula. All are differentiable with respect to features, residuals and quality, eigenvectors excepted.
There is no solver to choose: the reference is always exact.

Candidates are taken in chunks, so that memory over inputs and outputs is bounded when no gradient is recorded.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from saln_kernels import criteria
from saln_kernels.matrices import Built, Problem, Rows, build, gather, result_dtype, squares

# Elements of workspace a chunk may hold: 4 Mi float64 are 32 MiB.
CHUNK_ELEMENTS = 4 * 2**20


def chunks(problem: Problem) -> Iterator[Problem]:
    """The problem cut into runs of candidates whose rows and matrices fit the workspace; at least one, if empty."""
    count, b = problem.candidates.shape
    width = b if problem.similarity == "precomputed" else problem.features.shape[1]
    size = max(1, CHUNK_ELEMENTS // (b * (3 * width + 8 * b)))
    for start in range(0, max(count, 1), size):
        yield problem._replace(candidates=problem.candidates[start : start + size])


def fix_signs(vectors: Tensor) -> Tensor:
    """Make the entry of largest magnitude, the first such, of every vector [.., b, k] positive."""
    largest = vectors.abs().argmax(dim=-2, keepdim=True)
    return torch.where(vectors.gather(-2, largest) < 0, -vectors, vectors)


def groups(real: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Candidates by size: n >= 1, their numbers [G], the positions [G, n] of their real rows; real is [C, b]."""
    counts = real.sum(dim=1)
    order = (~real).to(torch.int8).argsort(dim=1, stable=True)
    for n in torch.unique(counts).tolist():
        if n:
            members = (counts == n).nonzero().squeeze(1)
            yield n, members, order[members, :n]


def spectra(matrices: Tensor, real: Tensor, vectors: bool) -> tuple[Tensor, Tensor | None]:
    """Values [C, b] descending, 0 from n on, and vectors [C, b, b] of symmetric matrices, of which the lower triangle
    is read. Padded rows are cut out before the solve: their zeros would sort above negative eigenvalues.
    """
    count, b = real.shape
    values = matrices.new_zeros(count, b)
    basis = matrices.new_zeros(count, b, b) if vectors else None
    for n, members, rows in groups(real):
        block = _cut(matrices[members], rows)
        if basis is None:
            ascending = torch.linalg.eigvalsh(block)
        else:
            ascending, local = torch.linalg.eigh(block)
            full = matrices.new_zeros(len(members), b, n)
            full.scatter_(1, rows.unsqueeze(2).expand(-1, -1, n), local.detach().flip(-1))
            basis[members, :, :n] = fix_signs(full)
        values = values.index_copy(0, members, torch.nn.functional.pad(ascending.flip(-1), (0, b - n)))
    return values, basis


def gram(problem: Problem, *, dtype: torch.dtype = torch.float64) -> Tensor:
    """The matrix of every candidate, [C, b, b]."""
    return torch.cat([_poison(*_finite(problem, rows, built)) for rows, built in _built(problem, dtype)])


def eigvals(problem: Problem, k: int, *, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Values [C, k] and bounds [C, k]."""
    values, _, bounds = eigh(problem, k, dtype=dtype, vectors=False)
    return values, bounds


def eigh(
    problem: Problem, k: int, *, dtype: torch.dtype = torch.float64, vectors: bool = True
) -> tuple[Tensor, Tensor, Tensor]:
    """Values [C, k], vectors [C, b, k] ([C, b, 0] if not wanted) and bounds [C, k]."""
    parts = []
    for rows, built in _built(problem, dtype):
        bad, matrices = _finite(problem, rows, built)
        values, basis = spectra(matrices, rows.real, vectors)
        found = matrices.new_zeros(*rows.real.shape, 0) if basis is None else basis[:, :, :k]
        bounds = _bounds(problem, rows, matrices, values[:, :k])
        parts.append((_poison(bad, values[:, :k]), _poison(bad, found), _poison(bad, bounds)))
    all_values, all_vectors, all_bounds = zip(*parts, strict=True)
    return torch.cat(all_values), torch.cat(all_vectors), torch.cat(all_bounds)


def fiedler(problem: Problem, *, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """Value [C], vector [C, b] and residual [C] of the smallest eigenpair orthogonal to the trivial vector."""
    parts = []
    for rows, built in _built(problem, dtype):
        bad, matrices = _finite(problem, rows, built)
        trivial = _trivial(problem, rows, built)
        value = matrices.new_zeros(len(bad))
        vector = matrices.new_zeros(rows.real.shape)
        for n, members, positions in groups(rows.real):
            if n == 1:
                continue
            block = _cut(matrices[members], positions)
            found, local = _smallest_orthogonal(block, trivial[members].gather(1, positions))
            value = value.index_copy(0, members, found)
            vector[members] = torch.zeros_like(vector[members]).scatter(1, positions, local)
        column = fix_signs(vector.unsqueeze(2))
        left = matrices.detach() @ column - value.detach().view(-1, 1, 1) * column
        residual = torch.linalg.vector_norm(left.squeeze(2), dim=1)
        parts.append((_poison(bad, value), _poison(bad, column.squeeze(2)), _poison(bad, residual)))
    all_values, all_vectors, all_residuals = zip(*parts, strict=True)
    return torch.cat(all_values), torch.cat(all_vectors), torch.cat(all_residuals)


def score(problem: Problem, criterion: str, k: int, parameter: float, *, dtype: torch.dtype = torch.float64) -> Tensor:
    """The criterion of every candidate, [C]."""
    if criterion == "algebraic_connectivity":
        return fiedler(problem, dtype=dtype)[0]
    eps = torch.finfo(result_dtype(problem.features.dtype)).eps
    parts = []
    for rows, built in _built(problem, dtype):
        bad, matrices = _finite(problem, rows, built)
        values, _ = spectra(matrices, rows.real, False)
        scores = values.new_zeros(len(values))
        for n, members, _ in groups(rows.real):
            found = criteria.evaluate(criterion, values[members, :n], k, parameter, eps)
            scores = scores.index_copy(0, members, found)
        parts.append(_poison(bad, scores))
    return torch.cat(parts)


def matrix_eigvals(matrices: Tensor, k: int, *, dtype: torch.dtype = torch.float64) -> Tensor:
    """The k largest eigenvalues of every matrix, [C, k]; the lower triangle is read."""
    return matrix_eigh(matrices, k, dtype=dtype, vectors=False)[0]


def matrix_eigh(
    matrices: Tensor, k: int, *, dtype: torch.dtype = torch.float64, vectors: bool = True
) -> tuple[Tensor, Tensor]:
    """Values [C, k] and vectors [C, b, k] ([C, b, 0] if not wanted); the lower triangle is read."""
    parts = []
    count, b, _ = matrices.shape
    size = max(1, CHUNK_ELEMENTS // (8 * b * b))
    for start in range(0, max(count, 1), size):
        block = matrices[start : start + size].to(dtype)
        bad = ~torch.isfinite(block.tril()).flatten(1).all(dim=1)
        block = torch.where(bad.view(-1, 1, 1), torch.zeros_like(block), block)
        values, basis = spectra(block, torch.ones_like(block[:, :, 0], dtype=torch.bool), vectors)
        found = block.new_zeros(len(block), b, 0) if basis is None else basis[:, :, :k]
        parts.append((_poison(bad, values[:, :k]), _poison(bad, found)))
    all_values, all_vectors = zip(*parts, strict=True)
    return torch.cat(all_values), torch.cat(all_vectors)


def _built(problem: Problem, dtype: torch.dtype) -> Iterator[tuple[Rows, Built]]:
    for part in chunks(problem):
        rows = gather(part, dtype)
        yield rows, build(rows, part)


def _poison(bad: Tensor, result: Tensor) -> Tensor:
    return result.masked_fill(bad.view((-1,) + (1,) * (result.dim() - 1)), float("nan"))


def _finite(problem: Problem, rows: Rows, built: Built) -> tuple[Tensor, Tensor]:
    """Bad candidates [C], those included whose matrix the result dtype cannot hold, and the matrices with theirs set to
    zero.
    """
    bad = rows.bad
    for numbers in (built.matrices, *squares(rows, problem)):
        held = numbers.detach().to(result_dtype(problem.features.dtype))
        bad = bad | ~torch.isfinite(held).flatten(1).all(dim=1)
    return bad, torch.where(bad.view(-1, 1, 1), torch.zeros_like(built.matrices), built.matrices)


def _cut(matrices: Tensor, positions: Tensor) -> Tensor:
    """The rows and columns [G, n] of matrices [G, b, b], as [G, n, n]."""
    index = torch.arange(len(matrices), device=matrices.device).view(-1, 1, 1)
    return matrices[index, positions.unsqueeze(2), positions.unsqueeze(1)]


def _trivial(problem: Problem, rows: Rows, built: Built) -> Tensor:
    """The vector a Fiedler pair must be orthogonal to, [C, b], not normalised."""
    assert built.degrees is not None
    ones = rows.real.to(built.matrices.dtype)
    if problem.laplacian == "unnormalized":
        return ones
    degrees = built.degrees.nan_to_num(0, 0, 0)
    connected = degrees > 0
    roots = torch.where(connected, torch.where(connected, degrees, ones).sqrt(), 0)
    # With no edge at all L is 0 and D^1/2 1 vanishes; then any vector will do.
    return torch.where((degrees == 0).all(dim=1, keepdim=True), ones, roots)


def _smallest_orthogonal(matrices: Tensor, trivial: Tensor) -> tuple[Tensor, Tensor]:
    """Smallest eigenvalue [G] and its vector [G, n] of matrices [G, n, n] restricted to the complement of trivial."""
    unit = trivial / torch.linalg.vector_norm(trivial, dim=1, keepdim=True)
    # The Householder reflection that takes e_1 to -unit; its other columns are a basis of the complement.
    normal = torch.cat([unit[:, :1] + 1, unit[:, 1:]], dim=1)
    outer = normal.unsqueeze(2) * normal.unsqueeze(1)
    reflection = torch.eye(unit.shape[1], dtype=unit.dtype, device=unit.device) - 2 * outer / normal.square().sum(
        dim=1
    ).view(-1, 1, 1)
    basis = reflection[:, :, 1:]
    values, vectors = torch.linalg.eigh(basis.mT @ matrices @ basis)
    return values[:, 0], (basis @ vectors.detach()[:, :, :1]).squeeze(2)


def _bounds(problem: Problem, rows: Rows, matrices: Tensor, values: Tensor) -> Tensor:
    """Rounding of this float64 computation and of the result, by the backward error of each step; [C, k].

    Entries of an inner product of length m are off by m eps |x||y| (Higham 2002, eq. 3.5), the solver by a modest
    multiple of n eps ||K|| (Anderson et al. 1999, section 4.7), and an eigenvalue moves by no more than the norm of
    the change (Weyl).
    """
    with torch.no_grad():
        b = rows.real.shape[1]
        plain = problem._replace(center=False, laplacian="none")
        norm = torch.linalg.matrix_norm(build(rows, plain).matrices).nan_to_num(0, 0, 0)
        norm = norm * (1 if problem.laplacian == "none" else b)
        width = rows.features.shape[2] + (0 if rows.residuals is None else rows.residuals.shape[2])
        steps = 8 * (width + b) * torch.finfo(matrices.dtype).eps
        final = torch.finfo(result_dtype(problem.features.dtype)).eps
        bounds: Tensor = steps * (norm + torch.linalg.matrix_norm(matrices)).unsqueeze(1) + final * values.abs()
        beyond = torch.arange(values.shape[1], device=values.device) >= rows.real.sum(dim=1, keepdim=True)
        return bounds.masked_fill(beyond, 0)
