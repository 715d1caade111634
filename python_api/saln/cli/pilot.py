"""`saln pilot`."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from saln.cli.app import app, command_line, one_line_errors, progress_bar, split, writable
from saln.cli.options import Columns, FeatureKey, Groups, Ignore, JsonOption, LabelKey, Lang, TestKey

FAILED, UNDECIDED = 1, 3
"""Exit statuses where a gate failed, and where none did but one is undecided."""

TRAINING, DATA, SPOILED, OUTPUT = "Training", "Data", "Data made worse", "Output"
JUDGING, WORTH = "Success", "What it is worth a year"


@app.command()
def pilot(
    context: typer.Context,
    data: Annotated[
        str,
        typer.Argument(
            help="A table (csv, tsv, jsonl, json, parquet), a folder of images in a folder a class, arrays (npz, npy, "
            "safetensors), or digits, breast_cancer, wine; or your own training, FILE.py:FUNCTION."
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
        str | None,
        typer.Option(
            help="accuracy, balanced_accuracy or roc_auc; of your training, what it reports.  [default: the first]",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    lower_is_better: Annotated[
        bool, typer.Option("--lower-is-better", help="Where the name does not say so.", rich_help_panel=TRAINING)
    ] = False,
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
    threads: Annotated[
        int | None,
        typer.Option(help="For training and selection.  [default: 1; your training's own]", rich_help_panel=TRAINING),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, …", rich_help_panel=TRAINING)] = "cpu",
    test_share: Annotated[
        float, typer.Option(help="Rows to test on, where the data do not say which.", rich_help_panel=DATA)
    ] = 0.25,
    test_rows: Annotated[int | None, typer.Option(help="Most rows to test on.", rich_help_panel=DATA)] = None,
    labels: Annotated[
        Path | None, typer.Option(help="File with the labels, where they are apart (npy).", rich_help_panel=DATA)
    ] = None,
    feature_key: FeatureKey = None,
    label_key: LabelKey = None,
    test_key: TestKey = None,
    columns: Columns = None,
    ignore: Ignore = None,
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
    target: Annotated[
        float | None,
        typer.Option(help="For time to target.  [default: 0.99 of uniform's final value]", rich_help_panel=JUDGING),
    ] = None,
    price_per_hour: Annotated[float | None, typer.Option(help="Of the machine.", rich_help_panel=WORTH)] = None,
    people_price_per_hour: Annotated[float | None, typer.Option(help="Of people.", rich_help_panel=WORTH)] = None,
    people_hours: Annotated[
        float, typer.Option(help="Of people, once, to introduce selection.", rich_help_panel=WORTH)
    ] = 16.0,
    currency: Annotated[str, typer.Option(help="Of prices.", rich_help_panel=WORTH)] = "EUR",
    full_training_hours: Annotated[
        float | None,
        typer.Option(help="Of a full training with uniform batches.  [default: as here]", rich_help_panel=WORTH),
    ] = None,
    trainings_per_year: Annotated[float, typer.Option(help="Full trainings.", rich_help_panel=WORTH)] = 12.0,
    share_concerned: Annotated[
        float, typer.Option(help="Share of them that could use selection.", rich_help_panel=WORTH)
    ] = 1.0,
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
    wandb: Annotated[
        str | None, typer.Option(help="Project of Weights & Biases for the same.", rich_help_panel=OUTPUT)
    ] = None,
    mlflow: Annotated[
        str | None, typer.Option(help="Experiment of MLflow for the same.", rich_help_panel=OUTPUT)
    ] = None,
    lang: Lang = "en",
    as_json: JsonOption = False,
) -> None:
    """Train with and without selection on equal terms, and report whether it paid.

    Status 0: every gate passed, or there is none; 1: a gate failed; 2: cannot be run as asked; 3: none failed, but a
    gate is undecided.
    """
    given = {name: value for name, value in locals().items() if name not in ("context", "data")}
    folder = work or output.with_suffix(".pilot")
    with one_line_errors(kept=f"in {folder}"):
        from saln.catalogue import Words
        from saln.datasets import read_groups
        from saln.pages import render_report, write_data
        from saln.pages.data import DRAWN
        from saln.pilot.builtin.config import FEATURE_SOURCES
        from saln.pilot.judging.gates import read_gates
        from saln.pilot.output import live
        from saln.pilot.output.bars import Bars
        from saln.pilot.output.files import RESULT, TABLES, write_chosen, write_json, write_tables
        from saln.pilot.output.screen import print_result
        from saln.pilot.runner import run_pilot
        from saln.pilot.training.methods import make_methods
        from saln.pilot.training.watch import Watchers

        Words(lang)  # an error before anything is run, not after
        tables = [*((csv or folder) / name for name in TABLES), *(folder / name for name in (RESULT, *DRAWN))]
        features_path = None if features in FEATURE_SOURCES else Path(features)
        if features_path is not None and not features_path.exists():
            raise ValueError(f"features '{features}' is neither a file nor one of {', '.join(FEATURE_SOURCES)}")
        source = data.rpartition(":")[0] if ".py:" in data else data
        writable(output, source, labels, features_path, gates, *(groups or []), also=tables)
        given |= {
            "methods": tuple(split(methods)),
            "gates": (*(gate or ()), *(read_gates(gates) if gates else ())),
            "stages": _shares(stages),
            "higher_is_better": False if lower_is_better else None,
            "features": features if features_path is None else "auto",
            "features_path": features_path,
        }
        by, group_notes = read_groups(groups) if groups else ([], [])
        if ".py:" in data:
            job, config = _own(context, data, by, given)
        else:
            job, config = _builtin(data, by, given)
        chosen = make_methods(config.methods, job.provides, config.metric)
        with progress_bar("steps") as progress:
            trackers = [
                *([live.tensorboard(tensorboard)] if tensorboard else []),
                *([live.wandb(wandb)] if wandb else []),
                *([live.mlflow(mlflow)] if mlflow else []),
            ]
            watchers = Watchers([Bars(progress), *trackers])
            result = run_pilot(job, config, chosen, watchers, work=folder, fresh=fresh)
        result = replace(result, notes=(*result.notes, *group_notes))
        watchers.outcome(result)
        command = command_line(context)
        write_json(result, folder, command)
        write_tables(result, csv or folder)
        write_chosen(result, job, folder)
        write_data(result, folder)
        render_report(result, output, command, job.images, lang)
    if as_json:
        typer.echo(json.dumps({**result.as_dict(), "command": command, "report": str(output), "work": str(folder)}))
    else:
        from rich.console import Console

        print_result(result, Console(), command)
    typer.echo(f"Report: {output.resolve()}; runs and tables: {(csv or folder).resolve()}", err=as_json)
    if result.gate_outcome in ("failed", "undecided"):
        raise typer.Exit(FAILED if result.gate_outcome == "failed" else UNDECIDED)


def _builtin(data: str, groups: Sequence[Any], given: dict[str, Any]) -> tuple[Any, Any]:
    """The training that comes with the pilot, on a data set."""
    from saln.cli.features import read_features
    from saln.datasets import BUILTIN, load_builtin, load_dataset, read_source
    from saln.features.features import sidecar_of
    from saln.pilot.builtin import BuiltinConfig, BuiltinJob

    path = given["features_path"]
    if path is not None and sidecar_of(path).exists():
        source = read_source(
            data,
            labels=given["labels"],
            label=given["label_key"],
            test=given["test_key"],
            ignore=split(given["ignore"]),
        )
        extracted = read_features(path, source)
        given["feature_ms"] = given["feature_ms"] or 1e3 * (extracted.seconds or 0.0) / len(extracted)
    config = BuiltinConfig(**_settings(BuiltinConfig, {name: each for name, each in given.items() if each is not None}))
    if data in BUILTIN and not Path(data).exists():
        dataset = load_builtin(data)
    else:
        dataset = load_dataset(
            Path(data),
            labels_path=given["labels"],
            features_path=path,
            feature_key=given["feature_key"],
            label_key=given["label_key"],
            test_key=given["test_key"],
            columns=split(given["columns"]),
            ignore=split(given["ignore"]),
            image_size=given["image_size"],
        )
    return BuiltinJob(dataset.with_groups(groups)), config


def _own(context: typer.Context, data: str, groups: Sequence[Any], given: dict[str, Any]) -> tuple[Any, Any]:
    """The user's training."""
    from saln.features import load
    from saln.pilot.builtin import BuiltinConfig
    from saln.pilot.config import PilotConfig
    from saln.pilot.function import FunctionJob, load_function, load_labels

    ours = set(BuiltinConfig.__dataclass_fields__) - set(PilotConfig.__dataclass_fields__) - {"features", "feature_ms"}
    named = [name for name in sorted(ours) if str(context.get_parameter_source(name)).endswith("COMMANDLINE")]
    if named:
        option = named[0].replace("_", "-")
        raise ValueError(f"--{option} is of the training that comes with the pilot; {data} decides that by itself")
    if given["features_path"] is None:
        raise ValueError(f"--features is missing; wanted a file with a row for each sample that {data} trains on")
    features = load(given["features_path"], given["feature_key"])
    seconds = 1e-3 * given["feature_ms"] * len(features) if given["feature_ms"] else None
    labels = None if given["labels"] is None else load_labels(given["labels"], given["label_key"])
    job = FunctionJob(load_function(data), features, labels, groups=groups, feature_seconds=seconds, name=data)
    return job, PilotConfig(**_settings(PilotConfig, given))


def _settings(config: Any, given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name in config.__dataclass_fields__}


def _shares(text: str | None) -> tuple[float, ...]:
    try:
        return tuple(float(each) for each in split(text))
    except ValueError as error:
        raise ValueError(f"stages must be numbers separated by commas, not '{text}'") from error
