"""Small calls of every function, for compute-sanitizer: `python -m bench.gpu.driver few` runs twenty, without it all.

Inputs come from the CPU, so that no kernels but ours run; with PYTORCH_NO_CUDA_MEMORY_CACHING=1 every tensor is an
allocation of its own, whose bounds the sanitizer knows. Status 1 if a call is wrong.
"""

import itertools
import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

import saln_kernels
from saln_kernels import Greedy

SIZES = (1, 5, 16, 33, 64, 65, 128, 200)  # b
DTYPES = (torch.float32, torch.bfloat16, torch.float64, torch.float16)
SIMILARITIES = ("linear", "cosine", "rbf", "gradient", "precomputed")
TOLERANCE = 1e-3  # relative to the largest value: wrong memory is far off, rounding is not

Call = tuple[str, tuple[Any, ...], dict[str, Any]]


def problems() -> Iterator[tuple[Tensor, Tensor, dict[str, Any]]]:
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
            options["residuals"] = torch.randn(rows, 3, generator=generator).to(dtype)
        if b % 2:
            options["quality"] = (0.5 + torch.rand(rows, generator=generator)).to(dtype)
        candidates = torch.randint(-1, rows, (3, b), generator=generator, dtype=torch.int32)
        yield features.to(dtype), candidates, options


def calls() -> Iterator[Call]:
    """Every public function on every problem that it takes."""
    for features, candidates, options in problems():
        b = candidates.shape[1]
        both, size = (features, candidates), min(5, b)
        yield "gram", both, options
        yield "topk_eigvals", (*both, min(8, b)), options
        yield "topk_eigvals", (*both, min(8, b)), {**options, "solver": "randomized"}
        yield "topk_eigh", (*both, min(3, b)), options
        yield "fiedler", both, options
        for criterion in ("effective_rank", "participation_ratio", "logdet"):
            yield "score_batches", (*both, criterion), options
        yield "greedy_logdet", (*both, size), options
        if options["similarity"] in ("linear", "cosine"):
            yield "maxvol", (*both, size), {}
            yield "k_center", (*both, size), {"similarity": options["similarity"]}
    # Gram matrices that many blocks form, in parts of the columns.
    generator = torch.Generator().manual_seed(1)
    long = torch.randn(400, 2200, generator=generator), torch.randint(-1, 400, (3, 300), generator=generator)
    yield "gram", long, {}
    yield "score_batches", (*long, "nuclear_norm"), {}
    matrices = torch.randn(3, 20, 20, generator=torch.Generator().manual_seed(0))
    yield "eigh", (matrices + matrices.mT, 4), {}


def few(found: list[Call]) -> list[Call]:
    """Two of every function and solver, of sizes and kinds that differ from one to the next."""
    kinds: dict[object, list[Call]] = {}
    for call in found:
        kinds.setdefault((call[0], call[2].get("solver")), []).append(call)
    return [group[place % len(group)] for n, group in enumerate(kinds.values()) for place in (5 * n + 3, 7 * n + 14)]


def values(result: Any) -> Tensor:
    """The values of a result, float64 on the CPU; of a greedy one its gains, which near ties do not change."""
    if isinstance(result, Greedy):
        result = result.gains
    found: Tensor = result if isinstance(result, Tensor) else result[0]
    return found.cpu().double()


def wrong(call: Call, device: torch.device) -> str:
    """What is wrong with a call, against the reference on the CPU; empty if nothing is."""
    name, arguments, options = call
    function = getattr(saln_kernels, name)
    there = [value.to(device) if isinstance(value, Tensor) else value for value in arguments]
    named = {key: value.to(device) if isinstance(value, Tensor) else value for key, value in options.items()}
    found = values(function(*there, **named, backend=device.type))
    wanted = values(function(*arguments, **options, backend="reference"))
    if not torch.equal(found.isnan(), wanted.isnan()):
        return f"{name} {list(arguments[0].shape)} {options.get('similarity')}: NaN where there should be none, or none"
    gap = (found - wanted).nan_to_num(0).abs().max()
    if gap > TOLERANCE * max(1.0, float(wanted.nan_to_num(0).abs().max())):
        return f"{name} {list(arguments[0].shape)} {options.get('similarity')}: off by {float(gap):.3g}"
    return ""


def main() -> None:
    """Run them, on the GPU."""
    chosen = list(calls())
    if sys.argv[1:] == ["few"]:
        chosen = few(chosen)
    found = [text for call in chosen if (text := wrong(call, torch.device("cuda")))]
    print("\n".join(found) or f"{len(chosen)} calls, every one right")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
