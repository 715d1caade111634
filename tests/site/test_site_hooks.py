"""GitHub's Markdown as mkdocs reads it."""

from pathlib import PurePosixPath
from types import SimpleNamespace

import pytest
from mkdocs.exceptions import PluginError

from tools.site_hooks import on_page_markdown, on_post_page, outside, with_blank_lines


def at(src_uri: str, **meta: str) -> SimpleNamespace:
    """A page of the site, as far as hooks look at it."""
    return SimpleNamespace(file=SimpleNamespace(src_uri=src_uri), meta=meta)


@pytest.mark.parametrize(
    ("page", "link", "there"),
    [
        ("trainers.md", "../examples/ddp.py", "examples/ddp.py"),
        ("trainers.md", "features.md#the-file", "features.md#the-file"),
        ("log/study.md", "../../README.md", "../index.md"),
        ("log/study.md", "../glossary.md", "../glossary.md"),
        ("CONTRIBUTING.md", "docs/design.md#criteria", "design.md#criteria"),
        ("CONTRIBUTING.md", "LICENSE", "LICENSE"),
        ("trainers.md", "gone.md", "gone.md"),
        ("trainers.md", "https://example.org/a.md", "https://example.org/a.md"),
    ],
)
def test_links_lead_where_the_file_is_on_the_site(page: str, link: str, there: str) -> None:
    assert on_page_markdown(f"[x]({link})", at(page), None, None) == f"[x]({there})\n"


def test_files_beside_docs_are_found_by_the_links_to_them() -> None:
    found = outside(PurePosixPath("docs/trainers.md"))
    assert PurePosixPath("examples/ddp.py") in found
    assert not any(path.is_relative_to("docs") for path in found)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("text\n- item\n  more\n- item\n", "text\n\n- item\n  more\n- item\n"),
        ("text\n| a |\n|---|\n", "text\n\n| a |\n|---|\n"),
        (
            "text\n```python\n- no item\ntext\n- nor this\n```\n",
            "text\n\n```python\n- no item\ntext\n- nor this\n```\n",
        ),
        ("- item\nits second line\n- item\n", "- item\nits second line\n- item\n"),
        ("# heading\n- item\n", "# heading\n- item\n"),
        ("1. item\n   - one\n     more\n   - two\n2. item\n", "1. item\n    - one\n     more\n    - two\n2. item\n"),
    ],
)
def test_lists_tables_and_code_begin_anew(given: str, wanted: str) -> None:
    assert with_blank_lines(given) == wanted


def test_what_would_be_fetched_from_elsewhere_is_refused() -> None:
    with pytest.raises(PluginError, match=r"index\.md: <script src=\"https://example\.org/a\.js\""):
        on_post_page('<script src="https://example.org/a.js"></script>', at("index.md"), None)


def test_a_page_has_the_language_it_names() -> None:
    assert on_post_page('<html lang="en" class="no-js">', at("ja.md", lang="ja"), None).startswith('<html lang="ja" ')
