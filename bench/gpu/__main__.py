"""`python -m bench.gpu`: build, test, measure and sanitize on the GPU here, within eight minutes, without network.

A prebuilt `_cuda.so` is taken where it fits the GPU: one that lies in saln_kernels/, or in the folder SALN_PREBUILT.
Every stage has a limit of its own, and what is known is written after each.
"""

import functools
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console

from bench.gpu import report, stages
from bench.gpu.cases import CASES
from bench.gpu.stages import Clock, Stage
from bench.machine import ROOT
from saln_kernels.backends import cuda

screen = Console(stderr=True)
PYTHON = sys.executable
SANITIZERS = {
    "memcheck": ("--leak-check", "no"),
    "racecheck": (),
    "synccheck": (),
    "initcheck": (),
}
UNCACHED = {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}
FOLDERS = ("tests/contract", "tests/saln_kernels", "tests/saln_greedy")
TRITON_FILES = ("tests/contract", "tests/saln_kernels/test_fiedler.py", "tests/saln_kernels/test_score.py")
CASE_LIMITS = {"headline": 75.0, "wide": 60.0, "small": 60.0, "many": 30.0}


def main(
    output: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("bench/results"),
    minutes: Annotated[float, typer.Option(help="For all stages together.")] = 8.0,
    smoke: Annotated[bool, typer.Option(help="Tiny cases, to try the programs; the timings mean nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON on stdout.")] = False,
) -> None:
    """Test and measure saln_kernels on this GPU; status 1 where a test is red, 2 where there is no GPU."""
    if not torch.cuda.is_available():
        screen.print(f"no GPU: {cuda.no_gpu()}; nothing was run", soft_wrap=True, highlight=False)
        raise typer.Exit(2)
    clock = Clock(60 * minutes)
    results: dict[str, Any] = {"schema": "saln.gpu/1", "smoke": smoke, "green": True, "stages": [], "cases": []}
    take_prebuilt()
    go(build(), results, clock)
    results |= describe()
    file = output / f"{slug(results['gpu']['name'])}-{results['date'][:10]}{'-smoke' if smoke else ''}"
    output.mkdir(parents=True, exist_ok=True)
    write = functools.partial(_write, results, file)
    write()
    for stage in checks():
        go(stage, results, clock)
        write()
    with tempfile.TemporaryDirectory() as folder:
        for name in CASES if results["green"] else ():
            found = Path(folder) / f"{name}.json"
            command = (PYTHON, "-m", "bench.gpu.measure", name, str(found), *(["smoke"] if smoke else []))
            go(Stage(f"case {name}", command, CASE_LIMITS[name]), results, clock)
            text = stages.read(found)
            if text:
                results["cases"].append(json.loads(text))
            write()
    for stage in more_checks():
        go(stage, results, clock)
        write()
    if not results["green"]:
        screen.print("tests are red: nothing was measured, for no figure of a wrong result is worth having")
    for target in report.judge(results):
        screen.print(f"{'met    ' if target.met else 'NOT MET'} {target.name}: {target.measured} ({target.wanted})")
    screen.print(f"written: {file}.json, .md", soft_wrap=True)
    if as_json:
        print(json.dumps(results))
    failed = any(stage["status"] == "failed" for stage in results["stages"])
    raise typer.Exit(1 if failed or any(case["wrong"] for case in results["cases"]) else 0)


def take_prebuilt() -> None:
    """Copy the libraries of SALN_PREBUILT to where they are looked for."""
    folder = os.environ.get("SALN_PREBUILT")
    if folder:
        for library in sorted(Path(folder).glob("_*.so")):
            shutil.copy2(library, ROOT / "saln_kernels" / library.name)


def build() -> Stage:
    """Compile what is missing here: for this GPU alone, and nothing for it if a library that fits is there."""
    environment = {"SALN_CUDA": "0"}
    if not fits():
        environment = {"SALN_CUDA": "1", "SALN_CUDA_ARCHS": arch(torch.cuda.get_device_capability())}
    return Stage("build", (PYTHON, "setup.py", "--quiet", "build_ext", "--inplace"), 150.0, environment)


