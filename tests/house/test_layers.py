"""The picture of the layers in docs/DEV.md is that of the contracts in pyproject.toml."""

import re
import sys

from setup import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it

Layers = dict[str, list[set[str]]]


def names(line: str) -> set[str]:
    """The modules of a line."""
    return set(line.split(" | "))


def contracts() -> Layers:
    """What import-linter checks."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return {
        container: [names(layer) for layer in contract["layers"]]
        for contract in config["contracts"]
        if contract["type"] == "layers"
        for container in contract["containers"]
    }


def picture() -> Layers:
    """What docs/DEV.md shows: a line per layer, and what it is for after two spaces."""
    [block] = re.findall(r"```text\n(saln\n.*?)```", (ROOT / "docs" / "DEV.md").read_text(), flags=re.S)
    shown: Layers = {}
    for line in filter(None, block.splitlines()):
        if line[0] != " ":
            shown[line] = current = []
        else:
            current.append(names(re.split(r"  +", line.strip())[0]))
    return shown


def test_the_picture_agrees_with_the_contracts() -> None:
    assert picture() == contracts()


def test_every_module_has_its_place() -> None:
    """import-linter says so too, of the containers that are exhaustive."""
    for container, folder in {"saln": "python_api/saln", "saln_kernels": "saln_kernels"}.items():
        here = ROOT / folder
        modules = {path.stem for path in here.glob("*.py")} | {path.parent.name for path in here.glob("*/__init__.py")}
        placed = {name.partition(".")[0] for name in set().union(*contracts()[container])}
        assert placed == modules - {"__init__"}
