"""`python -m bench.block_krylov`: how many block steps are as accurate as the steps of one vector, in float64.

Errors are the largest of the k leading eigenvalues, relative, the median over matrices. Spectra: Gaussian features,
which have no gaps, and features whose covariance falls with a power.
"""

from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table
from torch import Tensor

BLOCKS = (2, 4, 8, 16)
POWERS = {"Gaussian": 0.0, "i^-0.5": 0.5, "i^-1": 1.0, "i^-2": 2.0}  # variance of column i
ENOUGH = 1e-7  # what float32 shows


def ritz_errors(matrix: Tensor, exact: Tensor, block: int, columns: int, generator: torch.Generator) -> Tensor:
    """Largest relative error [steps] of the leading Ritz values of K [b, b] after every step of block Lanczos."""
    b, k = len(matrix), len(exact)
    last = torch.linalg.qr(torch.rand(b, block, generator=generator, dtype=torch.float64) * 2 - 1).Q
    basis, errors = last, []
    while basis.shape[1] <= min(columns, b):
        found = torch.linalg.eigvalsh(basis.mT @ matrix @ basis).flip(0)[:k]
        missing = found.new_zeros(k - len(found))
        errors.append(((torch.cat([found, missing]) - exact).abs() / exact).amax())
        last = matrix @ last
        for _ in range(2):  # the second time what rounding left
            last = torch.linalg.qr(last - basis @ (basis.mT @ last)).Q
        basis = torch.cat([basis, last], dim=1)
    return torch.stack(errors)


def steps_to(errors: Tensor, wanted: float) -> int | None:
    """The first step of so small an error."""
    good = (errors <= wanted).nonzero()
    return int(good[0, 0]) + 1 if len(good) else None


def main(
    b: Annotated[int, typer.Option("-b", help="Rows of a candidate.")] = 256,
    d: Annotated[int, typer.Option("-d", help="Width of features.")] = 1024,
    k: Annotated[int, typer.Option("-k", help="Leading eigenvalues.")] = 8,
    matrices: Annotated[int, typer.Option(help="Matrices a spectrum.")] = 12,
) -> None:
    """Steps (columns) of each block size that reach the error of Lanczos at its default number of steps."""
    steps = max(6 * k, 40)
    table = Table("variance", f"error of {steps} steps", "steps to 1e-7", title=f"b = {b}, d = {d}, k = {k}")
    for p in BLOCKS:
        table.add_column(f"blocks of {p}", justify="right")
    generator = torch.Generator().manual_seed(0)
    for name, power in POWERS.items():
        scale = torch.arange(1, d + 1, dtype=torch.float64) ** (-power / 2)
        errors: dict[int, list[Tensor]] = {p: [] for p in (1, *BLOCKS)}
        for _ in range(matrices):
            rows = torch.randn(b, d, generator=generator, dtype=torch.float64) * scale
            matrix = rows @ rows.mT
            exact = torch.linalg.eigvalsh(matrix).flip(0)[:k]
            for p, found in errors.items():
                found.append(ritz_errors(matrix, exact, p, steps if p == 1 else 3 * steps, generator))
        medians = {p: torch.stack(found).median(dim=0).values for p, found in errors.items()}
        reached = float(medians[1][steps - 1])
        row = [name, f"{reached:.1e}", str(steps_to(medians[1], ENOUGH) or "-")]
        for p in BLOCKS:
            needed = steps_to(medians[p], max(reached, ENOUGH))
            row.append(f"{needed} ({needed * p})" if needed else "-")
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
