"""Random problems for the kernel tests: one seed, one case."""

from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

from saln_kernels.matrices import Problem, result_dtype

SIMILARITIES = ("linear", "cosine", "rbf", "precomputed", "gradient")
SIZES = (1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 100, 129, 200)  # b
WIDTHS = (1, 3, 16, 17, 63, 512)  # d
DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
LAPLACIANS = [
    (laplacian, negative)
    for laplacian, negative in product((None, "unnormalized", "symmetric"), ("clamp", "shift", "keep"))
    if (laplacian, negative) != ("symmetric", "keep") and (laplacian is not None or negative == "clamp")
]


@dataclass
class Case:
    """Tensors and keywords of a call."""

    features: Tensor
    candidates: Tensor
    options: dict[str, Any]

    @property
    def problem(self) -> Problem:
        """The ops' form, for `reference`."""
        options = dict(self.options)
        options["laplacian"] = options.get("laplacian") or "none"
        options.setdefault("gamma", 1 / self.features.shape[1])
        dtype = result_dtype(self.features.dtype)
        for name in ("residuals", "quality"):
            if options.get(name) is not None:
                options[name] = options[name].to(dtype)
        return Problem(self.features, self.candidates, **options)

    def definite(self) -> "Case":
        """The same with a positive definite matrix, if precomputed: `logdet` of an indefinite one is NaN."""
        if self.options["similarity"] != "precomputed":
            return self
        square = self.features.double()
        return Case((square @ square.mT / len(square)).to(self.features.dtype), self.candidates, self.options)

    def arrays(self) -> tuple[Any, dict[str, Any]]:
        """Features and keywords for the oracle, in float64 numpy."""
        options = {
            name: value.double().numpy() if isinstance(value, Tensor) else value for name, value in self.options.items()
        }
        return self.features.double().numpy(), options


def make(
    b: int,
    d: int,
    *,
    count: int = 6,
    rows: int = 0,
    dtype: torch.dtype = torch.float32,
    similarity: str = "linear",
    center: bool = False,
    quality: bool = False,
    laplacian: str | None = None,
    negative: str = "clamp",
    padding: float = 0.2,
    index: torch.dtype = torch.int64,
    seed: int = 0,
) -> Case:
    """A case whose candidates hold distinct rows; padding is the chance that a position is padding."""
    generator = torch.Generator().manual_seed(seed)
    rows = rows or 2 * b + 3
    if similarity == "precomputed":
        half = torch.randn(rows, rows, generator=generator, dtype=torch.float64)
        features = (half + half.mT).to(dtype)
    else:
        features = torch.randn(rows, d, generator=generator, dtype=torch.float64).to(dtype)
    candidates = torch.stack([torch.randperm(rows, generator=generator)[:b] for _ in range(count)])
    hide = torch.rand(count, b, generator=generator) < padding
    hide[0] = False
    candidates = candidates.masked_fill(hide, -1).to(index)
    options: dict[str, Any] = {"similarity": similarity, "center": center}
    if similarity == "gradient":
        options["residuals"] = torch.randn(rows, 4, generator=generator, dtype=torch.float64).to(dtype)
    if quality:
        options["quality"] = (0.5 + torch.rand(rows, generator=generator, dtype=torch.float64)).to(dtype)
    if laplacian is not None:
        options["laplacian"] = laplacian
        options["negative"] = negative
    return Case(features, candidates, options)


def one_and_a_tail(b: int, tail: float, seed: int) -> Tensor:
    """[b, b] float32: one eigenvalue of 1, the others below `tail`."""
    generator = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(b, b, generator=generator, dtype=torch.float64)).Q
    spectrum = tail * torch.rand(b, generator=generator, dtype=torch.float64)
    spectrum[0] = 1
    return (basis * spectrum @ basis.T).float()
