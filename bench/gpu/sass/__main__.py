"""`python -m bench.gpu.sass`: warp instructions a candidate of each case, by phase and kind; runs no GPU.

Kernels are taken from `--library`, a library, object files or cubins; compiled with -lineinfo they are told apart by
source lines, else by functions. Status 1 where a result is wrong, or code is not interpreted, or none is there.
"""

import json
import sys
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.console import Console
from rich.table import Table

from bench.gpu.sass import launch, lines
from bench.gpu.sass.budget import BUDGETS
from bench.gpu.sass.launch import CASES, case_of
from bench.gpu.sass.phases import KINDS, OTHER, Share, shares
from bench.gpu.sass.warp import Fault
from saln_kernels.backends import cuda


def wide(stream: TextIO) -> Console:
    """As wide as the terminal, or as the tables are."""
    return Console(file=stream, width=None if stream.isatty() else 120)


screen = wide(sys.stderr)


def main(
    library: Annotated[list[Path], typer.Option(help="Where the kernels are; again for more.")] = [cuda.LIBRARY],  # noqa: B006
    case: Annotated[list[str], typer.Option(help="A case, or C,b,d,k,solver; again for more.")] = list(CASES),  # noqa: B006
    arch: Annotated[str, typer.Option(help="Of the machine code.")] = "90a",
    top: Annotated[int, typer.Option(help="Also the source lines that take most.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Count the instructions that the compiled kernels are issued."""
    out, totals, failed = screen if as_json else wide(sys.stdout), {}, False
    for name in case:
        try:
            wanted = case_of(name)
            code, counts = launch.execute(wanted, library, arch)
        except (LookupError, ValueError, FileNotFoundError, Fault) as error:
            screen.print(f"{name}: {error}", soft_wrap=True, markup=False, highlight=False)
            failed = failed or isinstance(error, Fault)
            continue
        found = shares(code, counts, wanted.taken)
        totals[name] = round(sum(share.total for share in found.values()))
        out.print(table(name, found, launch.predicted(wanted)))
        if top:
            out.print(lines.table(code, counts, wanted.taken, top))
    if as_json:
        print(json.dumps(totals))
    if failed or not totals:
        raise typer.Exit(1)


def table(name: str, found: dict[str, Share], model: dict[str, float]) -> Table:
    """One case, a row a phase."""
    kinds, budget = [*KINDS, OTHER], BUDGETS.get(name)
    limit = f"; {budget}" if budget else ""
    result = Table("phase", title=f"{name}: warp instructions a candidate{limit}")
    for heading in ("issued", "model", *kinds):
        result.add_column(heading, justify="right")
    whole = Share(
        sum(share.total for share in found.values()),
        {kind: sum(share.kinds.get(kind, 0) for share in found.values()) for kind in kinds},
    )
    predictions = {**model, "sum": sum(model.values())}
    for phase, share in {**found, "sum": whole}.items():
        numbers = (share.total, predictions[phase], *(share.kinds.get(kind, 0) for kind in kinds))
        result.add_row(phase, *(f"{number:.0f}" for number in numbers))
    return result


if __name__ == "__main__":
    typer.run(main)
