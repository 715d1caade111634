"""The command line. Reads options, calls one function, prints what it returns."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

app = typer.Typer(
    help="Choose batches by their spectra, and find out whether it pays.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output, nothing else.")]
FeatureKey = Annotated[
    str | None, typer.Option(help="Array, tensor or list column with the features, if it has an unusual name.")
]
Columns = Annotated[str | None, typer.Option(help="Scalar parquet columns to take as features, separated by commas.")]


@app.command()
def pilot(
    context: typer.Context,
    data: Annotated[
        str, typer.Argument(help="npz, npy, safetensors or parquet file; or digits, breast_cancer, wine (built in).")
    ] = "digits",
    methods: Annotated[str, typer.Option(help="Separated by commas; see `saln methods`. guard:NAME wraps one.")] = (
        "uniform,saln,jest,spectral_candidates"
    ),
    seeds: Annotated[int, typer.Option(help="Runs of each method.")] = 5,
    steps: Annotated[int, typer.Option(help="Training steps of each run.")] = 200,
    batch_size: Annotated[int, typer.Option(help="Samples kept in each step.")] = 64,
    filter_ratio: Annotated[float, typer.Option(help="Share of each super-batch thrown away.")] = 0.8,
    model: Annotated[str, typer.Option(help="linear or mlp.")] = "mlp",
    hidden: Annotated[int, typer.Option(help="Hidden units of the MLP and the reference network.")] = 128,
    learning_rate: Annotated[float, typer.Option(help="Of Adam.")] = 1e-3,
    features: Annotated[
        str, typer.Option(help="What selectors see: given (the rows), reference (a network's activations), auto.")
    ] = "auto",
    reference_share: Annotated[float, typer.Option(help="Training rows held out for the reference network.")] = 0.2,
    reference_steps: Annotated[int | None, typer.Option(help="Its training steps.  [default: steps]")] = None,
    test_share: Annotated[float, typer.Option(help="Rows to test on, where the data do not say which.")] = 0.25,
    target_accuracy: Annotated[
        float | None, typer.Option(help="For time to target.  [default: 0.99 of uniform's final accuracy]")
    ] = None,
    evaluations: Annotated[int, typer.Option(help="Evaluations of each run; they are not timed.")] = 30,
    threads: Annotated[int, typer.Option(help="Threads for training and selection.")] = 1,
    labels: Annotated[Path | None, typer.Option(help="File with the labels, where they are apart (npy).")] = None,
    feature_key: FeatureKey = None,
    label_key: Annotated[str | None, typer.Option(help="Array or column with the labels.")] = None,
    test_key: Annotated[str | None, typer.Option(help="Array or column that marks the test rows.")] = None,
    columns: Columns = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The report, one HTML file.")] = Path("report.html"),
    as_json: JsonOption = False,
) -> None:
    """Train with and without selection on equal terms, and report whether it paid."""
    with _one_line_errors():
        from saln.pilot.config import PilotConfig
        from saln.pilot.methods import make_methods
        from saln.pilot.runner import run_pilot
        from saln.pilot.screen import print_result
        from saln.report import render_report

        _writable(output)
        config = PilotConfig(
            methods=tuple(_split(methods)),
            seeds=seeds,
            steps=steps,
            batch_size=batch_size,
            filter_ratio=filter_ratio,
            model=model,  # type: ignore[arg-type]  # checked by PilotConfig
            hidden=hidden,
            learning_rate=learning_rate,
            features=features,  # type: ignore[arg-type]  # checked by PilotConfig
            reference_share=reference_share,
            reference_steps=reference_steps,
            test_share=test_share,
            target_accuracy=target_accuracy,
            evaluations=evaluations,
            threads=threads,
        )
        chosen = make_methods(config.methods)
        dataset = _dataset(data, labels, feature_key, label_key, test_key, columns)
        with _progress("steps") as progress:
            bars = {each.name: progress.add_task(each.name, total=seeds * steps) for each in chosen}
            result = run_pilot(dataset, config, chosen, lambda name, count: progress.advance(bars[name], count))
        command = _command(context)
        render_report(result, output, command)
    if as_json:
        typer.echo(json.dumps({**result.as_dict(), "command": command, "report": str(output)}))
    else:
        print_result(result, Console())
    typer.echo(f"Report: {output.resolve()}", err=as_json)


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
    with _one_line_errors():
        from saln.datasets import load_candidates, load_features, write_scores
        from saln.score import score_in_chunks

        _writable(output)
        x = load_features(features, feature_key, _split(columns))
        batches = load_candidates(candidates, candidate_key)
        options = {
            "similarity": similarity, "k": k, "q": q, "sigma": sigma, "gamma": gamma, "center": center,
            "laplacian": laplacian, "negative": negative, "solver": solver, "backend": backend,
        }  # fmt: skip
        with _progress("candidates") as progress:
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


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Say what works on this machine and what is missing; status 1 where a backend gives wrong answers."""
    from saln.doctor import diagnose

    found = diagnose()
    if as_json:
        typer.echo(json.dumps(found.as_dict()))
        raise typer.Exit(0 if found.ok else 1)
    typer.echo(str(found.build))
    typer.echo("\nThe backends that serve here, against the reference")
    for check in found.checks:
        typer.echo(f"  {'ok    ' if check.ok else 'FAILED'}  {check.name} on {check.backend}: {check.detail}")
    typer.echo("\nAll is well." if found.ok else "\nNot everything works; see above.")
    raise typer.Exit(0 if found.ok else 1)


