"""The distribution's metadata are true: its licence, and what it needs is what its packages import."""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import saln_kernels
from saln import needs

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it

ROOT = Path(__file__).parents[2]
IMPORTED_AS = {"scikit-learn": "sklearn", "pillow": "PIL"}
OPTIONAL = {"fairlearn", "ray", "accelerate", "lightning", "transformers", "torchdata"}
"""Extras of saln, which functions and modules of `saln.integrations` look for."""
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
"""SHA-256 of the licence's text as the Apache Software Foundation gives it."""


def project() -> dict[str, object]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        found: dict[str, object] = tomllib.load(file)["project"]
    return found


def imports(package: Path) -> Iterator[tuple[str, Path]]:
    """Top-level names of all imports of a package, those within functions included."""
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((name.name.partition(".")[0], file) for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0], file


def declared(extra: str | None = None) -> set[str]:
    """What an installation brings, or an extra of it, by the names that it is imported by."""
    found: dict[str, Any] = project()
    listed = found["dependencies"] if extra is None else found["optional-dependencies"][extra]
    names = (re.match(r"[\w-]+", each) for each in listed)
    return {IMPORTED_AS.get(name[0], name[0]) for name in names if name}


EVERYTHING = declared() | declared("pilot")


@pytest.mark.parametrize(
    ("package", "allowed"),
    [("saln_kernels", {"torch", "triton"}), ("python_api/saln", EVERYTHING | OPTIONAL | {"saln_kernels"})],
)
def test_packages_import_what_is_declared(package: str, allowed: set[str]) -> None:
    allowed = allowed | {Path(package).name, "tomllib"}  # which Python 3.10 has not yet, and the pilot does without
    for name, file in imports(ROOT / package):
        assert name in allowed or name in sys.stdlib_module_names, f"{file.relative_to(ROOT)} imports {name}"


def test_everything_declared_is_imported() -> None:
    used = {name for package in ("saln_kernels", "python_api/saln") for name, _ in imports(ROOT / package)}
    assert used >= EVERYTHING, f"nothing imports {EVERYTHING - used}"


def test_errors_name_the_extra_of_every_library_that_it_has() -> None:
    assert declared("pilot") == needs.LIBRARIES


def test_all_is_every_extra() -> None:
    found: dict[str, Any] = project()
    extras = found["optional-dependencies"]
    [whole] = extras["all"]
    assert set(re.findall(r"[\w-]+", whole)) == {"saln-kernels", *extras} - {"all"}


def test_the_licence_is_the_whole_text() -> None:
    assert project()["license"] == "Apache-2.0"
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE_2


def test_the_citation_names_this_version() -> None:
    version = re.findall(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    assert version == [saln_kernels.__version__]
