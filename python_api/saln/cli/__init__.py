"""The command line. Each command reads its options, calls one function and prints what it returns."""

from saln.cli import doctor, methods, pilot, score
from saln.cli.app import app

__all__ = ["app", "doctor", "main", "methods", "pilot", "score"]


def main() -> None:
    """Entry point of the command `saln`."""
    app()
