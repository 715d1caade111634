"""`saln pilot`."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from saln.cli.app import app, command_line, one_line_errors, progress_bar, split, writable
from saln.cli.options import Columns, FeatureKey, Groups, JsonOption

FAILED, UNDECIDED = 1, 3
"""Exit statuses where a gate failed, and where none did but one is undecided."""

TRAINING, DATA, SPOILED, JUDGING, OUTPUT = "Training", "Data", "Data made worse", "Success and cost", "Output"


@app.command()
def pilot(
    context: typer.Context,
    data: Annotated[
        str,
        typer.Argument(
            help="A table (csv, tsv, jsonl, json, parquet), a folder of images in a folder a class, arrays (npz, npy, "
            "safetensors), or digits, breast_cancer, wine."
        ),
    ] = "digits",
    methods: Annotated[
        str, typer.Option(help="Separated by commas; see `saln methods`. With options: saln:keep=positive,guard:jest.")
    ] = "uniform,auto,jest,rho_loss,saln",
    seeds: Annotated[int, typer.Option(help="Runs of each method.")] = 5,
    steps: Annotated[int, typer.Option(help="Training steps of each run.")] = 200,
    batch_size: Annotated[int, typer.Option(help="Samples kept in each step.")] = 64,
    filter_ratio: Annotated[float, typer.Option(help="Share of each super-batch thrown away.")] = 0.8,
    model: Annotated[str, typer.Option(help="linear, mlp, or resnet (on images).", rich_help_panel=TRAINING)] = "mlp",
    hidden: Annotated[int, typer.Option(help="Hidden units of MLPs.", rich_help_panel=TRAINING)] = 128,
    width: Annotated[int, typer.Option(help="First channels of the residual network.", rich_help_panel=TRAINING)] = 16,
    blocks: Annotated[int, typer.Option(help="Its blocks a stage, of three.", rich_help_panel=TRAINING)] = 1,
    image_size: Annotated[
        int | None,
        typer.Option(
            help="Side images are brought to.  [default: as they are; in files, if of one size up to 128]",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    learning_rate: Annotated[float, typer.Option(help="Of Adam.", rich_help_panel=TRAINING)] = 1e-3,
    metric: Annotated[
        str, typer.Option(help="accuracy, balanced_accuracy or roc_auc.", rich_help_panel=TRAINING)
    ] = "accuracy",
    features: Annotated[
        str,
        typer.Option(
            help="A file with features of the rows; or what selectors see: given (the rows), reference (a network's "
            "activations), auto.",
            rich_help_panel=TRAINING,
        ),
    ] = "auto",
    feature_ms: Annotated[
        float,
        typer.Option(
            help="Milliseconds to extract one row's features, where they are given.", rich_help_panel=TRAINING
        ),
    ] = 0.0,
    reference_share: Annotated[
        float, typer.Option(help="Training rows held out for the reference network.", rich_help_panel=TRAINING)
    ] = 0.2,
    reference_steps: Annotated[
        int | None, typer.Option(help="Its training steps.  [default: steps]", rich_help_panel=TRAINING)
    ] = None,
    evaluations: Annotated[
        int, typer.Option(help="Evaluations of each run; they are not timed.", rich_help_panel=TRAINING)
    ] = 30,
    threads: Annotated[int, typer.Option(help="For training and selection.", rich_help_panel=TRAINING)] = 1,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, …", rich_help_panel=TRAINING)] = "cpu",
    test_share: Annotated[
        float, typer.Option(help="Rows to test on, where the data do not say which.", rich_help_panel=DATA)
    ] = 0.25,
    test_rows: Annotated[int | None, typer.Option(help="Most rows to test on.", rich_help_panel=DATA)] = None,
    labels: Annotated[
        Path | None, typer.Option(help="File with the labels, where they are apart (npy).", rich_help_panel=DATA)
    ] = None,
    feature_key: FeatureKey = None,
    label_key: Annotated[str | None, typer.Option(help="Array with the labels.", rich_help_panel=DATA)] = None,
    test_key: Annotated[str | None, typer.Option(help="Array that marks the test rows.", rich_help_panel=DATA)] = None,
    columns: Columns = None,
    ignore: Annotated[
        str | None, typer.Option(help="Arrays or columns to do without, separated by commas.", rich_help_panel=DATA)
    ] = None,
    groups: Groups = None,
    label_noise: Annotated[
        float, typer.Option(help="Share of training labels made wrong.", rich_help_panel=SPOILED)
    ] = 0.0,
    feature_noise: Annotated[
        float, typer.Option(help="Noise on training inputs, in standard deviations.", rich_help_panel=SPOILED)
    ] = 0.0,
    imbalance: Annotated[
        float, typer.Option(help="Share of its rows that half of the classes keep.", rich_help_panel=SPOILED)
    ] = 1.0,
    duplicates: Annotated[
        float, typer.Option(help="Share of training rows replaced by copies of a few.", rich_help_panel=SPOILED)
    ] = 0.0,
    gate: Annotated[
        list[str] | None,
        typer.Option(help="'time_to_accuracy <= 0.8 * uniform'; may be repeated.", rich_help_panel=JUDGING),
    ] = None,
    gates: Annotated[
        Path | None, typer.Option(help="File with gates: toml, json, or one a line.", rich_help_panel=JUDGING)
    ] = None,
    stages: Annotated[
        str | None,
        typer.Option(help="Shares of the training rows, 0.01,0.1,1.0, as long as gates pass.", rich_help_panel=JUDGING),
    ] = None,
    target_accuracy: Annotated[
        float | None,
        typer.Option(help="For time to target.  [default: 0.99 of uniform's final accuracy]", rich_help_panel=JUDGING),
    ] = None,
    price_per_hour: Annotated[float | None, typer.Option(help="Of the machine.", rich_help_panel=JUDGING)] = None,
    currency: Annotated[str, typer.Option(help="Of the price.", rich_help_panel=JUDGING)] = "EUR",
    full_training_hours: Annotated[
        float | None,
        typer.Option(help="Of a full training with uniform batches.  [default: as here]", rich_help_panel=JUDGING),
    ] = None,
    trainings: Annotated[
        int, typer.Option(help="Full trainings the pilot is to pay for.", rich_help_panel=JUDGING)
    ] = 1,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The report, one HTML file.", rich_help_panel=OUTPUT)
    ] = Path("report.html"),
    work: Annotated[
        Path | None,
        typer.Option(
            help="Folder of finished runs and results; a killed pilot goes on there.  [default: beside the report]",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Run again what is finished there.", rich_help_panel=OUTPUT)
    ] = False,
    csv: Annotated[
        Path | None, typer.Option(help="Folder for tables.  [default: the work folder]", rich_help_panel=OUTPUT)
    ] = None,
    tensorboard: Annotated[
        Path | None, typer.Option(help="Folder for learning curves while it runs.", rich_help_panel=OUTPUT)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Train with and without selection on equal terms, and report whether it paid.

    Status 0: every gate passed, or there is none; 1: a gate failed; 2: cannot be run as asked; 3: none failed, but a
    gate is undecided.
    """
    settings = dict(locals())
    with one_line_errors():
        from saln.datasets import read_groups
        from saln.pages import render_report, write_data
        from saln.pages.data import DRAWN
        from saln.pilot.config import FEATURE_SOURCES, PilotConfig
        from saln.pilot.judging.gates import read_gates
        from saln.pilot.output.bars import Bars
        from saln.pilot.output.files import RESULT, TABLES, write_chosen, write_json, write_tables
        from saln.pilot.output.live import TensorBoard
        from saln.pilot.output.screen import print_result
        from saln.pilot.runner import run_pilot
        from saln.pilot.training.methods import make_methods
        from saln.pilot.training.watch import Watchers

        folder = work or output.with_suffix(".pilot")
        tables = [*((csv or folder) / name for name in TABLES), *(folder / name for name in (RESULT, *DRAWN))]
        features_path = None if features in FEATURE_SOURCES else Path(features)
        if features_path is not None and not features_path.exists():
            raise ValueError(f"features '{features}' is neither a file nor one of {', '.join(FEATURE_SOURCES)}")
        writable(output, data, labels, features_path, gates, *(groups or []), also=tables)
        if price_per_hour is None and (full_training_hours is not None or trainings != 1):
            raise ValueError("price_per_hour is missing; full_training_hours and trainings are for reckoning in money")
        given = {
            "methods": tuple(split(methods)),
            "gates": (*(gate or ()), *(read_gates(gates) if gates else ())),
            "stages": _shares(stages),
            "features": features if features_path is None else "auto",
        }
        fields = PilotConfig.__dataclass_fields__
        config = PilotConfig(**{**{name: value for name, value in settings.items() if name in fields}, **given})
        chosen = make_methods(config.methods)
        by, group_notes = read_groups(groups) if groups else ([], [])
        dataset = _dataset(
            data, labels, features_path, feature_key, label_key, test_key, columns, ignore, image_size
        ).with_groups(by)
        with progress_bar("steps") as progress:
            watchers = Watchers([Bars(progress), *([TensorBoard(tensorboard)] if tensorboard else [])])
            result = run_pilot(dataset, config, chosen, watchers, work=folder, fresh=fresh)
        result = replace(result, notes=(*result.notes, *group_notes))
        command = command_line(context)
        write_json(result, folder, command)
        write_tables(result, csv or folder)
        write_chosen(result, dataset, folder)
        write_data(result, folder)
        render_report(result, output, command, dataset.images)
    if as_json:
        typer.echo(json.dumps({**result.as_dict(), "command": command, "report": str(output), "work": str(folder)}))
    else:
        from rich.console import Console

        print_result(result, Console())
    typer.echo(f"Report: {output.resolve()}; runs and tables: {(csv or folder).resolve()}", err=as_json)
    if result.gate_outcome in ("failed", "undecided"):
        raise typer.Exit(FAILED if result.gate_outcome == "failed" else UNDECIDED)


def _shares(text: str | None) -> tuple[float, ...]:
    try:
        return tuple(float(each) for each in split(text))
    except ValueError as error:
        raise ValueError(f"stages must be numbers separated by commas, not '{text}'") from error


def _dataset(
    data: str,
    labels: Path | None,
    features: Path | None,
    feature_key: str | None,
    label_key: str | None,
    test_key: str | None,
    columns: str | None,
    ignore: str | None,
    image_size: int | None,
) -> Any:
    from saln.datasets import BUILTIN, load_builtin, load_dataset

    if data in BUILTIN and not Path(data).exists():
        return load_builtin(data)
    return load_dataset(
        Path(data),
        labels_path=labels,
        features_path=features,
        feature_key=feature_key,
        label_key=label_key,
        test_key=test_key,
        columns=split(columns),
        ignore=split(ignore),
        image_size=image_size,
    )
