"""The site has every public name, links that lead somewhere, and a language for each page."""

import re
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote

import pytest
from mkdocstrings import Inventory

ROOT = Path(__file__).parents[2]
REFERENCE = sorted((ROOT / "docs" / "api").glob("*.md"))
SECTION = re.compile(r"^::: (\S+)$(?!\n    options: \{heading:)", re.MULTILINE)  # with a heading it is a single name
MODULES = [name for page in REFERENCE for name in SECTION.findall(page.read_text("utf-8"))]
LINK = re.compile(r'\s(?:href|src)="([^"]*)"')
REFERENCED = re.compile(r"\bfrom (saln(?:_kernels)?(?:\.\w+)*) import ([\w, ]+)")


@pytest.fixture(scope="module")
def names(site: Path) -> set[str]:
    """What the reference has an entry for, by every name it goes by."""
    with (site / "objects.inv").open("rb") as file:
        return set(Inventory.parse_sphinx(file, domain_filter=("py",)))


def paths(module: str, name: str) -> set[str]:
    """Where a public name may have its entry: a function goes by its own file where a module bears the same name."""
    found = getattr(import_module(module), name)
    return {f"{module}.{name}", f"{getattr(found, '__module__', module)}.{getattr(found, '__qualname__', name)}"}


def test_both_packages_are_in_the_reference() -> None:
    assert {"saln", "saln_kernels", "saln.pilot", "saln.selectors", "saln.datasets"} <= set(MODULES)
    assert len(MODULES) == len(set(MODULES))


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_has_its_entry(module: str, names: set[str]) -> None:
    for name in import_module(module).__all__:
        assert not names.isdisjoint(paths(module, name)), f"{module}.{name}"


@pytest.mark.parametrize("page", REFERENCE, ids=lambda page: page.stem)
def test_no_private_name_has_an_entry(page: Path, site: Path) -> None:
    text = (site / "api" / f"{page.stem}.html").read_text("utf-8")
    entries = re.findall(r'<h\d id="(saln[\w.]*)" class="doc doc-heading"', text)
    assert len(entries) > 20
    private = [entry for entry in entries if re.search(r"\._(?!_version__)", entry)]
    assert private == []


def test_what_pages_and_examples_import_is_public(names: set[str]) -> None:
    sources = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md", *(ROOT / "examples").rglob("*.*")]
    found = {
        (module, name.strip())
        for source in sources
        for module, imported in REFERENCED.findall(source.read_text("utf-8"))
        for name in imported.split(",")
    }
    assert len(found) > 20
    assert {each for each in found if names.isdisjoint(paths(*each))} == set()


def test_links_lead_somewhere(site: Path) -> None:
    """Those into files beside docs/, too, of which mkdocs knows nothing."""
    for page in site.rglob("*.html"):
        for link in LINK.findall(page.read_text("utf-8")):
            path = unquote(link.partition("#")[0])
            if page.name == "404.html" or not path or re.match(r"https?:|mailto:|data:", path):
                continue
            assert (page.parent / path).exists(), f"{page.relative_to(site)}: {link}"


def test_pages_say_their_language(site: Path) -> None:
    assert '<html lang="ja"' in (site / "ja.html").read_text("utf-8")
    assert '<html lang="en"' in (site / "index.html").read_text("utf-8")
