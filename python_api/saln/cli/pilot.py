"""`saln pilot`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from saln.cli.app import app, command_line, one_line_errors, progress_bar, split, writable
from saln.cli.options import Columns, FeatureKey, JsonOption


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
    with one_line_errors():
        from saln.pilot.config import PilotConfig
        from saln.pilot.methods import make_methods
        from saln.pilot.runner import run_pilot
        from saln.pilot.screen import print_result
        from saln.report import render_report

        writable(output)
        config = PilotConfig(
            methods=tuple(split(methods)),
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
        with progress_bar("steps") as progress:
            bars = {each.name: progress.add_task(each.name, total=seeds * steps) for each in chosen}
            result = run_pilot(dataset, config, chosen, lambda name, count: progress.advance(bars[name], count))
        command = command_line(context)
        render_report(result, output, command)
    if as_json:
        typer.echo(json.dumps({**result.as_dict(), "command": command, "report": str(output)}))
    else:
        print_result(result, Console())
    typer.echo(f"Report: {output.resolve()}", err=as_json)


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
        columns=split(columns),
    )
