"""Greedy choices on problems that nobody thought of: every pick is the best there is, its gain what it says."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from properties.bounds import GROWTH
from properties.examples import examples
from properties.problems import DTYPES, KINDS, laid_out, numbers
from saln_kernels import Greedy, greedy_logdet, k_center, maxvol
from saln_kernels.matrices import Problem, build, gather, result_dtype


@st.composite
def super_batches(draw: st.DrawFn, similarities: tuple[str, ...], width: int = 1) -> Problem:
    """Rows of any kind, some padded, some bad, of `width` numbers at least."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    dtype, b, d = draw(st.sampled_from(DTYPES)), draw(st.integers(1, 30)), draw(st.integers(width, 24))
    decades = 1 if dtype == torch.float16 else 6
    made = numbers(draw(st.sampled_from(KINDS)), b + 9, d, generator) * 10.0 ** draw(st.integers(-decades, decades))
    candidates = torch.rand(draw(st.integers(0, 3)), b + 9, generator=generator).argsort(dim=1)[:, :b]
    candidates[torch.rand(candidates.shape, generator=generator) < draw(st.sampled_from([0.0, 0.3, 1.0]))] = -1
    features = made.to(dtype)
    if draw(st.booleans()):
        features[int(torch.randint(0, b + 9, (1,), generator=generator)), 0] = draw(
            st.sampled_from([float("nan"), float("inf"), -float("inf")])
        )
    similarity = draw(st.sampled_from(similarities))
    residuals = torch.randn(b + 9, 3, generator=generator, dtype=torch.float64).to(dtype)
    return Problem(
        laid_out(features, draw(st.sampled_from(["rows", "columns", "every other", "behind"]))),
        candidates.to(draw(st.sampled_from([torch.int64, torch.int32]))),
        residuals if similarity == "gradient" else None,
        similarity=similarity,
    )


def check_rows(problem: Problem, size: int, found: Greedy) -> list[tuple[int, Tensor, Tensor]]:
    """Different real positions, padding behind them, NaN for the bad alone; returns what is chosen of the others."""
    rows = gather(problem, torch.float64)
    assert found.positions.shape == found.gains.shape == (len(problem.candidates), size)
    assert found.gains.dtype == result_dtype(problem.features.dtype)
    good = []
    for c, (positions, gains) in enumerate(zip(found.positions, found.gains, strict=True)):
        if rows.bad[c]:
            assert (positions == -1).all()
            assert gains.isnan().all()
            continue
        n = min(size, int(rows.real[c].sum()))
        assert rows.real[c][positions[:n]].all()
        assert len(set(positions[:n].tolist())) == n
        assert (positions[n:] == -1).all()
        assert (gains[n:] == 0).all()
        assert not gains.isnan().any()
        good.append((c, positions[:n], gains[:n].double()))
    return good


def alone_and_together(problem: Problem, found: Greedy, choose: Callable[[Problem], Greedy]) -> None:
    """The same to the bit for a candidate by itself."""
    for c in range(len(problem.candidates)):
        alone = choose(problem._replace(candidates=problem.candidates[c : c + 1]))
        assert torch.equal(alone.positions[0], found.positions[c])
        assert torch.equal(alone.gains[0].nan_to_num(7), found.gains[c].nan_to_num(7))


@pytest.mark.usefixtures("on_cpu")
@examples(200)
@given(
    problem=super_batches(("linear", "cosine", "gradient")),
    center=st.booleans(),
    share=st.floats(0, 1),
    sigma=st.sampled_from([0.0, 0.3, 1.0, 1e4]),
)
def test_logdet(problem: Problem, center: bool, share: float, sigma: float) -> None:
    """What a pick leaves unexplained is the most there is, to rounding, and its gain the logarithm of that."""
    problem = problem._replace(center=center)
    size = round(share * problem.candidates.shape[1])

    def choose(part: Problem) -> Greedy:
        return greedy_logdet(
            part.features, part.candidates, size,
            similarity=part.similarity, center=center, residuals=part.residuals, sigma=sigma,
        )  # fmt: skip

    found = choose(problem)
    for c, positions, gains in check_rows(problem, size, found):
        one = problem._replace(candidates=problem.candidates[c : c + 1])
        rows = gather(one, torch.float64)
        matrix, plain = build(rows, one).matrices[0], build(rows, one._replace(center=False)).matrices[0]
        terms = sum(matrix.shape) + problem.features.shape[1]
        off = 4 * GROWTH * terms * torch.finfo(found.gains.dtype).eps * float(plain.diagonal().abs().max())
        for step, gain in enumerate(gains.tolist()):
            left = unexplained(matrix, positions[:step], max(sigma**2, 1e-3 * off))
            left[~rows.real[0]] = left[positions[:step]] = 0
            own = float(left[positions[step]])
            if not sigma and own <= off:
                break  # what follows is divided by what rounding left
            assert float(left.max()) - own <= off
            assert logarithm(own - off, sigma) - 1e-5 <= gain <= logarithm(own + off, sigma) + 1e-5
    alone_and_together(problem, found, choose)


