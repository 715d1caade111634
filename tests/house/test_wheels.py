"""What wheels are for; what that of the CUDA library holds, and what is refused."""

from __future__ import annotations

import base64
import hashlib
import json
import platform
import sys
import zipfile
from pathlib import Path

import pytest
from setuptools import Distribution, Extension

import saln_kernels
import setup
from saln_kernels.backends import cuda
from tools import check_wheel, cuda_wheel

TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"
OTHER = "x86_64" if platform.machine() == "aarch64" else "aarch64"


@pytest.mark.parametrize(("pythons", "wanted"), [("python3.12 python3.13", "py3-none"), (None, f"{TAG}-{TAG}")])
def test_a_wheel_is_for_every_python_where_it_has_the_module_for_several(
    pythons: str | None, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SALN_PYTHONS", raising=False)
    if pythons:
        monkeypatch.setenv("SALN_PYTHONS", pythons)
    wheel = setup.Wheel(Distribution({"ext_modules": [Extension("saln_kernels._C", [])]}))
    wheel.ensure_finalized()
    assert "-".join(wheel.get_tag()[:2]) == wanted


def test_a_cross_compiler_makes_a_wheel_for_its_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = tmp_path / "g++"
    compiler.write_text(f"#!/bin/sh\necho {OTHER}-linux-gnu\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    assert setup.machine() == OTHER
    monkeypatch.setattr(setup, "MACHINE", setup.machine())
    assert (
        setup.for_machine(f"_C.cpython-310-{platform.machine()}-linux-gnu.so") == f"_C.cpython-310-{OTHER}-linux-gnu.so"
    )
    monkeypatch.setenv("SALN_PYTHONS", sys.executable)
    wheel = setup.Wheel(Distribution({"ext_modules": [Extension("saln_kernels._C", [])]}))
    wheel.plat_name = f"linux-{platform.machine()}"
    wheel.ensure_finalized()
    assert wheel.get_tag() == ("py3", "none", f"linux_{OTHER}")
    compiler.write_text("#!/bin/sh\necho powerpc64le-linux-gnu\n")  # of which Python says ppc64le
    assert setup.machine() == platform.machine()
    monkeypatch.setenv("CXX", str(tmp_path / "absent"))
    assert setup.machine() == platform.machine()


@pytest.mark.parametrize(("machine", "runs"), [(platform.machine(), 1), (OTHER, 0)])
def test_a_wheel_is_installed_where_it_runs(
    machine: str, runs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_wheel, "linked", lambda wheel: {"wheel": wheel.name})
    monkeypatch.setattr(check_wheel, "installed", lambda wheel, python, torch, cuda: {"torch": torch})
    monkeypatch.setattr(check_wheel.shutil, "which", lambda name: name)
    name, page = f"saln_kernels-0.1.0-py3-none-manylinux_2_28_{machine}.whl", tmp_path / "found.json"
    monkeypatch.setattr(sys, "argv", ["check_wheel", name, "--pair", "python3", "torch==2.10.0", "--output", str(page)])
    check_wheel.main()
    found = json.loads(page.read_text())
    assert found["wheels"] == [{"wheel": name}]
    assert found["installed"] == [{"torch": "torch==2.10.0"}] * runs


def test_a_wheel_for_one_python_is_refused() -> None:
    with pytest.raises(SystemExit, match="wanted a wheel for every Python"):
        check_wheel.linked(Path("saln_kernels-0.1.0-cp311-cp311-manylinux_2_28_x86_64.whl"))


def library(folder: Path, version: str = saln_kernels.__version__, nvcc: str = "13.0.88") -> Path:
    """A file that says what a library of CUDA kernels says of itself."""
    path = folder / "built.so"
    path.write_bytes(
        b'code saln_cuda_build {"version": "%s", "nvcc": "%s", "archs": "80 90a", "ptx": "120"} code'
        % (version.encode(), nvcc.encode())
    )
    return path


def test_it_is_what_the_loader_looks_for(
    wheel_of_kernels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(wheel_of_kernels) as wheel:
        wheel.extractall(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setattr(cuda, "LIBRARY", tmp_path / "absent.so")
    found = cuda.library()
    assert found == tmp_path / "site" / "saln_kernels_cu13" / "_cuda.so"
    assert cuda.read(found).version == saln_kernels.__version__


@pytest.fixture
def wheel_of_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1764000000")
    return cuda_wheel.write(library(tmp_path), tmp_path / "wheels")


def test_its_record_is_true_and_it_wants_the_same_version(wheel_of_kernels: Path) -> None:
    with zipfile.ZipFile(wheel_of_kernels) as wheel:
        files = {name: wheel.read(name) for name in wheel.namelist()}
    info = f"saln_kernels_cu13-{saln_kernels.__version__}.dist-info"
    rows = [line.split(",") for line in files.pop(f"{info}/RECORD").decode().splitlines()]
    assert rows.pop() == [f"{info}/RECORD", "", ""]
    for (name, digest, size), data in zip(rows, files.values(), strict=True):
        wanted = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        assert (digest, int(size)) == (f"sha256={wanted}", len(files[name]))
    assert f"Requires-Dist: saln-kernels=={saln_kernels.__version__}\n" in files[f"{info}/METADATA"].decode()


def test_the_same_library_makes_the_same_bytes(wheel_of_kernels: Path, tmp_path: Path) -> None:
    assert cuda_wheel.write(library(tmp_path), tmp_path / "again").read_bytes() == wheel_of_kernels.read_bytes()


def test_another_version_or_toolkit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"is of saln_kernels 0\.0\.1, wanted"):
        cuda_wheel.write(library(tmp_path, version="0.0.1"), tmp_path)
    with pytest.raises(SystemExit, match=r"built by nvcc 12\.8\.1, and the package is saln_kernels_cu13"):
        cuda_wheel.write(library(tmp_path, nvcc="12.8.1"), tmp_path)
