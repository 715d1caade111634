"""The page of methods: it is what the docstrings say, and its pictures show what was chosen."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from saln import SELECTORS
from tools.methods_page import PICTURES, SIZE, page, panels_of, picture, scene, write

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_in_the_repository_is_the_page_of_the_docstrings():
    assert (DOCS / "methods.md").read_text(encoding="utf-8") == page(), "python -m tools.methods_page docs"


def test_every_method_has_its_section_and_picture():
    text = page()
    assert set(PICTURES) <= set(SELECTORS)
    assert re.findall(r"^## (\w+)$", text, re.MULTILINE) == list(SELECTORS)
    for name in ("super_batch", *SELECTORS):
        assert f"](methods/{name}.svg)" in text
        assert (DOCS / "methods" / f"{name}.svg").exists()


@pytest.mark.parametrize("name", ["uniform", "saln", "guard"])
def test_a_picture_rings_the_rows_kept(name):
    super_batch = scene()
    panels = panels_of(name, super_batch)
    root = ET.fromstring(picture(super_batch, panels))
    groups = root.findall("{*}g")
    assert len(groups) == len(panels)
    for group, (title, rows) in zip(groups, panels, strict=True):
        assert "".join(each.text for each in group.findall("{*}text")) == title
        dots = {path.get("stroke-width"): 0 for path in group.findall("{*}path")}
        for path in group.findall("{*}path"):
            dots[path.get("stroke-width")] += path.get("d").count("h0")
        assert dots == {"4.5": 150, "9.5": SIZE, "6.5": SIZE}
        assert len(rows) == SIZE


def test_writing_again_gives_the_same_bytes(tmp_path):
    first = {path.name: path.read_bytes() for path in write(tmp_path)}
    assert {path.name: path.read_bytes() for path in write(tmp_path)} == first
