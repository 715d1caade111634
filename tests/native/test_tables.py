"""A criterion or a case that is forgotten does not compile."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import setuptools

ROOT = Path(__file__).parents[2]
ON_CPU = ROOT / "tests" / "cuda_on_cpu"

SWITCHES = {
    "a case is missing": "switch (c) { case Colour::red: return 1; }",
    "a default swallows": "switch (c) { case Colour::red: return 1; default: return 2; }",
}


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What setup.py defines."""
    monkeypatch.setattr(setuptools, "setup", lambda **_: None)
    scope: dict[str, Any] = {"__file__": str(ROOT / "setup.py"), "__name__": "setup"}
    exec(compile((ROOT / "setup.py").read_text(), "setup.py", "exec"), scope)
    return scope


def errors(flags: str, *sources: Path | str) -> str:
    """What the compiler says against sources; empty if nothing."""
    compiler = os.environ.get("CXX", shutil.which("g++") or "c++")
    done = subprocess.run(
        [compiler, *flags.split(), "-fsyntax-only", *map(str, sources)], capture_output=True, text=True, check=False
    )
    return done.stderr if done.returncode else ""


@pytest.mark.parametrize("body", SWITCHES.values(), ids=SWITCHES)
def test_switches_have_every_case(build: dict[str, Any], tmp_path: Path, body: str) -> None:
    source = tmp_path / "switch.cpp"
    source.write_text(f"enum class Colour {{ red, green }};\nint f(Colour c) {{ {body} return 0; }}\n")
    assert "green" in errors(build["FLAGS"], source)
    host = build["NVCC_FLAGS"].partition("-Xcompiler ")[2].split()[0].replace(",", " ")
    assert "green" in errors(f"-std=c++20 {host}", source)


def test_a_criterion_without_a_formula(build: dict[str, Any], tmp_path: Path) -> None:
    """On the CPU, and on a GPU."""
    csrc = tmp_path / "csrc"
    shutil.copytree(ROOT / "csrc", csrc)
    table = csrc / "core" / "criteria.def"
    cpu = f"{build['FLAGS']} -w -I{csrc} -DSALN_VARIANT=portable", csrc / "cpu" / "kernels.cpp"
    over_shim = f"-std=c++20 -w -x c++ -I{ON_CPU} -I{ON_CPU / 'runtime'} -I{csrc} -DSALN_KERNEL_NAME=registers32"
    gpu = over_shim, csrc / "cuda" / "launch" / "kernel.cu"
    assert errors(*cpu) == errors(*gpu) == ""
    table.write_text(table.read_text().replace("#undef", "SALN_CRITERION(unheard_of, all, none)\n#undef"))
    for flags, source in (cpu, gpu):
        assert "unheard_of" in errors(flags, source)


def test_no_switch_has_a_default() -> None:
    """What nvcc compiles for a GPU gets no warning of a missing case, so none may be swallowed."""
    sources = [path for path in (ROOT / "csrc").rglob("*") if path.suffix in (".h", ".cpp", ".cu", ".cuh")]
    assert [str(path) for path in sources if "default:" in path.read_text()] == []
