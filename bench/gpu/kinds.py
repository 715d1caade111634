"""What a case is made of: its inputs, who is timed on them, and what is planned."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from bench.cases import Inputs
from bench.gpu import baselines, cases, logits, matrices, ours
from bench.gpu.cases import Case
from bench.timing import Variant


@dataclass(frozen=True)
class Kind:
    """Of cases that are measured alike. The first variant, of group `ours.EXACT`, is compared with others."""

    inputs: Callable[[Case, torch.device], Inputs]
    variants: Callable[[Inputs], Iterator[Variant]]
    plan: Callable[[Inputs], dict[str, Any]]


def spectra(inputs: Inputs) -> Iterator[Variant]:
    """The leading eigenvalues of candidates, and what is near them."""
    yield from ours.variants(inputs)
    if inputs.case.baselines:
        yield from baselines.variants(inputs)


KINDS = {
    "spectra": Kind(cases.make_inputs, spectra, ours.floor),
    "logits": Kind(logits.make_inputs, logits.variants, logits.plan),
    "eigvalsh": Kind(matrices.make_inputs, matrices.variants, matrices.plan),
}
