"""Tests of trainers, on the real libraries."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder."""
    for item in items:
        if "tests/integrations" in item.path.as_posix():
            item.add_marker(pytest.mark.integrations)
