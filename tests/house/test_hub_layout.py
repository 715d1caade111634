"""Copies of the package for Hugging Face's kernel hub: alone, side by side, and beside the package itself."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

import setup
from tools import hub_layout

NAMES = ("_saln_kernels_one", "_saln_kernels_two")
CUDA = setup.Toolkit("nvcc", "13.0.88", ["80", "90a", "100a", "120"])

# Where `kernels` is not installed, what its importer does.
LOAD = """
import importlib.util, json, pathlib, sys
def load(folder):
    if {kernels}:
        from kernels import get_local_kernel
        return get_local_kernel(pathlib.Path(folder), backend="cpu")
    [place] = pathlib.Path(folder, "build").iterdir()
    name = json.loads((place / "metadata.json").read_text())["id"]
    spec = importlib.util.spec_from_file_location(name, place / "__init__.py")
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
sys.modules["saln_kernels"] = None  # who names it, fails
"""

# No copy has anything of another, nor of the package, and all have the same bits.
SIDE_BY_SIDE = """
copies = [load(folder) for folder in sys.argv[1:]]
del sys.modules["saln_kernels"]
import torch
import saln_kernels
from torch.utils._python_dispatch import TorchDispatchMode
class Namespaces(TorchDispatchMode):
    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        self.found.add(op.namespace)
        return op(*args, **(kwargs or {}))
generator = torch.Generator().manual_seed(0)
features, rows = torch.randn(60, 24, generator=generator), torch.randint(60, (9, 12), generator=generator)
def results(package):
    x = features.clone().requires_grad_()
    package.score_batches(x, rows, "effective_rank", similarity="rbf").sum().backward()
    return [
        x.grad,
        package.gram(features, rows, similarity="cosine"),
        *package.topk_eigvals(features, rows, 3, return_bounds=True),
        package.topk_eigh(features, rows, 2).vectors,
        package.eigvalsh(package.gram(features, rows)),
        package.score_batches(features.bfloat16(), rows, "vendi", q=2.0, similarity="cosine"),
        package.fiedler(features, rows).vector,
        *package.greedy_logdet(features, rows, 5),
        *package.maxvol(features, rows, 5),
        *package.k_center(features, rows, 5),
    ]
def compiled(package):
    def program(x, rows):
        return package.score_batches(x, rows, "vendi", q=2.0) + package.topk_eigvals(x, rows, 1).squeeze(1)
    return torch.compile(program, backend="aot_eager", fullgraph=True)(features, rows)
wanted = [*results(saln_kernels), compiled(saln_kernels)]
for copy in copies:
    with Namespaces() as seen:
        seen.found = set()
        found = results(copy)
    assert seen.found - {"aten", "prims", "profiler"} == {copy.__name__}, seen.found
    for one, other in zip([*found, compiled(copy)], wanted, strict=True):
        assert torch.equal(one, other)
    assert copy.gram is not saln_kernels.gram and copy.__version__ == saln_kernels.__version__
    served = {status.name: status.serves for status in copy.build_info().backends}
    assert served["cpu"] and not served["cuda"]
    assert any(f"{copy.__name__}._C" in said for said in copy.build_info().missing)
print(*(copy.__name__ for copy in copies))
"""

EVERY_MODULE = """
import pkgutil
copy = load(sys.argv[1])
for found in pkgutil.walk_packages(copy.__path__, copy.__name__ + "."):
    if "triton" not in found.name or importlib.util.find_spec("triton"):
        importlib.import_module(found.name)
