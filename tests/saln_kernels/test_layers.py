"""Arrows of `saln_kernels` point one way, as docs/design.md draws them."""

import ast
from pathlib import Path

import saln_kernels

PACKAGE = Path(saln_kernels.__file__).parent

# A module may import those of earlier rows, and of its own row.
LAYERS = (
    {"results", "tracing", "criteria", "matrices"},
    {"chain_rule", "truth.reference", "truth.greedy"},
    {"backends.schemas", "backends.protocol"},
    {"gradients"},
    {"validate"},
    {"backends.cuda"},
    {"backends.native", "backends.reference", "backends.triton"},
    {"backends.dispatch"},
    {"spectra", "scores", "greedy"},
    {"plan", "build_info"},
)
RANK = {module: rank for rank, layer in enumerate(LAYERS) for module in layer}


def layer(module: str) -> str:
    """The name in LAYERS of what is inside a package of its own."""
    return "backends.triton" if module.startswith("backends.triton") else module


def imports(path: Path) -> set[str]:
    """The modules of this package that a file imports, wherever it does."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "saln_kernels":
            inside = node.module.removeprefix("saln_kernels").removeprefix(".")
            for alias in node.names:
                whole = f"{inside}.{alias.name}".removeprefix(".")
                found.add(whole if layer(whole) in RANK else inside)
    return {layer(module) for module in found} - {""}


def modules() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        if name not in ("__init__", "backends", "truth"):
            found[name] = path
    return found


def test_every_module_has_a_layer() -> None:
    assert {layer(name) for name in modules()} == set(RANK)


def test_no_arrow_points_up() -> None:
    up = [
        f"{name} imports {other}"
        for name, path in modules().items()
        for other in sorted(imports(path))
        if RANK[other] > RANK[layer(name)]
    ]
    assert up == []


def test_saln_is_never_imported() -> None:
    for path in modules().values():
        assert "import saln\n" not in path.read_text()
        assert "from saln." not in path.read_text()
        assert "from saln " not in path.read_text()
