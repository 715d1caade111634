"""`saln score`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from saln.cli.app import app, one_line_errors, split, writable
from saln.cli.large_files import Engine, Memory, Restart, counted
from saln.cli.options import Columns, FeatureKey, JsonOption


@app.command()
def score(
    features: Annotated[Path, typer.Argument(help="npy, npz, safetensors or parquet: features [N, d].")],
    candidates: Annotated[Path, typer.Argument(help="npy, npz, safetensors or parquet: row numbers [C, b], -1 pads.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Scores [C]: npy, npz or parquet.")] = Path(
        "scores.npy"
    ),
    criterion: Annotated[str, typer.Option(help="effective_rank, energy, vendi, … (docs/design.md)")] = (
        "effective_rank"
    ),
    similarity: Annotated[str, typer.Option(help="linear, cosine, rbf, precomputed, or gradient with --residuals.")] = (
        "linear"
    ),
    residuals: Annotated[Path | None, typer.Option(help="File with softmax minus one-hot [N, c].")] = None,
    quality: Annotated[Path | None, typer.Option(help="File with weights of the samples [N].")] = None,
    k: Annotated[int | None, typer.Option(help="Eigenvalues that `energy` counts.")] = None,
    q: Annotated[float, typer.Option(help="Order of `vendi`.")] = 1.0,
    sigma: Annotated[float, typer.Option(help="Noise of `logdet`.")] = 1.0,
    gamma: Annotated[float | None, typer.Option(help="Of the similarity rbf.  [default: 1/d]")] = None,
    center: Annotated[bool, typer.Option("--center", help="Center the matrix of each candidate.")] = False,
    laplacian: Annotated[str | None, typer.Option(help="unnormalized or symmetric.")] = None,
    negative: Annotated[str, typer.Option(help="Negative similarities in a Laplacian: clamp, shift, keep.")] = "clamp",
    solver: Annotated[str, typer.Option(help="auto, exact or randomized.")] = "auto",
    backend: Annotated[str | None, typer.Option(help="cpu or reference.  [default: the fastest]")] = None,
    chunk: Annotated[
        int | None, typer.Option(help="Candidates at once; no score depends on it.  [default: by memory]")
    ] = None,
    memory: Memory = "512MiB",
    engine: Engine = "local",
    restart: Restart = False,
    feature_key: FeatureKey = None,
    candidate_key: Annotated[str | None, typer.Option(help="Array with the candidates.")] = None,
    columns: Columns = None,
    as_json: JsonOption = False,
) -> None:
    """Score every candidate batch of a file.

    The features may be larger than memory. A run that was interrupted or killed goes on where it was when it is called
    again; what it has finished is in OUTPUT.partial until then.
    """
    with one_line_errors(kept=f"in {output}.partial"):
        from saln.offline import score_file
        from saln.offline.budget import parse_bytes

        writable(output)
        with counted() as progress:
            summary = score_file(
                features, candidates, output, criterion, residuals=residuals, quality=quality,
                feature_key=feature_key, candidate_key=candidate_key, columns=split(columns),
                memory=parse_bytes("memory", memory), chunk=chunk, engine=engine, restart=restart, progress=progress,
                similarity=similarity, k=k, q=q, sigma=sigma, gamma=gamma, center=center, laplacian=laplacian,
                negative=negative, solver=solver, backend=backend,
            )  # fmt: skip
    if as_json:
        shown = {"criterion": criterion, "similarity": similarity, "output": str(output), **summary.as_dict()}
        typer.echo(json.dumps({"schema": "saln.score/1", **shown}))
        return
    if summary.minimum is None:
        typer.echo(f"{summary.candidates} candidates, none with a finite score")
    else:
        typer.echo(
            f"{summary.candidates} candidates in {summary.seconds:.2f} s: {criterion} from {summary.minimum:.6g} "
            f"to {summary.maximum:.6g}, median {summary.median:.6g}"
        )
        typer.echo("best: " + ", ".join(f"{number} ({value:.6g})" for number, value in summary.best))
    if summary.not_finite:
        typer.echo(f"{summary.not_finite} candidates hold values that are not finite")
    if summary.resumed:
        typer.echo(f"{summary.resumed} of them were finished before")
    typer.echo(f"Features: {summary.features}")
    typer.echo(f"Scores: {output.resolve()}")
