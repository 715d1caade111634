"""`saln explain`."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saln.cli.app import app, command_line, one_line_errors, writable
from saln.cli.options import JsonOption, Lang

if TYPE_CHECKING:
    from torch import Tensor


@app.command()
def explain(
    context: typer.Context,
    features: Annotated[
        str,
        typer.Argument(
            help="FILE or FILE:ARRAY with features [N, d]; or a table, whose columns are brought to one scale."
        ),
    ],
    batch: Annotated[
        str, typer.Argument(help="Row numbers 3,17,29; or FILE, FILE:ARRAY, FOLDER:RUN of a pilot, with --step.")
    ],
    step: Annotated[int | None, typer.Option(help="Which batch of the file, from 1.")] = None,
    similarity: Annotated[str, typer.Option(help="linear, cosine, rbf, or precomputed: features [N, N].")] = "cosine",
    gamma: Annotated[float | None, typer.Option(help="Of the similarity rbf.  [default: 1/d]")] = None,
    center: Annotated[bool, typer.Option("--center", help="Center the matrix.")] = False,
    laplacian: Annotated[str | None, typer.Option(help="Split the batch: unnormalized or symmetric.")] = None,
    negative: Annotated[str, typer.Option(help="Negative similarities in it: clamp, shift, keep.")] = "clamp",
    directions: Annotated[int, typer.Option(help="Principal directions to show.")] = 4,
    carriers: Annotated[int, typer.Option(help="Samples of each.")] = 8,
    references: Annotated[int, typer.Option(help="Random batches to compare with.")] = 256,
    labels: Annotated[str | None, typer.Option(help="FILE or FILE:COLUMN that names the samples.")] = None,
    images: Annotated[Path | None, typer.Option(help="File with the images of the samples, for a page.")] = None,
    seed: Annotated[int, typer.Option(help="Of the random batches.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A page (html) or a picture (svg, png, pdf).")
    ] = None,
    lang: Lang = "en",
    as_json: JsonOption = False,
) -> None:
    """Show a batch's spectrum beside random ones, its principal directions, and the samples that carry them."""
    with one_line_errors():
        import torch

        from saln.audit.inputs import find_run, is_run, read_pool, read_selection
        from saln.datasets import ArrayFile, DataError, read_column, read_images
        from saln.explain import explain_batch
        from saln.pages.explain_page import (
            direction_words,
            headline,
            repeated_words,
            split_words,
            write_explanation,
        )

        numbers = re.fullmatch(r"\s*\d+(\s*,\s*\d+)*\s*", batch)
        source = batch if numbers else find_run(batch)
        if output is not None:
            writable(output, features, source, labels, images)
        x = _features(features, labels)
        pool = None
        if numbers:
            rows = torch.tensor([int(each) for each in batch.split(",")])
        else:
            steps = torch.from_numpy(read_selection(source).astype("int64"))
            if steps.dim() == 2 and step is None:
                raise DataError(
                    f"step: {batch} has {steps.shape[0]} batches; name one with --step 1 to {steps.shape[0]}"
                )
            if steps.dim() == 2 and not 1 <= (step or 0) <= steps.shape[0]:
                raise DataError(f"step is {step}; {batch} has batches 1 to {steps.shape[0]}")
            rows = steps if steps.dim() == 1 else steps[(step or 1) - 1]
            could = read_pool(f"{source}:pool", []) if is_run(source) else None
            pool = None if could is None else torch.from_numpy(could).nonzero().squeeze(1)
        groups = None if labels is None else read_column(labels, x.shape[0])
        pixels = None if images is None else read_images(ArrayFile(images))
        if pixels is not None and len(pixels) != len(x):
            raise DataError(f"images: {len(pixels)} of them, but the features have {len(x)} rows")
        found = explain_batch(
            x,
            rows,
            similarity=similarity,
            gamma=gamma,
            center=center,
            laplacian=laplacian,
            negative=negative,
            directions=directions,
            carriers=carriers,
            references=references,
            pool=pool,
            labels=None if groups is None else [groups.names[code] for code in groups.codes],
            seed=seed,
        )
        command = command_line(context)
        if output is not None:
            write_explanation(found, output, command, pixels, lang)
    if as_json:
        typer.echo(
            json.dumps({**found.as_dict(), "command": command, "output": None if output is None else str(output)})
        )
        return
    typer.echo(headline(found))
    repeated = repeated_words(found)
    if repeated is not None:
        typer.echo(repeated)
    low, middle, high = found.reference_rank
    typer.echo(
        f"Effective rank {found.effective_rank:.2f}; random batches {low:.2f}, {middle:.2f}, {high:.2f} (5, 50, 95 %)"
    )
    for number, direction in enumerate(found.directions, 1):
        typer.echo(f"Direction {number}: {direction_words(direction)}")
    split = split_words(found)
    if split is not None and found.split is not None:
        typer.echo(split)
        for side in found.split.sides:
            typer.echo(f"  {len(side)}: {', '.join(map(str, side))}")
    if output is not None:
        typer.echo(f"Written: {output.resolve()}")


def _features(text: str, labels: str | None) -> "Tensor":
    """Those of a file, or the columns of a table but its labels."""
    import torch

    from saln.audit.inputs import read_features
    from saln.cli.features import features_of
    from saln.datasets import read_source
    from saln.datasets.files import TABLES
    from saln.datasets.named import split_name

    path, names = split_name(text)
    if names or path.suffix.lower() not in TABLES:
        return torch.from_numpy(read_features(text))
    named = None if labels is None else split_name(labels)
    ignore = [] if named is None or named[0] != path else named[1]
    return features_of(read_source(path, ignore=ignore), str(path))[0]
