"""`python -m bench.gpu.sass.split`: what forming a Gram matrix in parts takes, unit by unit; runs no GPU."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from bench.gpu.sass import block
from bench.gpu.sass.code import read
from bench.gpu.sass.launch import Arrays, Counted, bfloat16, planned
from bench.gpu.sass.phases import KINDS, OTHER, kind_of
from bench.gpu.sass.warp import Fault, Memory
from saln_kernels.backends import cuda

CASE = Counted(1, 512, 512, 8, "exact", 1)  # two triangles and two rectangles, each whole, in one part of the columns
KERNEL, THREADS, SLAB = "split_gram(", 256, 64
TOLERANCE = 1e-4  # of the largest entry


@dataclass(frozen=True)
class Unit:
    """Warp instructions of one block, in all and by kind."""

    total: int
    kinds: dict[str, int]


def execute(case: Counted, libraries: Sequence[Path], arch: str = "90a") -> list[Unit]:
    """What each unit takes of the only part; a wrong matrix is a Fault."""
    plan, _ = planned(case)
    if plan["parts"] != 1:
        raise ValueError(f"expected a case of one part, got one of {plan['parts']}")
    rng = np.random.default_rng(case.size)
    stored = bfloat16(rng.standard_normal((case.size, case.width)).astype(np.float32))
    chosen = rng.permutation(case.size).astype(np.int64)
    memory = Memory(block.SHARED_START + plan["split_shared_bytes"])
    inputs = [memory.add(array.reshape(-1).view(np.uint8)) for array in (stored, chosen)]
    results, workspace = 4 * case.k, plan["workspace_bytes"]
    outputs = [memory.add(np.full(size, 0xFF, dtype=np.uint8)) for size in (results, results, workspace)]
    _, argument = planned(case, case.size, Arrays(*inputs, *outputs))
    code = read(tuple(libraries), arch, KERNEL)
    found = []
    for rank in range(units_of(case.size)):
        counts = block.run(code, argument, THREADS, memory, rank)
        kinds: dict[str, int] = {}
        for instruction, count in zip(code.instructions, counts, strict=True):
            kinds[kind_of(instruction)] = kinds.get(kind_of(instruction), 0) + count
        found.append(Unit(sum(counts), kinds))
    x = (stored[chosen].astype(np.uint32) << np.uint32(16)).view(np.float32).astype(np.float64)
    check(x, memory.array(outputs[2])[plan["grid"] * plan["block_bytes"] :].view(np.float32))
    return found


def units_of(size: int) -> int:
    """Triangles of 256 rows, and rectangles of 128 under them, as gram/split_gram.cuh has them."""
    return -(-size // 256) + (-(-size // 128) - 1) ** 2 // 4


def check(rows: np.ndarray, tile: np.ndarray) -> None:
    """A tile of quads against NumPy's products."""
    wanted, at = rows @ rows.T, 0
    for i, row in enumerate(wanted):
        error = float(np.abs(tile[at : at + i + 1] - row[: i + 1]).max() / wanted.max())
        if not error < TOLERANCE:
            raise Fault(f"row {i} of the Gram matrix is off by {error:.1e} of its largest entry")
        at += 4 * (i // 4 + 1)


def main(
    library: Annotated[list[Path], typer.Option(help="Where the kernel is; again for more.")] = [cuda.LIBRARY],  # noqa: B006
    arch: Annotated[str, typer.Option(help="Of the machine code.")] = "90a",
) -> None:
    """Count the instructions that its blocks are issued."""
    found, predicted = execute(CASE, library, arch), planned(CASE)[0]["predicted_split"]
    slabs = CASE.width * 2 // SLAB
    table = Table("unit", title=f"{CASE.size} rows of {CASE.width}: warp instructions; model {predicted:.0f}")
    for heading in ("issued", "a slab", *KINDS, OTHER):
        table.add_column(heading, justify="right")
    for number, unit in enumerate(found):
        kinds = (unit.kinds.get(kind, 0) for kind in (*KINDS, OTHER))
        table.add_row(str(number), str(unit.total), f"{unit.total / slabs:.0f}", *map(str, kinds))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 140).print(table)
    Console(width=140).print(f"sum {sum(unit.total for unit in found)}")


if __name__ == "__main__":
    typer.run(main)