@app.command()
def methods(as_json: JsonOption = False) -> None:
    """List the selection methods."""
    from saln.selectors import SELECTORS

    found = list(SELECTORS.values())
    if as_json:
        rows = [
            {"name": each.name, "description": each.description, "paper": each.paper, "needs": list(each.needs)}
            for each in found
        ]
        typer.echo(json.dumps({"schema": "saln.methods/1", "methods": rows}))
        return
    table = Table(Column("method", no_wrap=True), "what it does", "needs beside features", "from")
    for each in found:
        table.add_row(each.name, each.description, ", ".join(each.needs) or "-", each.paper)
    Console().print(table)


def main() -> None:
    """Entry point of the command `saln`."""
    app()


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """A wrong file, column or option ends in one line and status 2, not in a traceback."""
    try:
        yield
    except (ValueError, TypeError, IndexError, RuntimeError, OSError) as error:
        Console(stderr=True, soft_wrap=True).print(Text(f"error: {' '.join(str(error).split())}"))
        raise typer.Exit(2) from error


def _dataset(
    data: str,
    labels: Path | None,
    feature_key: str | None,
    label_key: str | None,
    test_key: str | None,
    columns: str | None,
) -> Any:
    from saln.datasets import BUILTIN, load_builtin, load_dataset

    if data in BUILTIN and not Path(data).exists():
        return load_builtin(data)
    return load_dataset(
        Path(data),
        labels_path=labels,
        feature_key=feature_key,
        label_key=label_key,
        test_key=test_key,
        columns=_split(columns),
    )


def _split(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _writable(output: Path) -> None:
    from saln.datasets import DataError

    if output.is_dir():
        raise DataError(f"{output}: is a folder; name a file to write")
    if not output.resolve().parent.is_dir():
        raise DataError(f"{output}: the folder {output.parent} does not exist")


def _progress(unit: str) -> Progress:
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


def _command(context: typer.Context) -> str:
    """The command line that repeats a call, with every option that has a value."""
    words = ["saln", str(context.info_name)]
    for parameter in context.command.params:
        value = context.params.get(str(parameter.name))
        if parameter.param_type_name == "argument":
            words.append(str(value))
        elif value is not None and not isinstance(value, bool):
            words += [max(parameter.opts, key=len), str(value)]
    return shlex.join(words)


if __name__ == "__main__":
    main()
