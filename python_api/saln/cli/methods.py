"""`saln methods`."""

import json

import typer

from saln.cli.app import app
from saln.cli.options import JsonOption


@app.command()
def methods(as_json: JsonOption = False) -> None:
    """List the selection methods."""
    from rich.console import Console
    from rich.table import Column, Table

    from saln.selectors import DEFAULT, SELECTORS, SpectralCandidates

    found = list(SELECTORS.values())
    if as_json:
        rows = [
            {"name": each.name, "description": each.description, "paper": each.paper, "needs": list(each.needs)}
            for each in found
        ]
        typer.echo(json.dumps({"schema": "saln.methods/1", "default": DEFAULT, "methods": rows}))
        return
    table = Table(Column("method", no_wrap=True), "what it does", "needs beside features", "from")
    for each in found:
        table.add_row(each.name, each.description, ", ".join(each.needs) or "-", each.paper)
    console = Console()
    console.print(table)
    console.print("Options follow a name: saln:keep=positive, guard:floor=0.8:jest:temperature=2")
    console.print(f"By default: saln.select takes {DEFAULT}, samplers and files {SpectralCandidates.name}")
