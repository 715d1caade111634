"""Tests that need libraries of their own: of trainers, by make test-integrations, and of the site, by make docs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

TRAINERS = ("accelerate", "datasets", "ipykernel", "lightning", "nbclient", "polars", "tensorboard", "torchdata")
TRAINERS += ("transformers", "trl")
NEEDS = {"integrations": TRAINERS, "integration_cases": TRAINERS, "site": ("mkdocs", "mkdocstrings")}
"""Folders of tests, and what they import."""
MAKE = {"integrations": "make test-integrations", "site": "make docs"}
MISSING = {
    folder: [library for library in libraries if importlib.util.find_spec(library) is None]
    for folder, libraries in NEEDS.items()
}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave them out where a library is missing, or where they are not wanted."""
    if collection_path.name not in NEEDS:
        return None
    return True if MISSING[collection_path.name] or config.option.markexpr == "not integrations" else None


def pytest_report_header() -> list[str]:
    """Say so."""
    return [
        f"tests of {folder} left out, no {', '.join(MISSING[folder])}: {make}"
        for folder, make in MAKE.items()
        if MISSING[folder]
    ]
