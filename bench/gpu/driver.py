"""A few small calls of every op, for compute-sanitizer: `python -m bench.gpu.driver [cuda]`. Status 1 if one is wrong.

Inputs come from the CPU, so that no kernels but ours run; with PYTORCH_NO_CUDA_MEMORY_CACHING=1 every tensor is an
allocation of its own, whose bounds the sanitizer knows.
"""

import itertools
import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

import saln_kernels

SIZES = (1, 5, 16, 33, 64, 65, 128, 200)  # b
DTYPES = (torch.float32, torch.bfloat16, torch.float64, torch.float16)
SIMILARITIES = ("linear", "cosine", "rbf", "gradient", "precomputed")
TOLERANCE = 1e-3  # relative to the largest value: wrong memory is far off, rounding is not

Call = tuple[str, tuple[Any, ...], dict[str, Any]]


def problems(device: torch.device) -> Iterator[tuple[Tensor, Tensor, dict[str, Any]]]:
    """Features, candidates and options; every size, and every similarity and dtype at some size."""
    kinds = itertools.cycle(itertools.product(SIMILARITIES, DTYPES))
    for b, _ in itertools.product(SIZES, range(3)):
        similarity, dtype = next(kinds)
        generator = torch.Generator().manual_seed(b)
        rows, width = 2 * b + 1, 24 + b % 7  # rows whose pitch is no multiple of 16 bytes too
        features = torch.randn(rows, rows if similarity == "precomputed" else width, generator=generator)
        options: dict[str, Any] = {"similarity": similarity}
        if similarity == "precomputed":
            features = features @ features.mT / rows
        if similarity == "gradient":
            options["residuals"] = torch.randn(rows, 3, generator=generator).to(dtype).to(device)
        if b % 2:
            options["quality"] = (0.5 + torch.rand(rows, generator=generator)).to(dtype).to(device)
        candidates = torch.randint(-1, rows, (3, b), generator=generator, dtype=torch.int32)
        yield features.to(dtype).to(device), candidates.to(device), options


def calls(device: torch.device) -> Iterator[Call]:
    """Every public function on every problem."""
    for features, candidates, options in problems(device):
        b = candidates.shape[1]
        both = (features, candidates)
        yield "gram", both, options
        yield "topk_eigvals", (*both, min(8, b)), options
        yield "topk_eigvals", (*both, min(8, b)), {**options, "solver": "randomized"}
        yield "topk_eigh", (*both, min(3, b)), options
        yield "fiedler", both, options
        for criterion in ("effective_rank", "participation_ratio", "logdet"):
            yield "score_batches", (*both, criterion), options
    matrices = torch.randn(3, 20, 20, generator=torch.Generator().manual_seed(0))
    yield "eigh", ((matrices + matrices.mT).to(device), 4), {}


def first(result: Any) -> Tensor:
    """The values of a result, float64 on the CPU."""
    found: Tensor = result if isinstance(result, Tensor) else result[0]
    return found.cpu().double()


def wrong(call: Call) -> str:
    """What is wrong with a call, against the reference on the CPU; empty if nothing is."""
    name, arguments, options = call
    found = first(getattr(saln_kernels, name)(*arguments, **options))
    there = [value.cpu() if isinstance(value, Tensor) else value for value in arguments]
    named = {key: value.cpu() if isinstance(value, Tensor) else value for key, value in options.items()}
    wanted = first(getattr(saln_kernels, name)(*there, **named, backend="reference"))
    if not torch.equal(found.isnan(), wanted.isnan()):
        return f"{name} {list(arguments[0].shape)} {options.get('similarity')}: NaN where there should be none, or none"
    gap = (found - wanted).nan_to_num(0).abs().max()
    if gap > TOLERANCE * max(1.0, float(wanted.nan_to_num(0).abs().max())):
        return f"{name} {list(arguments[0].shape)} {options.get('similarity')}: off by {float(gap):.3g}"
    return ""


def main() -> None:
    """Run them all."""
    device = torch.device("cuda" if len(sys.argv) == 1 else sys.argv[1])
    found = [text for text in map(wrong, calls(device)) if text]
    print("\n".join(found) or "every call is right")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
