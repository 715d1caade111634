"""The page of guarantees names tests that are there, and is what its program writes."""

import pytest

from tools import guarantees


def test_every_test_that_is_named_is_there() -> None:
    assert guarantees.missing() == []


def test_the_page_is_what_is_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts aside, which change with every test."""
    monkeypatch.setattr(guarantees, "counted", lambda: dict.fromkeys(guarantees.named(), 1))
    written = (guarantees.ROOT / "docs/guarantees.md").read_text(encoding="utf-8")
    assert guarantees.without_counts(written) == guarantees.without_counts(guarantees.page()), "tools.guarantees docs"
