"""Pages of the site that repeat what stands elsewhere say the same: both start pages, the gallery, the pictures."""

from __future__ import annotations

import json
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tools.concept_pictures import PICTURES

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
NUMBER = re.compile(r"[+−]?\d+\.\d+|\d+(?=\s?%)")
BLOCK = re.compile(r"^(?:    .+|--8<--.+)$", re.MULTILINE)
FENCE = re.compile(r"^``` ?(?!text|toml)(\S*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INCLUDED = re.compile(r'--8<-- "([^":]+)(?::(\w+))?"')


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def facts(text: str) -> dict[str, list[str]]:
    """What does not depend on the language of a page."""
    return {
        "links": [link for link in re.findall(r"\]\(([^)]+)\)", text) if link not in ("index.md", "ja.md")],
        "code": re.findall(r"`([^`\n]+)`", text.replace("`--lang ja`", "")),
        "blocks": [block.replace(" --lang ja", "") for block in BLOCK.findall(text)],
        "figures": NUMBER.findall(text),
    }


def test_both_start_pages_state_the_same_facts() -> None:
    english, japanese = facts(read("docs/index.md")), facts(read("docs/ja.md"))
    assert min(map(len, english.values())) >= 3
    assert japanese == english


def test_figures_of_the_start_page_are_those_of_the_readme() -> None:
    assert set(NUMBER.findall(read("docs/index.md"))) <= set(NUMBER.findall(read("README.md")))


@pytest.mark.parametrize("page", ["docs/index.md", "docs/ja.md", "docs/versions.md"])
def test_versions_that_pages_name_are_those_of_the_package(page: str) -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    pythons = re.findall(r":: (3\.\d+)", "\n".join(project["classifiers"]))
    [torch] = re.findall(r"torch>=([\d.]+)", "\n".join(project["dependencies"]))
    text = read(page)
    assert re.findall(r"Python (3\.\d+) (?:to|から) (3\.\d+)", text) == [(pythons[0], pythons[-1])]
    assert re.findall(r"PyTorch (?:from )?(\d\.\d+)", text) == [torch]


def test_the_gallery_shows_every_example() -> None:
    text = read("docs/gallery.md")
    examples = {path.relative_to(ROOT).as_posix() for path in (ROOT / "examples").rglob("*.*") if path.suffix != ".pyc"}
    assert examples == set(re.findall(r"\]\(\.\./(examples/[^)]+)\)", text))
    assert {name for name in examples if name.endswith(".py")} == {name for name, _ in INCLUDED.findall(text)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_code_of_a_page_is_run_or_included(page: Path) -> None:
    """Blocks of ```python run, and included files are run where they lie; no other block may look like Python."""
    for language, code in FENCE.findall(page.read_text(encoding="utf-8")):
        if INCLUDED.search(code):
            assert len(code.splitlines()) == 1, code
        else:
            assert language in ("python", ""), language
            assert language or not re.search(r"^(import|from|def|class) ", code, re.MULTILINE), code
    for name, part in INCLUDED.findall(page.read_text(encoding="utf-8")):
        assert not part or read(name).count(f"[start:{part}]") == read(name).count(f"[end:{part}]") == 1, name


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_what_is_computed(name: str) -> None:
    """To a tenth of a pixel or a shade, since the last bits of a score depend on the processor."""
    drawn, kept = (ET.fromstring(text) for text in (PICTURES[name](), read(f"docs/concepts/{name}.svg")))
    for new, old in zip(drawn.iter(), kept.iter(), strict=True):
        assert new.tag == old.tag
        assert new.text == old.text
        assert new.keys() == old.keys()
        for key in new.attrib:
            words, numbers = zip(*(split(element.attrib[key]) for element in (new, old)), strict=True)
            assert words[0] == words[1], "python -m tools.concept_pictures docs/concepts"
            assert numbers[0] == pytest.approx(numbers[1], abs=0.101), "python -m tools.concept_pictures docs/concepts"


def split(text: str) -> tuple[list[str], list[float]]:
    """An attribute's words and its numbers."""
    number = r"-?\d+\.?\d*"
    return re.split(number, text), [float(each) for each in re.findall(number, text)]


def test_notebooks_link_to_files_that_are_there() -> None:
    for notebook in (ROOT / "examples" / "notebooks").glob("*.ipynb"):
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        text = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        links = re.findall(r"\]\(([^)#]+)[^)]*\)", text)
        assert links
        assert all((notebook.parent / link).exists() for link in links), links
