"""Examples in the documentation of saln.integrations need its libraries; make test-integrations has them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

LIBRARIES = ("accelerate", "lightning", "tensorboard", "transformers")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave them out where a library is missing, or where the tests of trainers are left out."""
    if collection_path.name != "integrations":
        return None
    missing = any(importlib.util.find_spec(library) is None for library in LIBRARIES)
    return True if missing or config.option.markexpr == "not integrations" else None