missing = sys.modules[copy.__name__ + ".backends.native"].missing()
print(copy.build_info().version, "_ops.so is not built" in missing)
"""


def python(program: str, *folders: Path, kernels: bool = False) -> str:
    """What a process of its own prints."""
    given = {"HF_HUB_OFFLINE": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", LOAD.format(kernels=kernels) + program, *map(str, folders)]
    done = subprocess.run(command, env=os.environ | given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def copies(tmp_path: Path) -> list[Path]:
    """Two copies, of which only what registers ops is compiled."""
    with FileLock(setup.ROOT / "build" / "hub.lock"):  # ninja works in the folder of the package's own build
        for name in NAMES:
            planned = hub_layout.link(tmp_path / name, name, None, "-n")
            if "cpu/kernels.cpp" in planned:
                pytest.skip("the objects that a copy is linked from are not built, or older than their sources")
            hub_layout.write(tmp_path / name, None, name)
    return [tmp_path / name for name in NAMES]


@pytest.mark.parametrize("loader", ["importlib", "kernels"])
def test_copies_load_beside_each_other_and_the_package(copies: list[Path], loader: str) -> None:
    if loader == "kernels" and importlib.util.find_spec("kernels") is None:
        pytest.skip("kernels is not installed")
    assert python(SIDE_BY_SIDE, *copies, kernels=loader == "kernels") == " ".join(NAMES)


def test_python_of_a_copy_names_nothing_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every module is imported where `saln_kernels` cannot be."""
    monkeypatch.setattr(hub_layout, "link", lambda *arguments: "")
    hub_layout.write(tmp_path)
    assert python(EVERY_MODULE, tmp_path) == f"{setup.VERSION} True"


@pytest.mark.parametrize(
    ("cuda", "name", "backend"),
    [
        (None, "cpu", {"type": "cpu"}),
        (CUDA, "cu130", {"type": "cuda", "archs": ["8.0", "9.0a", "10.0a", "12.0+PTX"]}),
    ],
)
def test_names_and_digests(
    cuda: setup.Toolkit | None,
    name: str,
    backend: dict[str, object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub_layout, "link", lambda folder, *others: (folder / "_ops.so").write_bytes(b"code"))
    place = hub_layout.write(tmp_path, cuda)
    assert place.relative_to(tmp_path.resolve()).parts[0] == "build"
    assert place.name.startswith(f"torch-stable-abi210-{name}-")
    said = json.loads((place / "metadata.json").read_text())
    assert said["id"].isidentifier()
    assert f'NAMESPACE = "{said["id"]}"' in (place / "backends" / "schemas.py").read_text()
    assert (said["name"], said["version"], said["backend"]) == ("saln-kernels", 0, backend)
    files = {path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()}
    del files["metadata.json"]
    assert said["digest"]["files"] == {
        path: base64.b64encode(hashlib.sha256(data).digest()).decode() for path, data in files.items()
    }
    assert {"__init__.py", "_ops.so", "backends/triton/device/kernel.py"} <= set(files)


def test_cuda_s_library_is_planned_in_the_same_namespace(tmp_path: Path) -> None:
    """Nothing is compiled."""
    text = setup.ninja_file(tmp_path, tmp_path, CUDA, tmp_path, "_own")
    assert text.count("-DSALN_OPS_NAMESPACE=_own") == len(setup.REGISTERING)
    assert "cuda_launch_ops_own.o" in text
    assert "_own" not in setup.ninja_file(tmp_path, tmp_path, CUDA, tmp_path)


@pytest.mark.parametrize(
    ("written", "depth", "wanted"),
    [
        ("from saln_kernels import gradients\n", 0, "from . import gradients\n"),
        ("def f():\n    from saln_kernels import a\n", 1, "def f():\n    from .. import a\n"),
        ("from saln_kernels.a.b import (\n    c,\n)\n", 2, "from ...a.b import (\n    c,\n)\n"),
        ('"""from saln_kernels import a"""\n', 0, '"""from saln_kernels import a"""\n'),
        ("from saln_kernels_cu13 import a\n", 0, "from saln_kernels_cu13 import a\n"),
    ],
)
def test_imports_of_the_package_itself_are_relative(written: str, depth: int, wanted: str) -> None:
    assert hub_layout.relative(written, depth) == wanted


@pytest.mark.parametrize("written", ["import saln_kernels.plan\n", "x = 1; from saln_kernels import plan\n"])
def test_an_import_that_cannot_be_rewritten_is_refused(written: str) -> None:
    with pytest.raises(SystemExit, match="line 1: "):
        hub_layout.relative(written, 0)
