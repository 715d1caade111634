"""The package as `kernels`, the library of Hugging Face's kernel hub, loads it: FOLDER/build/VARIANT.

    python -m tools.hub_layout FOLDER

Such a copy is a module of any name, beside others and beside an installed saln_kernels: its imports of itself are
relative, and its ops are in a namespace of their own, which is the name too. The name holds a hash of all sources, so
that what is not committed counts. Only what registers ops is compiled anew; all else is what setup.py compiled. `_C`
stays out, for it would be one for each Python: `plan` of a copy says that it is missing. A second variant, for PyTorch
with CUDA, is written where `_cuda.so` has been built.
"""

import ast
import base64
import hashlib
import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import ninja

import setup

NAME = "saln-kernels"
PACKAGE = setup.ROOT / "saln_kernels"
NAMESPACE = 'NAMESPACE = "saln"'  # in backends/schemas.py


def backend(cuda: setup.Toolkit | None) -> str:
    """How names of variants say what they run on."""
    return "cu" + "".join(cuda.version.split(".")[:2]) if cuda else "cpu"


def variant(cuda: setup.Toolkit | None) -> str:
    """The folder's name: for every PyTorch from the oldest that is served on, by its stable C interface."""
    return f"torch-stable-abi{setup.TORCH_TARGET.replace('.', '')}-{backend(cuda)}-{platform.machine()}-linux"


def identity(cuda: setup.Toolkit | None) -> str:
    """The name of the module, and of the namespace of its ops."""
    paths = [setup.ROOT / "setup.py", *PACKAGE.rglob("*.py"), *(setup.ROOT / "csrc").rglob("*.*")]
    names = {path.relative_to(setup.ROOT).as_posix(): path for path in paths}
    found = hashlib.sha256()
    for name, path in sorted(names.items()):
        found.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return f"_{PACKAGE.name}_{'cuda' if cuda else 'cpu'}_{found.hexdigest()[:12]}"


def relative(text: str, depth: int) -> str:
    """A module's text with relative imports in place of those that name the package; `depth` folders down in it."""
    lines = text.splitlines(keepends=True)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import) and any(alias.name.partition(".")[0] == PACKAGE.name for alias in node.names):
            raise SystemExit(f"line {node.lineno}: `import {PACKAGE.name}` has no relative form; write `from` it")
        if not isinstance(node, ast.ImportFrom) or node.level or not node.module:
            continue
        package, _, inside = node.module.partition(".")
        if package != PACKAGE.name:
            continue
        line = lines[node.lineno - 1]
        before, written, after = line.partition(f"from {node.module} import")
        if not written or before.strip():
            raise SystemExit(f"line {node.lineno}: `{line.strip()}` is not written as ruff formats it")
        lines[node.lineno - 1] = f"{before}from {'.' * (depth + 1)}{inside} import{after}"
    return "".join(lines)


def modules(namespace: str) -> dict[str, str]:
    """The text of every Python file, by its path in the package."""
    texts = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(PACKAGE)
        texts[inside.as_posix()] = relative(path.read_text(), len(inside.parts) - 1)
    schemas = texts["backends/schemas.py"]
    if schemas.count(NAMESPACE) != 1:
        raise SystemExit(f"backends/schemas.py does not say {NAMESPACE}")
    texts["backends/schemas.py"] = schemas.replace(NAMESPACE, f'NAMESPACE = "{namespace}"')
    return texts


def link(folder: Path, namespace: str, cuda: setup.Toolkit | None, *options: str) -> str:
    """Have ninja link the op libraries in a folder, and what it says."""
    setup.BUILD.mkdir(parents=True, exist_ok=True)
    file = setup.BUILD / "hub.ninja"
    file.write_text(setup.ninja_file(setup.BUILD, folder, cuda, setup.torch_headers(), namespace))
    libraries = [str(folder / name) for name in ("_ops.so", *(["_cuda.so"] if cuda else []))]
    command = [str(Path(ninja.BIN_DIR) / "ninja"), "-C", str(setup.BUILD), "-f", file.name, *options, *libraries]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def metadata(folder: Path, name: str, cuda: setup.Toolkit | None) -> str:
    """What `kernels` reads before it loads a variant: names, what it runs on, and a digest of each file."""
    digests = {
        path.relative_to(folder).as_posix(): base64.b64encode(hashlib.sha256(path.read_bytes()).digest()).decode()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "metadata.json"
    }
    runs_on: dict[str, object] = {"type": "cpu"}
    if cuda:
        runs_on = {"type": "cuda", "archs": [capability(arch) + "+PTX" * (arch == cuda.ptx) for arch in cuda.archs]}
    found = {
        "id": name,
        "name": NAME,
        "version": int(setup.VERSION.partition(".")[0]),
        "license": "Apache-2.0",
        "python-depends": [],
        "backend": runs_on,
        "digest": {"algorithm": "sha256", "files": digests},
    }
    return json.dumps(found, indent=2) + "\n"


def capability(arch: str) -> str:
    """An architecture as PyTorch writes it: 9.0a for 90a."""
    digits = arch.rstrip("af")
    return f"{digits[:-1]}.{digits[-1]}{arch[len(digits) :]}"


def write(folder: Path, cuda: setup.Toolkit | None = None, name: str = "") -> Path:
    """One variant, made anew."""
    name = name or identity(cuda)
    place = folder.resolve() / "build" / variant(cuda)
    shutil.rmtree(place, ignore_errors=True)
    for inside, text in modules(name).items():
        (place / inside).parent.mkdir(parents=True, exist_ok=True)
        (place / inside).write_text(text)
    link(place, name, cuda)
    (place / "metadata.json").write_text(metadata(place, name, cuda))
    return place


if __name__ == "__main__":
    for toolkit in (None, *([setup.find_toolkit()] if (PACKAGE / "_cuda.so").exists() else [])):
        print(write(Path(sys.argv[1]), toolkit))
