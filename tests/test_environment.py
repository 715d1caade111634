"""docs/environment.md names every environment variable that is read, and no other."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("saln_kernels", "python_api", "csrc", "bench", "tools", "examples", "tests")
SUFFIXES = {".py", ".h", ".cpp", ".cu", ".cuh", ".sh"}
READS = (
    re.compile(r"""environ(?:\.get\(|\.setdefault\(|\.pop\(|\[)\s*["'](\w+)["'](?!\]\s*=[^=])"""),
    re.compile(r"""["'](\w+)["'] (?:not )?in os\.environ"""),
    re.compile(r"""getenv\(\s*["'](\w+)["']"""),
    re.compile(r"^(\w+) \?=", re.MULTILINE),
)
# Asked by tests alone of Python, PyTorch's launchers and libraries, whose documentation has them.
OF_OTHERS = {"WORLD_SIZE", "CUBLAS_WORKSPACE_CONFIG", "OMP_NUM_THREADS", "PYTHONPATH"}


def read() -> set[str]:
    """The variables that any source reads."""
    files = [ROOT / "setup.py", ROOT / "conftest.py", ROOT / "Makefile"]
    files += [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES]
    texts = [path.read_text() for path in files if path != Path(__file__)]
    return {name for text in texts for pattern in READS for name in pattern.findall(text)}


def documented() -> set[str]:
    """The first column of the table."""
    text = (ROOT / "docs" / "environment.md").read_text()
    return set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))


def test_the_table_is_whole() -> None:
    found = read()
    assert {"SALN_CPU_ISA", "SALN_CUDA", "SALN_CUDA_ARCHS", "TRITON_INTERPRET", "MAX_JOBS", "VENV"} <= found
    assert found - OF_OTHERS == documented()


def test_values_in_the_table_are_those_that_are_taken() -> None:
    """Instruction sets and architectures, which setup.py names."""
    row = {
        line.split("`")[1]: line
        for line in (ROOT / "docs" / "environment.md").read_text().splitlines()
        if "| `" in line
    }
    source = (ROOT / "setup.py").read_text()
    for name in re.findall(r"^CUDA_ARCHS = \((.*)\)", source, re.MULTILINE)[0].replace('"', "").split(", "):
        assert name in row["SALN_CUDA_ARCHS"]
    for variant in ("portable", "avx2", "avx512", "avx512_bf16"):
        assert f'"{variant}"' in source
        assert f"`{variant}`" in row["SALN_CPU_ISA"]


def test_a_variable_is_found_however_it_is_read() -> None:
    texts = {
        'os.environ.get("A", "")': {"A"},
        "os.environ['B']": {"B"},
        '"C" in os.environ': {"C"},
        'std::getenv("D")': {"D"},
        "E ?= 1": {"E"},
        'os.environ["F"] = "1"': set(),
    }
    for text, wanted in texts.items():
        assert {name for pattern in READS for name in pattern.findall(text)} == wanted