def unexplained(matrix: Tensor, chosen: Tensor, noise: float) -> Tensor:
    """The diagonal of the Schur complement [b], by a solve of its own."""
    if not len(chosen):
        return matrix.diagonal().clone()
    noisy = matrix[chosen][:, chosen] + noise * torch.eye(len(chosen), dtype=torch.float64)
    return matrix.diagonal() - (matrix[chosen] * torch.linalg.solve(noisy, matrix[chosen])).sum(dim=0)


def logarithm(left: float, sigma: float) -> float:
    """What a pick adds to the objective that leaves so much unexplained."""
    if sigma:
        return math.log1p(max(left, 0) / sigma**2)
    return math.log(left) if left > 0 else -math.inf


@pytest.mark.usefixtures("on_cpu")
@examples(200)
@given(problem=super_batches(("linear", "cosine")), share=st.floats(0, 1), start=st.integers(0, 29))
def test_k_center(problem: Problem, share: float, start: int) -> None:
    """The first is where it was to begin; every other is the farthest from those before, and its gain how far."""
    b = problem.candidates.shape[1]
    size, start = round(share * b), start % b

    def choose(part: Problem) -> Greedy:
        return k_center(part.features, part.candidates, size, similarity=part.similarity, start=start)

    found = choose(problem)
    rows = gather(problem, torch.float64)
    for c, positions, gains in check_rows(problem, size, found):
        if not len(positions):
            continue
        x, real = rows.features[c], rows.real[c]
        if problem.similarity == "cosine":
            x = torch.nn.functional.normalize(x / x.abs().amax().clamp(min=1e-300), dim=1, eps=1e-300)
        later = [each for each in real.nonzero().flatten().tolist() if each >= start]
        assert positions[0] == (later or real.nonzero().flatten().tolist())[0]
        assert gains[0] == math.inf
        off = 4 * GROWTH * (b + x.shape[1]) * torch.finfo(found.gains.dtype).eps * float(x.square().sum(dim=1).max())
        for step in range(1, len(positions)):
            apart = (x.unsqueeze(1) - x[positions[:step]]).square().sum(dim=2).amin(dim=1)
            apart[~real] = apart[positions[:step]] = 0
            own = float(apart[positions[step]])
            assert float(apart.max()) - own <= 2 * off
            assert abs(float(gains[step]) - own) <= off
    alone_and_together(problem, found, choose)


@pytest.mark.usefixtures("on_cpu")
@examples(200)
@given(problem=super_batches(("linear",), width=8), size=st.integers(0, 8), tolerance=st.sampled_from([1.0, 1.05, 2.0]))
def test_maxvol(problem: Problem, size: int, tolerance: float) -> None:
    """Gains add up to the volume, and no row outside is worth a swap; where columns are independent enough to say."""
    size = min(size, problem.candidates.shape[1])

    def choose(part: Problem) -> Greedy:
        return maxvol(part.features, part.candidates, size, tolerance=tolerance, max_swaps=1000)

    columns = problem._replace(features=problem.features[:, :size]) if size else problem
    found, rows = choose(problem), gather(columns, torch.float64)
    for c in range(len(problem.candidates)):
        positions, gains = found.positions[c], found.gains[c].double()
        if not size or rows.bad[c] or int(rows.real[c].sum()) < size or gains.isinf().any():
            continue
        chosen = rows.features[c][positions]
        off = GROWTH * size**2 * torch.finfo(found.gains.dtype).eps * float(torch.linalg.cond(chosen))
        if not off < 0.1:
            continue
        assert abs(float(gains.sum()) - float(torch.linalg.slogdet(chosen).logabsdet)) <= off * size
        factors = torch.linalg.solve(chosen, rows.features[c], left=False).abs()
        factors[~rows.real[c]] = factors[positions] = 0
        assert float(factors.max()) <= tolerance * (1 + off) + off
    leading = problem._replace(features=problem.features[:, : max(size, 1)])
    if size:
        check_rows(leading, size, Greedy(found.positions, found.gains.masked_fill(found.gains == -math.inf, 0)))
    alone_and_together(problem, found, choose)
