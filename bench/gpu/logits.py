"""The case `logits` on a GPU: scores of long rows by all their singular values, beside what libraries offer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

import saln_kernels
from bench import logits as on_cpu
from bench import ours
from bench.cases import Inputs
from bench.gpu import baselines, cases
from bench.gpu.cases import Case
from bench.timing import Variant
from bench.truth import Check

CRITERIA = on_cpu.CRITERIA
MAIN = CRITERIA[0]
SVDVALS = "gather + svdvals"
Criterion = Callable[[Tensor], Tensor]


def make_inputs(case: Case, device: torch.device) -> Inputs:
    """Those of any case, with a tenth of the rows padding."""
    plain = cases.make_inputs(case, device)
    generator = torch.Generator(device).manual_seed(3)
    padding = torch.rand(plain.candidate_sets.shape, generator=generator, device=device) < on_cpu.PADDING
    return replace(plain, candidate_sets=plain.candidate_sets.masked_fill(padding, -1))


def gathered(features: Tensor, candidates: Tensor) -> Tensor:
    """Rows [C, b, d], zero where there is padding."""
    rows = features.index_select(0, candidates.flatten().clamp_min(0)).view(*candidates.shape, -1)
    return rows.masked_fill_((candidates < 0).unsqueeze(2), 0)


def grams(features: Tensor, candidates: Tensor) -> Tensor:
    """[C, b, b] float32."""
    rows = gathered(features, candidates)
    if rows.dtype == torch.float32 or not rows.is_cuda:
        return torch.bmm(rows.float(), rows.float().mT)
    return torch.bmm(rows, rows.mT, out_dtype=torch.float32)


def nuclear_norm(eigvals: Tensor) -> Tensor:
    """The sum of the singular values [C], of eigenvalues [C, b]."""
    return eigvals.clamp_min(0).sqrt().sum(1)


def effective_rank(eigvals: Tensor) -> Tensor:
    """The exponential of the entropy of the eigenvalues' shares [C]."""
    shares = eigvals.clamp_min(0) / eigvals.clamp_min(0).sum(1, keepdim=True)
    return torch.special.entr(shares).sum(1).exp()


FORMULAS: dict[str, Criterion] = {"nuclear_norm": nuclear_norm, "effective_rank": effective_rank}


@dataclass(frozen=True, eq=False)
class Truth:
    """Criteria of the first candidates of turn 0 in float64, by LAPACK."""

    inputs: Inputs

    def check(self, name: str, scores: Tensor) -> Check:
        """The largest relative error."""
        wanted = FORMULAS[name](_eigvals(self.inputs))
        found = scores[: len(wanted)].cpu().double()
        return Check(float((found / wanted - 1).abs().max()), on_cpu.ERROR)


@cache
def _eigvals(inputs: Inputs) -> Tensor:
    few = inputs.candidates[: inputs.case.n_true].cpu()
    rows = [inputs.features[row[row >= 0].to(inputs.device)].cpu().double() for row in few]
    values = [torch.linalg.eigvalsh(x @ x.mT) for x in rows]
    return torch.stack([torch.nn.functional.pad(v, (inputs.case.size - len(v), 0)) for v in values])


def by_svdvals(few: int, criterion: Criterion, features: Tensor, candidates: Tensor) -> Tensor:
    """What online selection does today, of the first few candidates."""
    return criterion(torch.linalg.svdvals(gathered(features, candidates[:few]).float()) ** 2)


def variants(inputs: Inputs) -> Iterator[Variant]:
    """Ours, the products alone, and the libraries' ways to the first criterion."""
    truth, b, count = Truth(inputs), inputs.case.size, inputs.case.n_candidates
    for name in CRITERIA:
        group = ours.EXACT if name == MAIN else name
        yield Variant(name, group, partial(ours.score, criterion=name), partial(truth.check, name), ours=True)
    # No eigenvalues: the products and little else.
    moments = "participation_ratio"
    yield Variant(moments, moments, partial(ours.score, criterion=moments), _unchecked, ours=True)
    check, formula = partial(truth.check, MAIN), FORMULAS[MAIN]
    paths = {
        baselines.XSYEV: baselines.XsyevPath(b, grams),
        baselines.CUPY: partial(baselines.cupy_path, k=b, form=grams),
        baselines.STOCK: partial(baselines.stock_path, k=b, form=grams),
    }
    for group, path in paths.items():
        yield Variant(group, group, lambda f, c, path=path: formula(path(f, c)), check)
    yield Variant(
        SVDVALS + ", one candidate, extrapolated", SVDVALS, partial(by_svdvals, 1, formula), check, share=1 / count
    )
    yield Variant(baselines.GRAM, baselines.GRAM, grams, _unchecked)


def _unchecked(_: object) -> Check:
    return Check(0.0, 0.0, "not checked")


def plan(inputs: Inputs) -> dict[str, Any]:
    """What is planned for the main criterion."""
    return saln_kernels.plan(saln_kernels.score_batches, *inputs.turn(0), MAIN, backend="cuda").as_dict()
