"""A case's launch for the interpreter: the kernel's argument as the plan makes it, inputs, and the results' check."""

import json
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.gpu import cases
from bench.gpu.cases import Case
from bench.gpu.sass import block
from bench.gpu.sass.code import Code, read
from bench.gpu.sass.phases import PHASES
from bench.gpu.sass.warp import Fault, Memory
from bench.machine import ROOT

CSRC = ROOT / "csrc"
PLAN = [CSRC / "cuda/plan" / name for name in ("plan.cpp", "cost.cpp", "instructions.cpp")]
SOURCES = (Path(__file__).parent / "call.cpp", CSRC / "core/plan.cpp", *PLAN)
PROGRAM = ROOT / "build" / "sass" / "call"
TOLERANCE = 2e-3  # of the largest eigenvalue: an instruction misread is far off


@dataclass(frozen=True)
class Counted:
    """A case of bfloat16 rows, or of given matrices of float32, and how many of its candidates one block takes here."""

    candidates: int  # C
    size: int  # b
    width: int  # d
    k: int
    solver: str
    taken: int
    given: bool = False


def counted(case: Case, solver: str, taken: int) -> Counted:
    """A case of the benchmarks."""
    return Counted(case.n_candidates, case.size, case.width, case.k, solver, taken, case.kind == "eigvalsh")


# As many as a block of the launch takes, rounded, where the first differs from those that are looked ahead to.
CASES = {
    "headline": counted(cases.CASES["headline"], "exact", 3),
    "small": counted(cases.CASES["small"], "exact", 3),
    "wide_randomized": counted(cases.CASES["wide"], "randomized", 1),
    "wide_exact": counted(cases.CASES["wide"], "exact", 1),
    "eigvalsh": counted(cases.CASES["eigvalsh"], "exact", 3),
}


def case_of(text: str) -> Counted:
    """A case by its name, or as C,b,d,k,solver."""
    if text in CASES:
        return CASES[text]
    try:
        *numbers, solver = text.split(",")
        candidates, size, width, k = map(int, numbers)
    except ValueError:
        raise ValueError(f"expected one of {', '.join(CASES)}, or C,b,d,k,solver, got {text!r}") from None
    return Counted(candidates, size, width, k, solver, 3 if size <= 64 else 1)


def program() -> Path:
    """The program that says what a call is launched with, compiled where a source is newer."""
    headers = (path for pattern in ("*.h", "*.cuh", "*.def") for path in CSRC.rglob(pattern))
    newest = max(path.stat().st_mtime for path in (*headers, *SOURCES))
    if not PROGRAM.exists() or PROGRAM.stat().st_mtime < newest:
        PROGRAM.parent.mkdir(parents=True, exist_ok=True)
        fresh = PROGRAM.with_suffix(f".{os.getpid()}")  # several may compile it at once
        command = ["g++", "-std=c++20", "-O1", f"-I{CSRC}", *map(str, SOURCES), "-o", str(fresh)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        fresh.replace(PROGRAM)
    return PROGRAM


def bfloat16(x: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Rounded to nearest, ties to even."""
    bits = x.view(np.uint32)
    return ((bits + np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))) >> np.uint32(16)).astype(np.uint16)


@dataclass(frozen=True)
class Arrays:
    """Addresses of a call's arrays."""

    features: int = 0
    candidates: int = 0
    values: int = 0
    bounds: int = 0
    workspace: int = 0


def planned(case: Counted, rows: int = 1, arrays: Arrays = Arrays()) -> tuple[dict[str, Any], bytes]:
    """What the plan says, and the kernel's argument."""
    numbers = (case.k, case.candidates, case.taken, case.size, rows, case.width, *astuple(arrays))
    kind = ("float32", "given") if case.given else ("bfloat16", "linear")
    command = [str(program()), *kind, case.solver, *map(str, numbers)]
    said = subprocess.run(command, capture_output=True, check=True).stdout
    head, _, argument = said.partition(b"\n")
    return json.loads(head), argument


def predicted(case: Counted) -> dict[str, float]:
    """What the cost model predicts of each phase."""
    return dict(zip(PHASES, planned(case)[0]["predicted"], strict=True))


def class_of(kernel: str) -> str:
    """The class that kernels.def has for a kernel."""
    text = (CSRC / "cuda/kernels/kernels.def").read_text()
    found = re.search(rf"^SALN_KERNEL\({kernel},\s*\d+,\s*(.*)\)$", text, re.MULTILINE)
    if not found:
        raise LookupError(f"no kernel {kernel}")
    return found[1].replace(" ", "")


def execute(case: Counted, libraries: Sequence[Path], arch: str = "90a") -> tuple[Code, list[int]]:
    """The case's kernel, and how often each instruction is issued; a wrong result is a Fault."""
    plan, _ = planned(case)
    rng = np.random.default_rng(case.size)
    rows = 4 * case.size
    # Columns that decay spread the eigenvalues, so that Lanczos finds them too.
    decay = np.sqrt(1 + np.arange(case.width))
    stored = bfloat16((rng.standard_normal((rows, case.width)) / decay).astype(np.float32))
    chosen = np.stack([rng.permutation(rows)[: case.size] for _ in range(case.taken)]).astype(np.int64)
    x = (stored.astype(np.uint32) << np.uint32(16)).view(np.float32).astype(np.float64)
    grams = np.stack([x[row] @ x[row].T for row in chosen])
    sources = (grams.astype(np.float32) if case.given else stored, chosen)
    results, workspace = 4 * case.taken * case.k, plan["workspace_bytes"] // plan["grid"]
    memory = Memory(block.SHARED_START + plan["shared_bytes"])
    inputs = [memory.add(array.reshape(-1).view(np.uint8)) for array in sources]
    outputs = [memory.add(np.full(size, 0xFF, dtype=np.uint8)) for size in (results, results, workspace)]
    plan, argument = planned(case, rows, Arrays(*inputs, *outputs))
    code = read(tuple(libraries), arch, f"score<saln::device::{class_of(plan['kernel'])}>")
    counts = block.run(code, argument, plan["threads"], memory)
    check(case, grams, memory.array(outputs[0])[:results].view(np.float32))
    return code, counts


def check(case: Counted, grams: NDArray[np.float64], found: NDArray[np.float32]) -> None:
    """Eigenvalues against NumPy's."""
    for values, gram in zip(found.reshape(case.taken, case.k), grams, strict=True):
        true = np.linalg.eigvalsh(gram)[::-1][: case.k]
        error = float(np.abs(values - true).max() / true[0])
        if not error < TOLERANCE:
            raise Fault(f"eigenvalues are off by {error:.1e} of the largest")
