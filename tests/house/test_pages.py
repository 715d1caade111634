"""What README and docs name is there: links, files, modules, commands with their options; and their programs run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from saln import SELECTORS
from saln.cli import app

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for folder in (ROOT, ROOT / "docs", ROOT / "bench", ROOT / "csrc" / "cuda")
    for page in folder.rglob("*.md")
    if folder != ROOT or page.parent == ROOT
)
HISTORY = ("CHANGELOG.md", "docs/log/", "bench/results/")
"""Pages that name what was there once."""
PRESENT = [page for page in PAGES if not str(page.relative_to(ROOT)).startswith(HISTORY)]
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
FILE = re.compile(
    r"(?<![\w/.-])([\w*-]+(?:/[\w.*-]+)*/[\w.*-]+\.(?:py|md|cpp|cu|cuh|h|def|jsonl?|csv|toml|svg))(?![\w/-])"
)
MODULE = re.compile(r"(?<![\w./-])((?:saln|saln_kernels|bench|tools)(?:\.\w+)+)(?![\w(])")
OUTPUTS = ("runs/", "report.pilot/")
PROGRAM = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
WITH_PROGRAMS = [page for page in PRESENT if PROGRAM.search(page.read_text("utf-8"))]
COMMAND = re.compile(r"(?:^|`|\s)saln ([a-z]+)((?: [^`#\n]+)?)", re.MULTILINE)


def of_page(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors(text: str) -> set[str]:
    """As GitHub makes them of headings."""
    found = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), link
        if anchor:
            assert anchor in anchors(there.read_text(encoding="utf-8")), link


@pytest.mark.parametrize("page", PRESENT, ids=of_page)
def test_files_that_are_named_are_there(page: Path) -> None:
    for name in FILE.findall(page.read_text(encoding="utf-8")):
        if not name.startswith(OUTPUTS):
            assert any(list(base.glob(name)) for base in (ROOT, ROOT / "python_api", page.parent)), name


@pytest.mark.parametrize("page", PRESENT, ids=of_page)
def test_modules_that_are_named_are_there(page: Path) -> None:
    for name in MODULE.findall(page.read_text(encoding="utf-8")):
        if (ROOT / name).exists() or name.endswith((".md", ".py")):
            continue
        assert defined(name), name


def defined(name: str) -> bool:
    """Whether a dotted name is a module of the repository, or a name that its module has; nothing is imported."""
    parts = name.split(".")
    place = ROOT / ("python_api/saln" if parts[0] == "saln" else parts[0])
    for index, part in enumerate(parts[1:], start=1):
        if (place / part).is_dir() or (place / f"{part}.py").exists():
            place = place / part
            continue
        source = place.with_suffix(".py") if place.with_suffix(".py").exists() else place / "__init__.py"
        return index >= len(parts) - 2 and re.search(rf"\b{part}\b", source.read_text(encoding="utf-8")) is not None
    return True


@pytest.mark.parametrize("page", PRESENT, ids=of_page)
def test_commands_have_the_options_that_are_named(page: Path) -> None:
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for name, arguments in COMMAND.findall(text):
        if name not in known:
            assert " -" not in arguments, f"saln {name}{arguments}"  # else it is a sentence
            continue
        options = {option for each in known[name].params for option in (*each.opts, *each.secondary_opts)} | {"--help"}
        for option in re.findall(r"(?<=\s)(--?[a-z][a-z-]*)", arguments):
            assert option in options, f"saln {name} {option}"


@pytest.mark.parametrize("page", PRESENT, ids=of_page)
def test_targets_of_make_that_are_named_are_there(page: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for name in re.findall(r"(?:^    |`)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE):
        assert name in targets, f"make {name}"


@pytest.mark.parametrize("page", [page for page in WITH_PROGRAMS if page.name != "trainers.md"], ids=of_page)
def test_programs_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ```python blocks of a page, one after the other in one namespace; those of trainers.md need their libraries
    and run in tests/integrations.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(SELECTORS, "_others", {})  # what a page registers
    names: dict[str, object] = {"__name__": "page"}
    for program in PROGRAM.findall(page.read_text(encoding="utf-8")):
        exec(compile(program, of_page(page), "exec"), names)


def test_a_page_with_what_is_not_there_is_noticed(tmp_path: Path) -> None:
    assert not defined("saln.nothing")
    assert not defined("saln_kernels.backends.nothing")
    assert not defined("saln.sampling.sampler.SpectralBatchSampler.nothing.at_all")
    assert defined("saln_kernels.score_batches")
    assert defined("saln.integrations.lightning.SpectralSelection")
    assert FILE.findall("see csrc/core/plan.h, `docs/study-*.md` and x/y.z") == ["csrc/core/plan.h", "docs/study-*.md"]
    page = tmp_path / "page.md"
    page.write_text("[gone](gone.md)", encoding="utf-8")
    with pytest.raises(AssertionError, match=r"gone\.md"):
        test_links_lead_somewhere(page)
