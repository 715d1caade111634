"""`saln doctor`."""

import json

import typer

from saln.cli.app import app
from saln.cli.options import JsonOption


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Say what works on this machine and what is missing; status 1 where a backend gives wrong answers.

    With --json it is what a report of a fault needs, without names of people and without paths to their files.
    """
    from saln.doctor import diagnose

    found = diagnose()
    if as_json:
        typer.echo(json.dumps(found.as_dict()))
        raise typer.Exit(0 if found.ok else 1)
    typer.echo(str(found.build))
    typer.echo(f"\n{found.machine}")
    typer.echo("\nThe backends that serve here, against the reference")
    for check in found.checks:
        typer.echo(f"  {'ok    ' if check.ok else 'FAILED'}  {check.name} on {check.backend}: {check.detail}")
    typer.echo("\nAll is well." if found.ok else "\nNot everything works; see above.")
    raise typer.Exit(0 if found.ok else 1)
