"""`saln look`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saln.cli.app import app, command_line, one_line_errors, split, writable
from saln.cli.large_files import counted
from saln.cli.options import Columns, FeatureKey, Groups, Ignore, JsonOption, LabelKey, Lang, TestKey

if TYPE_CHECKING:
    from saln.datasets import Source


@app.command()
def look(
    context: typer.Context,
    data: Annotated[
        str,
        typer.Argument(
            help="A table (csv, tsv, jsonl, json, parquet), a folder of images or texts in a folder a class, arrays "
            "(npz, npy, safetensors), a data set of Hugging Face."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The page.")] = Path("look.html"),
    features: Annotated[
        Path | None, typer.Option("--features", "-f", help="File with features [N, d] in the same order.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="File with labels [N] in the same order, or [N, L] of 0 and 1.")
    ] = None,
    probabilities: Annotated[
        Path | None, typer.Option(help="File with your model's probabilities [N, C], of rows it was not trained on.")
    ] = None,
    groups: Groups = None,
    label_key: LabelKey = None,
    target: Annotated[str | None, typer.Option(help="Column of numbers to predict, in place of classes.")] = None,
    test_key: TestKey = None,
    feature_key: FeatureKey = None,
    columns: Columns = None,
    ignore: Ignore = None,
    near: Annotated[
        float | None, typer.Option(help="Similarity of near copies, at most 1.  [default: found in the data]")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the values of every row as a table.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Write the rows to train on: npy.")] = None,
    keep_share: Annotated[
        float | None, typer.Option(help="Share of the rows to keep at most, the same of each class.")
    ] = None,
    drop: Annotated[str, typer.Option(help="What is not kept: of suspects, copies, leaks, outliers.")] = (
        "suspects,copies,leaks"
    ),
    seed: Annotated[int, typer.Option(help="Of folds and projections.")] = 0,
    lang: Lang = "en",
    as_json: JsonOption = False,
) -> None:
    """Look at a dataset: wrong labels, near copies, leaks, outliers, imbalance; a page, a table, the rows to keep."""
    with one_line_errors():
        import saln
        from saln.catalogue import Words
        from saln.cli.features import features_of
        from saln.datasets import DataError
        from saln.inspection.keep import check_rules
        from saln.pages.look_page import write_look
        from saln.writing import write_array

        Words(lang)  # errors before anything is done, not after
        check_rules(keep_share, split(drop))
        for path in (each for each in (output, csv, keep) if each is not None):
            writable(path, data, features, labels, probabilities, *(groups or []))
        if keep is not None and keep.suffix != ".npy":
            raise DataError(f"{keep}: unknown ending '{keep.suffix}' of rows to keep; wanted .npy")
        source, several = _source(data, labels, label_key, target, test_key, feature_key, columns, ignore)
        x, notes = features_of(source, data, features, feature_key)
        with counted() as progress:
            found = saln.look(
                x,
                source.labels if several is None else several,
                targets=None if several is not None else source.targets,
                probabilities=None if probabilities is None else _array(probabilities),
                groups=_groups(groups),
                split=source.is_test,
                class_names=source.class_names if several is None and source.labels is not None else None,
                near=near,
                seed=seed,
                progress=progress,
            )
        found = found.with_notes((*source.notes, *notes))
        kept = found.keep(keep_share, drop=split(drop))
        command = command_line(context)
        write_look(found, output, lang=lang, data=_seen(source, data), name=source.name, command=command)
        if csv is not None:
            found.to_csv(csv, source.ids)
        if keep is not None:
            write_array(keep, kept)
    if as_json:
        outputs = {"report": str(output), "csv": None if csv is None else str(csv), "kept": len(kept)}
        typer.echo(json.dumps({**found.as_dict(), "command": command, **outputs}))
        return
    typer.echo(f"{source.name}: {len(found)} rows")
    for sentence in (*found.sentences, *found.notes):
        typer.echo(sentence)
    typer.echo(f"Report: {output.resolve()}")
    if csv is not None:
        typer.echo(f"Every row: {csv.resolve()}")
    if keep is not None:
        typer.echo(f"Rows to keep: {keep.resolve()} ({len(kept)} of {len(found)})")


def _source(
    data: str, labels: Path | None, label_key: str | None, target: str | None, test_key: str | None,
    feature_key: str | None, columns: str | None, ignore: str | None,
) -> tuple["Source", Any]:  # fmt: skip
    """The data, and labels apart from them that are several a row."""
    from saln.datasets import read_source
    from saln.datasets.files import ArrayFile
    from saln.datasets.roles import MORE_LABEL_KEYS

    options: dict[str, Any] = {
        "test": test_key,
        "features": feature_key,
        "columns": split(columns),
        "ignore": split(ignore),
    }
    several = None
    if labels is not None:
        array = ArrayFile(labels).take("labels", MORE_LABEL_KEYS, target or label_key)
        several = array if array.ndim == 2 else None
    if several is not None:
        return read_source(data, **options), several
    return read_source(data, label=label_key, target=target, labels=labels, **options), None


def _seen(source: "Source", data: str) -> Any:
    """What the page shows of the rows: the data, or images beside the features in a file of arrays."""
    from saln.datasets.files import ArrayFile
    from saln.datasets.images import find_images

    if source.kind == "table" and Path(data).suffix.lower() in (".npz", ".safetensors"):
        images = find_images(ArrayFile(Path(data)))
        return source if images is None or len(images) != len(source) else images
    return source


def _groups(groups: list[str] | None) -> Any:
    """Columns of files; those that are named may have any number of groups."""
    from saln.datasets import ArrayFile, read_groups
    from saln.datasets.named import split_name

    if not groups:
        return None
    found: dict[str, Any] = {}
    for text in groups:
        path, names = split_name(text)
        file = ArrayFile(path)
        if names:
            found |= {name: file.read(name) for name in names}
        else:
            found |= {each.column: [each.names[code] for code in each.codes] for each in read_groups([text])[0]}
    return found


def _array(path: Path) -> Any:
    from saln.datasets import ArrayFile

    file = ArrayFile(path)
    return file.read(file.find("probabilities", ("probabilities", "probs", "proba", "pred_probs", "p"), None))
