"""`saln score`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from saln.cli.app import app, one_line_errors, progress_bar, split, writable
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
    similarity: Annotated[str, typer.Option(help="linear, cosine, rbf or precomputed.")] = "linear",
    k: Annotated[int | None, typer.Option(help="Eigenvalues that `energy` counts.")] = None,
    q: Annotated[float, typer.Option(help="Order of `vendi`.")] = 1.0,
    sigma: Annotated[float, typer.Option(help="Noise of `logdet`.")] = 1.0,
    gamma: Annotated[float | None, typer.Option(help="Of the similarity rbf.  [default: 1/d]")] = None,
    center: Annotated[bool, typer.Option("--center", help="Center the matrix of each candidate.")] = False,
    laplacian: Annotated[str | None, typer.Option(help="unnormalized or symmetric.")] = None,
    negative: Annotated[str, typer.Option(help="Negative similarities in a Laplacian: clamp, shift, keep.")] = "clamp",
    solver: Annotated[str, typer.Option(help="auto, exact or randomized.")] = "auto",
    backend: Annotated[str | None, typer.Option(help="cpu or reference.  [default: the fastest]")] = None,
    chunk: Annotated[int, typer.Option(help="Candidates a call; makes no difference to scores.")] = 4096,
    feature_key: FeatureKey = None,
    candidate_key: Annotated[str | None, typer.Option(help="Array with the candidates.")] = None,
    columns: Columns = None,
    as_json: JsonOption = False,
) -> None:
    """Score every candidate batch of a file."""
    with one_line_errors():
        from saln.datasets import load_candidates, load_features, write_scores
        from saln.score import score_in_chunks

        writable(output)
        x = load_features(features, feature_key, split(columns))
        batches = load_candidates(candidates, candidate_key)
        options = {
            "similarity": similarity, "k": k, "q": q, "sigma": sigma, "gamma": gamma, "center": center,
            "laplacian": laplacian, "negative": negative, "solver": solver, "backend": backend,
        }  # fmt: skip
        with progress_bar("candidates") as progress:
            bar = progress.add_task(criterion, total=batches.shape[0])
            scores, summary = score_in_chunks(
                x, batches, criterion, options, chunk=chunk, progress=lambda count: progress.advance(bar, count)
            )
        write_scores(output, scores.numpy())
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
    typer.echo(f"Scores: {output.resolve()}")
