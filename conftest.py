"""Tests and examples of saln.integrations need its libraries; make test-integrations has them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

FOLDERS = ("integrations", "integration_cases")
LIBRARIES = ("accelerate", "datasets", "lightning", "polars", "tensorboard", "torchdata", "transformers", "trl")
MISSING = [library for library in LIBRARIES if importlib.util.find_spec(library) is None]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave them out where a library is missing, or where they are not wanted."""
    if collection_path.name not in FOLDERS:
        return None
    return True if MISSING or config.option.markexpr == "not integrations" else None


def pytest_report_header() -> str | None:
    """Say so."""
    return f"tests of trainers left out, no {', '.join(MISSING)}: make test-integrations" if MISSING else None
