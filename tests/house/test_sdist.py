"""The source distribution holds all that the package is built from, and nothing that was built."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from filelock import FileLock

from setup import ROOT

# Every object and library is planned, the CUDA ones too; nothing is run.
PLAN = """
import subprocess, sys
from pathlib import Path
import ninja, setup
cuda = setup.Toolkit("nvcc", "none", list(setup.CUDA_ARCHS))
build = setup.ROOT / "planned"
build.mkdir()
(build / "build.ninja").write_text(setup.ninja_file(build, build, cuda, Path("include")))
sys.exit(subprocess.run([Path(ninja.BIN_DIR) / "ninja", "-C", build, "-n"]).returncode)
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a source distribution unpacks to."""
    folder = tmp_path_factory.mktemp("sdist")
    command = [sys.executable, "setup.py", "--quiet", "egg_info", "--egg-base", str(folder)]
    with FileLock(ROOT / "build" / "sdist.lock"):  # it works in the source folder
        subprocess.run([*command, "sdist", "--dist-dir", str(folder)], cwd=ROOT, check=True, capture_output=True)
    [archive] = folder.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        file.extractall(folder)
    return folder / archive.name.removesuffix(".tar.gz")


def files(folder: Path, *below: str) -> set[str]:
    """Those below some folders, but for what Python and compilers leave."""
    found = [path for part in below for path in (folder / part).rglob("*") if path.is_file()]
    left = {".pyc", ".so", ".o"}
    return {str(path.relative_to(folder)) for path in found if path.suffix not in left}


def test_every_source_and_nothing_built(unpacked: Path) -> None:
    folders = ("csrc", "saln_kernels", "python_api/saln")
    assert files(unpacked, *folders) == files(ROOT, *folders)
    assert {"setup.py", "pyproject.toml", "README.md", "PKG-INFO"} <= {path.name for path in unpacked.iterdir()}
    assert files(unpacked, "tools") == {f"tools/{name}.py" for name in ("__init__", "remote_wheel", "torch_headers")}
    assert not [path for pattern in ("*.so", "*.pyc", "*.o") for path in unpacked.rglob(pattern)]


def test_everything_can_be_built_from_it(unpacked: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", PLAN], cwd=unpacked, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    for library in ("_ops.so", "_C.", "_cuda.so"):
        assert library in done.stdout