def fits() -> bool:
    """Whether the CUDA library that lies here runs on this GPU."""
    if not cuda.LIBRARY.exists():
        return False
    try:
        return cuda.read(cuda.LIBRARY).serves(torch.cuda.get_device_capability())
    except (OSError, ValueError):
        return False


def arch(capability: tuple[int, int]) -> str:
    """What to build for a GPU: machine code of its own generation, where setup.py has one."""
    known = {(9, 0): "90a", (10, 0): "100a", 8: "80", 12: "120"}
    found = known.get(capability, known.get(capability[0]))
    if found is None:
        raise typer.BadParameter(f"no architecture of setup.py is for compute capability {capability}")
    return found


def checks() -> list[Stage]:
    """What must be green before anything is measured."""
    return [
        Stage("tests on CUDA tensors", tests(FOLDERS, "--device", "cuda"), 130.0, gate=True),
        sanitizer("memcheck", gate=True),
    ]


def more_checks() -> list[Stage]:
    """What comes after the measurements, in the time that is left."""
    found = [sanitizer(tool) for tool in SANITIZERS if tool != "memcheck"]
    command = tests(TRITON_FILES, "--device", "cuda", "--backend", "triton")
    return [*found, Stage("tests on CUDA tensors, Triton", command, 60.0)]


def tests(paths: tuple[str, ...], *options: str) -> tuple[str, ...]:
    """Pytest on several processes where pytest-xdist is installed."""
    there = [path for path in paths if (ROOT / path).exists()]
    spread = ("-n", "6") if importlib.util.find_spec("xdist") else ()
    return (PYTHON, "-m", "pytest", *there, *options, *spread, "-p", "no:cacheprovider", "--no-header")


def sanitizer(tool: str, gate: bool = False) -> Stage:
    """A tool of compute-sanitizer over the driver."""
    program = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
    command = (program, "--tool", tool, "--error-exitcode", "9", *SANITIZERS[tool], PYTHON, "-m", "bench.gpu.driver")
    return Stage(tool, command, 35.0, UNCACHED, gate)


def go(stage: Stage, results: dict[str, Any], clock: Clock) -> None:
    """Run a stage and record it; a gate that fails makes the run red."""
    with screen.status(f"{stage.name}, {clock.left:.0f} s left in all"):
        ended = stages.run(stage, clock)
    results["stages"].append(asdict(ended))
    if stage.gate and ended.status == "failed":
        results["green"] = False
    screen.print(f"{stage.name}: {ended.status}, {ended.seconds:.0f} s: {ended.summary}", markup=False, soft_wrap=True)
    if ended.status == "failed":
        screen.print(ended.tail, markup=False, highlight=False, soft_wrap=True)


def describe() -> dict[str, Any]:
    """The machine with its GPU, after the build."""
    from bench import machine

    properties = torch.cuda.get_device_properties(0)
    gpu = {
        "name": properties.name,
        "capability": [properties.major, properties.minor],
        "multiprocessors": properties.multi_processor_count,
        "memory_bytes": properties.total_memory,
        "l2_bytes": properties.L2_cache_size,
        "driver": _driver(),
        "cuda": torch.version.cuda,
    }
    found = machine.describe("bench.gpu")
    library = cuda.build()
    return found | {"gpu": gpu | {"library": str(library) if library else str(cuda.missing())}}


def slug(name: str) -> str:
    """A file's name after a GPU: "NVIDIA H100 80GB HBM3" is "h100"."""
    words = re.sub(r"(?i)nvidia|geforce|tesla", "", name).lower().split()
    return re.sub(r"[^a-z0-9]+", "-", words[0] if words else "gpu").strip("-")


def _driver() -> str:
    command = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0].strip()
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "unknown"


def _write(results: dict[str, Any], file: Path) -> None:
    Path(f"{file}.json").write_text(json.dumps(results, indent=1) + "\n")
    Path(f"{file}.md").write_text(report.markdown(results, report.judge(results)))


if __name__ == "__main__":
    typer.run(main)
