"""What mkdocs needs to read pages that are written for GitHub: hooks that mkdocs.yml names.

Pages link to files beside docs/ (examples, results, CONTRIBUTING.md). Each such file gets its place on the site, a page
of Markdown as a page, and the link leads there. A link to nothing stays as it is, and mkdocs refuses it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
DOCS = PurePosixPath("docs")
START = "README.md"
"""GitHub's start page: the site's own is docs/index.md."""
OF_ROOT = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
"""Pages of the navigation that lie beside docs/."""
LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")
FENCE = re.compile(r"^ *(```|~~~)")
ITEM = re.compile(r"^(?:[-*+]|\d+\.) ")
NESTED = re.compile(r"^ {2,3}(?=(?:[-*+]|\d+\.) )")
FETCHED = re.compile(r'<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)="(?:https?:)?//[^"]*"')


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files beside docs/ that pages link to, and what those link to."""
    waiting = [*(PurePosixPath(name) for name in OF_ROOT)]
    waiting += [path for file in files.documentation_pages() for path in outside(DOCS / file.src_uri)]
    known: set[PurePosixPath] = set()
    while waiting:
        path = waiting.pop()
        if path in known:
            continue
        known.add(path)
        is_page = path.suffix == ".md"
        level = InclusionLevel.NOT_IN_NAV if is_page and path.name not in OF_ROOT else InclusionLevel.INCLUDED
        files.append(File.generated(config, str(path), abs_src_path=str(ROOT / path), inclusion=level))
        if is_page:
            waiting += outside(path)
    return files


def outside(page: PurePosixPath) -> list[PurePosixPath]:
    """The files beside docs/ that a page of the repository links to."""
    found = [target(page, link) for _, link, _ in LINK.findall((ROOT / page).read_text(encoding="utf-8"))]
    return [path for path in found if path and not path.is_relative_to(DOCS) and str(path) != START]


def target(page: PurePosixPath, link: str) -> PurePosixPath | None:
    """The file of the repository that a link of a page leads to, None if it leads to no such file."""
    if "://" in link:
        return None
    path = PurePosixPath(os.path.normpath(page.parent / link))
    return path if (ROOT / path).is_file() else None


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The page as Python-Markdown reads it."""
    here = PurePosixPath(page.file.src_uri)
    source = here if (ROOT / here).is_file() and not (ROOT / DOCS / here).is_file() else DOCS / here

    def led(match: re.Match[str]) -> str:
        path = target(source, match[2])
        if path is None:
            return match[0]
        if str(path) == START:
            there = PurePosixPath("index.md")
        else:
            there = path.relative_to(DOCS) if path.is_relative_to(DOCS) else path
        return f"{match[1]}{os.path.relpath(there, here.parent)}{match[3]}"

    return with_blank_lines(LINK.sub(led, markdown))


def with_blank_lines(markdown: str) -> str:
    """A blank line before lists, tables and code that follow a paragraph, four spaces before items within items.

    GitHub's Markdown needs neither.
    """
    told: list[str] = []
    fenced, kind = False, ""
    for line in markdown.splitlines():
        before, kind = kind, _kind(line)
        if fenced:
            kind = "code"
        elif before == "text" and kind in ("item", "row", "fence"):
            told.append("")
        elif kind == "text" and before in ("item", "nested", "more"):
            kind = "more"  # of the item, whether it is indented or not
        if FENCE.match(line):
            fenced = not fenced
        told.append(NESTED.sub("    ", line) if kind == "nested" else line)
    return "\n".join(told) + "\n"


def _kind(line: str) -> str:
    if not line.strip() or line.startswith(("#", "    ")):
        return "other"
    if FENCE.match(line):
        return "fence"
    if ITEM.match(line) or NESTED.match(line):
        return "item" if ITEM.match(line) else "nested"
    return "row" if line.startswith("|") else "text"


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Refuse what would be fetched from elsewhere; say the language of a page that is not English."""
    found = FETCHED.search(output)
    if found:
        raise PluginError(f"{page.file.src_uri}: {found[0]} would be fetched from elsewhere")
    language = page.meta.get("lang")
    return output.replace('<html lang="en"', f'<html lang="{language}"', 1) if language else output
