"""Tests of trainers: on the real libraries, or not at all, saying so."""

import importlib.util

import pytest

LIBRARIES = ("accelerate", "lightning", "tensorboard", "torchdata", "transformers")
MISSING = [library for library in LIBRARIES if importlib.util.find_spec(library) is None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder, and skip it where a library is missing."""
    for item in items:
        if "tests/integrations" in item.path.as_posix():
            item.add_marker(pytest.mark.integrations)
            if MISSING:
                item.add_marker(pytest.mark.skip(f"{', '.join(MISSING)} not installed: make test-integrations"))
