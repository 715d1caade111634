"""What the commands share that work over files larger than memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from saln.cli.app import progress_bar

Memory = Annotated[
    str,
    typer.Option(
        help="To hold at most beside the program, mapped files and what is cached of them; on Ray, each worker."
    ),
]
Engine = Annotated[
    str, typer.Option(help="local, or ray: the cluster that RAY_ADDRESS names or that runs here, else one made for it.")
]
Restart = Annotated[
    bool, typer.Option("--restart", help="Begin anew, even where a run with other inputs or options was begun.")
]


@contextmanager
def counted() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each thing that is counted, made when it is first heard of."""
    with progress_bar("") as progress:
        bars: dict[str, Any] = {}

        def show(what: str, finished: int, total: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what, total=total)
            progress.update(bars[what], completed=finished)

        yield show
