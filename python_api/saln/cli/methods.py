"""`saln methods`."""

import json

import typer

from saln.cli.app import app, one_line_errors
from saln.cli.options import JsonOption


@app.command()
def methods(as_json: JsonOption = False) -> None:
    """List the selection methods."""
    from rich.console import Console
    from rich.table import Column, Table

    from saln.selectors import DEFAULT, SELECTORS

    with one_line_errors():
        found = [cls() for cls in SELECTORS.values()]
    needs = [[name for name in each.needs if name != "features"] for each in found]
    if as_json:
        rows = [
            {"name": each.name, "description": each.description, "paper": each.paper, "needs": also}
            for each, also in zip(found, needs, strict=True)
        ]
        typer.echo(json.dumps({"schema": "saln.methods/2", "default": DEFAULT, "methods": rows}))
        return
    table = Table(Column("method", no_wrap=True), "what it does", "needs beside features", "from")
    for each, also in zip(found, needs, strict=True):
        table.add_row(each.name, each.description, ", ".join(also) or "-", each.paper)
    console = Console()
    console.print(table)
    console.print("Options follow a name: saln:keep=positive, guard:floor=0.8:jest:temperature=2")
    console.print(f"Where no method is named it is {DEFAULT}")
