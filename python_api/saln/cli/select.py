"""`saln select`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from saln.cli.app import app, one_line_errors, split, writable
from saln.cli.large_files import Engine, Memory, Restart, counted
from saln.cli.options import Columns, FeatureKey, JsonOption


@app.command()
def select(
    features: Annotated[Path, typer.Argument(help="npy, npz, safetensors or parquet: features [N, d].")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Row numbers [B, b]: npy, npz or parquet.")] = Path(
        "selected.npy"
    ),
    method: Annotated[
        str,
        typer.Option(
            help="See `saln methods`. With options: saln:keep=positive, guard:floor=0.8:jest. On Ray name one without "
            "memory, such as spectral_candidates."
        ),
    ] = "auto",
    batch_size: Annotated[int, typer.Option(help="Samples of each batch.")] = 64,
    filter_ratio: Annotated[float, typer.Option(help="Share of each super-batch thrown away.")] = 0.8,
    epochs: Annotated[int, typer.Option(help="Each as long as a plain loader's, unless --passes is given.")] = 1,
    passes: Annotated[
        int | None, typer.Option(help="End an epoch after so many passes over the super-batches; 1 is the shortest.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of order and method.")] = 0,
    drop_last: Annotated[bool, typer.Option("--drop-last", help="Leave out a batch that would be short.")] = False,
    labels: Annotated[Path | None, typer.Option(help="File with labels [N], for methods that need them.")] = None,
    losses: Annotated[Path | None, typer.Option(help="File with losses [N].")] = None,
    reference_losses: Annotated[Path | None, typer.Option(help="File with losses of a reference model [N].")] = None,
    residuals: Annotated[Path | None, typer.Option(help="File with softmax minus one-hot [N, c].")] = None,
    quality: Annotated[Path | None, typer.Option(help="File with weights of the samples [N].")] = None,
    memory: Memory = "512MiB",
    engine: Engine = "local",
    restart: Restart = False,
    feature_key: FeatureKey = None,
    columns: Columns = None,
    as_json: JsonOption = False,
) -> None:
    """Choose the batches of some epochs: those that SpectralBatchSampler would serve.

    No row is left out for good; `saln prune` does that, once, before training. The features may be larger than memory.
    A run that was interrupted or killed goes on where it was when it is called again; what it has finished is in
    OUTPUT.partial until then.
    """
    with one_line_errors(kept=f"in {output}.partial"):
        from saln.offline import select_file
        from saln.offline.budget import parse_bytes

        writable(output)
        files = {
            "labels": labels, "losses": losses, "reference_losses": reference_losses, "residuals": residuals,
            "quality": quality,
        }  # fmt: skip
        values = {name: path for name, path in files.items() if path is not None}
        with counted() as progress:
            summary = select_file(
                features, output, method=method, batch_size=batch_size, filter_ratio=filter_ratio, epochs=epochs,
                passes=passes, seed=seed, drop_last=drop_last, values=values, feature_key=feature_key,
                columns=split(columns),
                memory=parse_bytes("memory", memory), engine=engine, restart=restart, progress=progress,
            )  # fmt: skip
    if as_json:
        shown = {"method": method, "seed": seed, "output": str(output), **summary.as_dict()}
        typer.echo(json.dumps({"schema": "saln.select/1", **shown}))
        return
    typer.echo(f"{method}: {summary.in_words()}, in {summary.seconds:.2f} s")
    if summary.left_out:
        typer.echo(f"{summary.left_out} samples hold values that are not finite and are in no batch")
    if summary.resumed:
        typer.echo(f"{summary.resumed} of them were finished before")
    typer.echo(f"Features: {summary.features}")
    typer.echo(f"Batches: {output.resolve()}")
