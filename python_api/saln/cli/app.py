"""The application, and what its commands share."""

import shlex
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.progress import Progress

app = typer.Typer(
    help="Choose batches by their spectra, and find out whether it pays.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


INTERRUPTED = 130
"""Exit status after Ctrl-C, as of what a shell runs."""


@contextmanager
def one_line_errors(kept: str = "") -> Iterator[None]:
    """A wrong file, column or option ends in one line and status 2, not in a traceback; Ctrl-C in one and status 130.

    What somebody's own training raises is shown with its traceback: it says where. `kept` says where what is
    finished by then is found by the same command.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        goes_on = f"; what is finished is kept {kept}: the same command goes on" if kept else ""
        typer.echo(f"interrupted{goes_on}", err=True)
        raise typer.Exit(INTERRUPTED) from error
    except (ValueError, TypeError, IndexError, RuntimeError, OSError, ImportError) as error:
        if _is_of_a_training(error):
            raise
        from rich.console import Console
        from rich.text import Text

        Console(stderr=True, soft_wrap=True).print(Text(f"error: {' '.join(str(error).split())}"))
        raise typer.Exit(2) from error


def _is_of_a_training(error: BaseException) -> bool:
    """Whether it was raised below the user's training, and not by this package there."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = str(Path(__file__).parents[1])
    return any(each.name == "run_method" and each.filename.startswith(ours) for each in frames) and not frames[
        -1
    ].filename.startswith(ours)


def split(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def writable(output: Path, *inputs: str | Path | None, also: Iterable[Path] = ()) -> None:
    """A DataError if the output cannot be written, or if it, or what is written also, is an input: `FILE:NAME`."""
    from saln.datasets import DataError
    from saln.datasets.named import split_name
    from saln.datasets.outputs import refuse_input

    for path in (output, *also):
        refuse_input(path, [split_name(str(each))[0] for each in inputs if each is not None])
    if output.is_dir():
        raise DataError(f"{output}: is a folder; name a file to write")
    if not output.resolve().parent.is_dir():
        raise DataError(f"{output}: the folder {output.parent} does not exist")


def progress_bar(unit: str) -> "Progress":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def command_line(context: typer.Context) -> str:
    """The command line that repeats a call, with every option that has a value; how to print is left to the reader."""
    words = ["saln", str(context.info_name)]
    for parameter in context.command.params:
        value = context.params.get(str(parameter.name))
        if parameter.param_type_name == "argument":
            words.append(str(value))
            continue
        option = max(parameter.opts, key=len)
        if isinstance(value, list | tuple):
            words += [word for each in value for word in (option, str(each))]
        elif value is True and option != "--json":
            words.append(option)
        elif value is not None and not isinstance(value, bool):
            words += [option, str(value)]
    return shlex.join(words)
