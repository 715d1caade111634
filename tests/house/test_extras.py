"""An installation without extras: what works, and that all else names the extra which it needs.

Programs run where every package is refused that torch, numpy and filelock do not bring.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from saln.needs import LIBRARIES

ROOT = Path(__file__).parents[2]
SALN = ROOT / "python_api" / "saln"
NEED_IT_WHOLE = {"audit", "cli", "offline", "pages", "pilot"}
"""Packages that cannot be imported without the extra."""

REFUSING = """
import sys
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder

class Installed(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {refused} else super().find_spec(name, path, target)

sys.meta_path[:] = [BuiltinImporter, FrozenImporter, Installed]
"""


def brought(*names: str) -> set[str]:
    """Distributions that come with some, those included, in lower case."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = left.pop().lower().replace("_", "-")
        if name in found:
            continue
        try:
            needed = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        found.add(name)
        left += [re.match(r"[\w.-]+", each)[0] for each in needed if "extra ==" not in each]  # type: ignore[index]
    return found


def refused(*base: str) -> set[str]:
    """Top-level names of what is installed here and a base does not bring."""
    kept = brought(*base)
    return {
        module
        for module, distributions in metadata.packages_distributions().items()
        if not kept.intersection(name.lower().replace("_", "-") for name in distributions)
        and module not in {"saln", "saln_kernels"}
    }


def run(program: str, tmp_path: Path, *base: str) -> subprocess.CompletedProcess[str]:
    """A program where what is installed is what a base brings."""
    code = REFUSING.format(refused=sorted(refused(*base))) + program
    environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'python_api'}", "PATH": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)


KERNELS = """
import torch
import saln_kernels

features = torch.randn(50, 12, generator=torch.Generator().manual_seed(0))
candidates = torch.randint(50, (20, 8), generator=torch.Generator().manual_seed(1))
batches = features[candidates]
wanted = torch.linalg.eigvalsh((batches @ batches.mT).double()).flip(-1)[:, :3]
torch.testing.assert_close(saln_kernels.topk_eigvals(features, candidates, 3).double(), wanted, rtol=1e-5, atol=1e-4)
print(saln_kernels.build_info().version)
"""

TRAINING = """
import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

import saln

features = torch.randn(120, 8, generator=torch.Generator().manual_seed(0))
labels = torch.arange(120) % 3
np.save("features.npy", features.numpy())
sampler = saln.SpectralBatchSampler(features, batch_size=16, labels=labels)
assert {len(batch) for batch in sampler} <= {16, 120 % 16}
keep = saln.select(saln.SuperBatch(features[:64]), 16, method="saln", generator=torch.Generator().manual_seed(0))
assert len(set(keep.tolist())) == 16
loader = DataLoader(TensorDataset(features, labels), batch_size=16, shuffle=True)
for given in (features, "features.npy"):
    for _ in saln.select_data(loader, features=given, method="jest" if given is features else "auto"):
        pass
look = saln.look(features, labels)
kept = saln.prune(features, labels, keep=0.5)
for name in saln.SELECTORS:
    saln.make_selector(name)
print(saln.__version__)
"""


def test_the_kernels_need_torch_alone(on_cpu: None, tmp_path: Path) -> None:
    done = run(KERNELS, tmp_path, "torch")
    assert done.returncode == 0, done.stderr


def test_samplers_and_selectors_need_no_extra(on_cpu: None, tmp_path: Path) -> None:
    done = run(TRAINING, tmp_path, "torch", "numpy", "filelock")
    assert done.returncode == 0, done.stderr


NAMED = {
    "saln.pilot": "import saln.pilot",
    "saln.audit": "import saln.audit.rates",
    "saln.offline": "import saln; saln.offline",
    "digits": "from saln.datasets import load_builtin; load_builtin('digits')",
    "a page": "import saln; saln.look([[0.0, 1.0], [1.0, 0.0]] * 20, [0, 1] * 20).report('look.html')",
    "csv": "from saln.datasets import read_source; read_source('data.csv')",
    "safetensors": "import saln; saln.SpectralBatchSampler('features.safetensors', batch_size=2)",
    "a bar": "import torch, saln; saln.extract(torch.nn.Identity(), [torch.ones(2)] * 4, 'features.npy')",
}


@pytest.mark.parametrize("what", NAMED)
def test_what_is_missing_names_the_extra(what: str, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,label\n1,0\n2,1\n")
    (tmp_path / "features.safetensors").write_bytes(bytes(8))
    done = run(NAMED[what], tmp_path, "torch", "numpy", "filelock")
    last = done.stderr.splitlines()[-1]
    assert re.fullmatch(
        r"ImportError: this needs \w+ \(No module named '[\w.]+'\): pip install 'saln-kernels\[pilot\]'", last
    ), done.stderr


def test_the_command_says_so_in_one_line(tmp_path: Path) -> None:
    done = run("import sys, saln.__main__ as m; sys.argv[1:] = ['doctor']; m.main()", tmp_path, "torch", "numpy")
    wanted = "error: this needs typer (No module named 'typer'): pip install 'saln-kernels[pilot]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", wanted)


def imported(path: Path) -> list[tuple[str, bool, bool]]:
    """Libraries of the extra that a module imports, whether within a function, and whether in `with extra_pilot()`."""
    found: list[tuple[str, bool, bool]] = []

    def walk(node: ast.AST, inside: bool, named: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            if isinstance(child, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in child.names] if isinstance(child, ast.Import) else [str(child.module)]
                found.extend((name, inside, named) for name in names if name.partition(".")[0] in LIBRARIES)
            with_it = isinstance(child, ast.With) and ast.unparse(child.items[0]) == "extra_pilot()"
            walk(child, inside or isinstance(child, ast.FunctionDef), named or with_it)

    walk(ast.parse(path.read_text(encoding="utf-8")), False, False)
    return found


def test_every_import_of_the_extra_names_it() -> None:
    """Where a module is used without it. The command line asks for all of it in one place."""
    for path in SALN.rglob("*.py"):
        package = path.relative_to(SALN).parts[0]
        for name, inside, named in imported(path):
            if package == "cli":
                continue
            where = f"{path.relative_to(ROOT)} imports {name}"
            assert named if inside else package in NEED_IT_WHOLE, f"{where} without extra_pilot() from saln.needs"
    for package in NEED_IT_WHOLE - {"cli"}:
        text = (SALN / package / "__init__.py").read_text(encoding="utf-8")
        assert not re.search(r"^from saln\.(?!needs)", text, re.MULTILINE), package
        assert "\nwith extra_pilot():\n    from saln" in text


def test_what_a_base_does_not_bring_is_refused(tmp_path: Path) -> None:
    assert run("import numpy", tmp_path, "torch", "numpy").returncode == 0
    assert "No module named 'numpy'" in run("import numpy", tmp_path, "filelock").stderr
    assert "No module named 'pandas'" in run("import pandas", tmp_path, "torch", "numpy").stderr
