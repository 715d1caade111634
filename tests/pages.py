"""What every page that the package writes must be: whole, self-contained, and narrow enough for a phone."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "br", "img", "hr", "input", "!doctype"}
NEVER = {"script", "link", "iframe", "object", "embed"}
PHONE = 390
"""CSS pixels."""


class _Tree(HTMLParser):
    """Collects tags with their attributes, and checks that they close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None], tuple[str, ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs), tuple(self.open)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs), tuple(self.open)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def assert_page(page: str) -> None:
    """One file that fetches nothing, whose tables fold and whose pictures shrink on a phone."""
    tree = _Tree()
    tree.feed(page)
    assert not tree.open
    assert not NEVER & {tag for tag, _, _ in tree.tags}
    assert "://" not in re.sub(r"data:image/(jpeg|png);base64,[A-Za-z0-9+/=\s]+", "", page)
    assert "@import" not in page
    assert "@font-face" not in page
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", page))
    for tag, attributes, _ in tree.tags:
        for name in ("href", "src", "xlink:href"):
            value = attributes.get(name)
            assert value is None or value.startswith("data:image/" if tag in ("img", "image") else "#")
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
    for text in re.findall(r'<(?:figcaption|p class="lead")>(.*?)</', page, re.DOTALL):
        assert not re.search(r"\d\s%", text.replace("\u00a0", "&nbsp;")), text  # a line break could part them
    _assert_narrow(page, tree)


def _assert_narrow(page: str, tree: _Tree) -> None:
    styles = "".join(re.findall(r"<style>(.*?)</style>", page, re.DOTALL))
    for width in re.findall(r"(?<!max-)(?<!device-)width:\s*([\d.]+)(px|rem|in|cm)", styles):
        assert float(width[0]) * {"px": 1, "rem": 16, "in": 96, "cm": 38}[width[1]] < PHONE
    for rule in (
        "@media screen and (max-width: 60rem)",
        "figure svg { display: block; width: 100%",
        ".fold td { display: flex",
        "pre-wrap",
    ):
        assert rule in styles
    assert "@media print" in styles
    for tag, attributes, _ in tree.tags:
        if tag in ("svg", "img", "table", "div"):
            assert "width" not in attributes
        if tag == "table":
            assert (attributes["class"] or "").split()[0] in ("fold", "facts")
    for row in re.findall(r'<table class="fold[^>]*>.*?</table>', page, re.DOTALL):
        cells = re.findall(r"<td[^>]*>", row)
        assert all("data-label" in cell for cell in cells if cell != "<td>")
    ids = re.findall(r'<clipPath id="([^"]+)"', page) + re.findall(r'<h3 id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]*)\)", page)) <= set(re.findall(r'\sid="([^"]+)"', page))


def assert_picture(path: Path) -> None:
    """A file of the kind that its ending says."""
    content = path.read_bytes()
    starts = {".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF"}
    assert content.startswith(starts[path.suffix])
    assert len(content) > 5000


def english_in(page: str) -> list[str]:
    """Three words of English and more in a row, in what a reader of the page sees; none are wanted in Japanese."""
    seen = re.sub(r"<(style|pre|code|script)\b.*?</\1>|base64,[^\"]*", "", page, flags=re.DOTALL)
    said = re.findall(r'(?:alt|title|aria-label)="([^"]*)"', seen) + re.findall(r">([^<]+)<", seen)
    return [part for each in said for part in re.findall(r"[A-Za-z]{2,}(?: [A-Za-z]{2,}){2,}", unescape(each))]
