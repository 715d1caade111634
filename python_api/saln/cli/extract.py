"""`saln extract`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from saln.cli.app import app, one_line_errors, split
from saln.cli.large_files import counted
from saln.cli.options import JsonOption


@app.command()
def extract(
    data: Annotated[
        Path,
        typer.Argument(help="A folder of images, a table of texts, image paths or numbers, a saved data set."),
    ],
    model: Annotated[
        str,
        typer.Option(
            "--model", "-m", help="timm:NAME, transformers:NAME, sentence-transformers:NAME or FILE.py:FUNCTION."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Features [N, d]: npy.")] = Path("features.npy"),
    text: Annotated[str | None, typer.Option(help="Column with the texts, if it has an unusual name.")] = None,
    image: Annotated[str | None, typer.Option(help="Column with the images, if it has an unusual name.")] = None,
    columns: Annotated[str | None, typer.Option(help="Columns of numbers to take, separated by commas.")] = None,
    layer: Annotated[str | None, typer.Option(help="Layer whose output is wanted, in place of the model's.")] = None,
    pooling: Annotated[str | None, typer.Option(help="Of tokens: mean, cls or last.")] = None,
    normalize: Annotated[bool, typer.Option("--normalize", help="Give each row length 1.")] = False,
    batch_size: Annotated[int, typer.Option(help="Inputs a forward pass.")] = 32,
    dtype: Annotated[str, typer.Option(help="Of the file: float32 or float16.")] = "float32",
    autocast: Annotated[str | None, typer.Option(help="bfloat16 or float16: precision of matrix products.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, …; left out, a GPU if there is one")] = None,
    max_length: Annotated[int | None, typer.Option(help="Tokens of a text, at most.; left out, the model's")] = None,
    workers: Annotated[int, typer.Option(help="Processes that read data.")] = 0,
    random_weights: Annotated[bool, typer.Option("--random-weights", help="The architecture alone.")] = False,
    skip_broken: Annotated[
        bool, typer.Option("--skip-broken", help="Rows that cannot be read become NaN and are named.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Extract even what is there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a row of features a sample, in the data's order.

    The same model and data are not computed again; a run that was interrupted or killed goes on where it was when it is
    called again. OUTPUT.json says what the features were made from.
    """
    with one_line_errors(kept=f"beside {output}"):
        from saln.features.extraction import run

        options = {
            "layer": layer, "pooling": pooling, "normalize": normalize, "autocast": autocast, "device": device,
            "transform": None, "max_length": max_length, "input": None, "pretrained": not random_weights,
        }  # fmt: skip
        named = {"text": text, "image": image, "columns": split(columns)}
        source = {name: value for name, value in named.items() if value}
        with counted() as progress:
            done = run(
                model, data, output, options, batch_size=batch_size, dtype=dtype, num_workers=workers,
                skip_broken=skip_broken, progress=progress, fresh=fresh, source=source,
            )  # fmt: skip
    found = done.features
    if as_json:
        shown = {"rows": found.rows, "width": found.width, "dtype": str(found.array.dtype), "seconds": found.seconds}
        facts = {"cached": done.cached, "resumed": done.resumed, "model": found.model, "notes": list(found.notes)}
        typer.echo(json.dumps({"schema": "saln.extract/1", "output": str(output), **shown, **facts}))
        return
    if done.cached:
        typer.echo(f"{found.rows} rows of {found.width} features are there already; --fresh extracts them again")
    else:
        typer.echo(f"{found.rows} rows of {found.width} features in {found.seconds:.2f} s")
    if done.resumed:
        typer.echo(f"{done.resumed} of them were finished before")
    for note in found.notes:
        typer.echo(note)
    typer.echo(f"Features: {output.resolve()}")
