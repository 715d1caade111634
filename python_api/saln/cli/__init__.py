"""The command line. Each command reads its options, calls one function and prints what it returns."""

from saln.cli import audit, doctor, explain, extract, look, methods, pilot, prune, score, select
from saln.cli.app import app

__all__ = [
    "app",
    "audit",
    "doctor",
    "explain",
    "extract",
    "look",
    "methods",
    "pilot",
    "prune",
    "score",
    "select",
]
