"""`saln audit`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from saln.cli.app import app, command_line, one_line_errors, writable
from saln.cli.options import Groups, JsonOption, Lang


@app.command()
def audit(
    context: typer.Context,
    selection: Annotated[
        str, typer.Argument(help="FILE or FILE:ARRAY with rows \\[steps, batch] or \\[n]; FOLDER:RUN of a pilot.")
    ],
    groups: Groups = None,
    pool: Annotated[
        str | None, typer.Option(help="FILE:ARRAY, true for rows that could be chosen.  [default: all but test rows]")
    ] = None,
    predictions: Annotated[
        str | None, typer.Option(help="FILE or FILE:PREDICTIONS,LABELS of the trained model, for accuracy by group.")
    ] = None,
    features: Annotated[str | None, typer.Option(help="FILE or FILE:ARRAY [N, d], for drift in the features.")] = None,
    cross: Annotated[bool, typer.Option("--cross", help="Look at combinations of the group columns, too.")] = False,
    min_rate_ratio: Annotated[float, typer.Option(help="Of draws per row; 0.8 is the four-fifths rule.")] = 0.8,
    max_gap: Annotated[float | None, typer.Option(help="Of accuracies by group, 0.05 for 5 points.")] = None,
    alpha: Annotated[float, typer.Option(help="Corrected p-values below it count as shown.")] = 0.05,
    correction: Annotated[str, typer.Option(help="For many tests: holm or bh (Benjamini-Hochberg).")] = "holm",
    seed: Annotated[int, typer.Option(help="Of the permutation tests.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A page (html) or a picture (svg, png, pdf).")
    ] = None,
    lang: Lang = "en",
    as_json: JsonOption = False,
) -> None:
    """Look for groups that a selection starved or overfed; status 1 where a limit is broken by more than chance."""
    with one_line_errors():
        from saln.audit import Limits, audit_selection
        from saln.audit.inputs import (
            find_run,
            is_run,
            read_evaluation,
            read_features,
            read_pool,
            read_selection,
            run_evaluation,
        )
        from saln.datasets import DataError, read_groups
        from saln.pages.audit_page import write_audit

        source = find_run(selection)
        if output is not None:
            writable(output, source, pool, predictions, features, *(groups or []))
        of_pilot = is_run(source)
        if not groups and not of_pilot:
            raise DataError("groups: name a file, as in --groups people.csv:sex,site")
        chosen = read_selection(source)
        columns, notes = read_groups(groups or [f"{source}:labels"], cross=cross)
        can_choose = read_pool(f"{source}:pool" if of_pilot and pool is None else pool, groups or [])
        evaluation = None
        if predictions is not None:
            test_rows = None if can_choose is None else ~can_choose
            evaluation, more = read_evaluation(predictions, columns, test_rows, cross=cross)
            notes += more
        elif of_pilot:
            evaluation = run_evaluation(source, columns)
        found = audit_selection(
            chosen,
            columns,
            pool=can_choose,
            evaluation=evaluation,
            features=None if features is None else read_features(features),
            limits=Limits(min_rate_ratio, max_gap, alpha),
            correction=correction,  # type: ignore[arg-type]  # checked by audit_selection
            seed=seed,
            notes=notes,
        )
        command = command_line(context)
        if output is not None:
            write_audit(found, output, command, lang)
    if as_json:
        typer.echo(
            json.dumps({**found.as_dict(), "command": command, "output": None if output is None else str(output)})
        )
    else:
        from saln.audit.screen import print_audit

        print_audit(found)
        if output is not None:
            typer.echo(f"Written: {output.resolve()}")
    raise typer.Exit(1 if found.failed else 0)
