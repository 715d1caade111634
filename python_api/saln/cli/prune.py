"""`saln prune`."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from saln.cli.app import app, one_line_errors, split, writable
from saln.cli.options import Columns, FeatureKey, Ignore, JsonOption, LabelKey, TestKey


@app.command()
def prune(
    data: Annotated[
        Path, typer.Argument(help="What other commands read: a table, a folder of images, npz, or npy with features.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Row numbers kept, in the order of choice: npy.")
    ] = Path("keep.npy"),
    keep: Annotated[
        str, typer.Option(help="A share of the rows that may be kept, as 0.3, or a number, as 500.")
    ] = "0.3",
    method: Annotated[
        str,
        typer.Option(
            help="random, credibility, el2n, forgetting, k_center, facility_location, logdet or herding; docs/prune.md "
            "has what each is worth."
        ),
    ] = "credibility",
    features: Annotated[
        Path | None, typer.Option(help="npy with features [N, d] of a pretrained network, as `saln extract` writes.")
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="File with labels [N], if they are not in DATA.")] = None,
    label_key: LabelKey = None,
    test_key: TestKey = None,
    feature_key: FeatureKey = None,
    columns: Columns = None,
    ignore: Ignore = None,
    chosen: Annotated[
        Path | None, typer.Option(help="File with rows that are chosen or labelled already; what comes next is kept.")
    ] = None,
    losses: Annotated[
        Path | None, typer.Option(help="File with out-of-sample losses [N], for credibility: it then judges no labels.")
    ] = None,
    history: Annotated[
        list[Path] | None, typer.Option(help="What saln.History saved, for el2n and forgetting; may be repeated.")
    ] = None,
    balanced: Annotated[bool, typer.Option("--balanced", help="Give all classes the same share.")] = False,
    similarity: Annotated[
        str | None, typer.Option(help="linear or cosine, of methods that compare rows; left out, the method's.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of what is drawn.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Choose the rows to train on at all, once, before training; `saln select` chooses batches from all of them.

    Rows that DATA marks as test rows are not kept and count for nothing.
    """
    with one_line_errors():
        import torch

        from saln.cli.features import features_of
        from saln.datasets import ArrayFile, DataError, read_source
        from saln.features import load
        from saln.pruning.prune import READ_NO_FEATURES, choose
        from saln.writing import write_array

        begun = time.perf_counter()
        writable(output, data, features, labels, chosen, losses, *(history or []))
        if output.suffix != ".npy":
            raise DataError(f"{output}: unknown ending '{output.suffix}' of the output; wanted .npy")
        rows_of = load(data).array if features is None and data.suffix == ".npy" else data
        source = read_source(
            rows_of,
            label=label_key,
            test=test_key,
            features=feature_key,
            columns=split(columns),
            ignore=split(ignore),
            labels=labels,
        )
        notes: list[str] = list(source.notes)
        if method in READ_NO_FEATURES and features is None:
            x = torch.empty(len(source), 0)
        else:
            x, more = features_of(source, str(data), features, feature_key)
            notes += more
        arrays = {"chosen": chosen, "losses": losses}
        given = {}
        for name, path in arrays.items():
            given[name] = None if path is None else ArrayFile(path).take(name, (name,))
        wanted = _keep(keep)
        found = choose(
            x, source.labels, keep=wanted, method=method, among=None if source.is_test is None else ~source.is_test,
            history=history, balanced=balanced, similarity=similarity, seed=seed, **given,
        )  # fmt: skip
        rows = found.rows.cpu()
        write_array(output, rows.numpy())
        classes = {}
        if source.labels is not None:
            pool = source.labels if source.is_test is None else source.labels[~source.is_test]
            n = len(source.class_names)
            counts = torch.bincount(source.labels[rows], minlength=n), torch.bincount(pool, minlength=n)
            classes = {
                name: {"kept": int(kept), "rows": int(of)}
                for name, kept, of in zip(source.class_names, *counts, strict=True)
            }
    seconds = time.perf_counter() - begun
    if as_json:
        shown = {"method": method, "keep": wanted, "balanced": balanced, "seed": seed, "output": str(output)}
        facts = {"rows": len(x), "offered": found.offered, "kept": len(rows), "classes": classes, "seconds": seconds}
        typer.echo(json.dumps({"schema": "saln.prune/1", **shown, **facts, "notes": notes}))
        return
    typer.echo(f"{method}: {len(rows)} of {found.offered} rows kept, in {seconds:.2f} s")
    if found.offered < len(x):
        typer.echo(f"{len(x) - found.offered} other rows are test rows, chosen already, not finite or not recorded")
    if classes and len(classes) <= 20:
        typer.echo(", ".join(f"{name} {each['kept']} of {each['rows']}" for name, each in classes.items()))
    for note in notes:
        typer.echo(note)
    typer.echo(f"Rows: {output.resolve()}")


def _keep(text: str) -> float | int:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"keep is {text!r}; wanted a share such as 0.3 or a number of rows such as 500") from None
