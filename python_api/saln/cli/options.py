"""Options that several commands have."""

from typing import Annotated

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output, nothing else.")]
FeatureKey = Annotated[
    str | None, typer.Option(help="Array, tensor or list column with the features, if it has an unusual name.")
]
LabelKey = Annotated[str | None, typer.Option(help="Array or column with the labels, if it has an unusual name.")]
TestKey = Annotated[str | None, typer.Option(help="Array or column that marks test rows, if it has an unusual name.")]
Ignore = Annotated[str | None, typer.Option(help="Arrays or columns to do without, separated by commas.")]
Columns = Annotated[str | None, typer.Option(help="Columns of a table to take as features, separated by commas.")]
Lang = Annotated[str, typer.Option(help="Of the report: en or ja.")]
Groups = Annotated[
    list[str] | None,
    typer.Option("--groups", "-g", help="FILE or FILE:COLUMN,COLUMN with a group a row; may be repeated."),
]
