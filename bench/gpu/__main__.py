"""`python -m bench.gpu`: build, test, measure and sanitize on the GPU here, within eight minutes, without network.

Libraries that lie in saln_kernels/, or in the folder SALN_PREBUILT, are taken where they serve the GPU. Without a CUDA
library that does, nothing runs. Every stage has a limit of its own, and what is known is written after each.
"""

import functools
import importlib.util
import json
import re
import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console

from bench import machine
from bench.gpu import report, stages
from bench.gpu.cases import CASES
from bench.gpu.stages import Clock, Ended, Stage
from bench.machine import ROOT
from saln_kernels.backends import cuda

screen = Console(stderr=True)
PYTHON = sys.executable
BACKEND = "cuda"  # of every stage that does not name another
SANITIZERS = {
    "memcheck": ("--leak-check", "no"),
    "racecheck": (),
    "synccheck": (),
    "initcheck": (),
}
OURS = ("--kernel-regex", "kns=saln")  # kernels whose name holds that of the namespace
UNCACHED = {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}
FOUND = 9  # a sanitizer's status where it has found something
FOLDERS = ("tests/contract", "tests/saln_kernels", "tests/saln_greedy")
# A few configurations of Triton's kernels, each of which is compiled in seconds.
TRITON = {
    "tests/contract/test_contract.py": ("layouts", "gamma", "equal_eigenvalues", "fiedler_of_small_candidates"),
    "tests/contract/test_contract_criteria.py": ("energy_of_k", "logdet_of_an_indefinite_matrix"),
    "tests/contract/test_contract_edges.py": ("company", "nothing_there"),
}
CASE_LIMITS = {"headline": 75.0, "wide": 60.0, "small": 60.0, "many": 30.0, "logits": 60.0, "eigvalsh": 30.0}


def main(
    output: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("bench/results"),
    minutes: Annotated[float, typer.Option(help="For all stages together.")] = 8.0,
    smoke: Annotated[bool, typer.Option(help="Tiny cases, to try the programs; the timings mean nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON on stdout.")] = False,
) -> None:
    """Test and measure saln_kernels on this GPU; status 1 where a test is red, 2 without a GPU or a library for it."""
    if not torch.cuda.is_available():
        screen.print(f"no GPU: {cuda.no_gpu()}; nothing was run", soft_wrap=True, highlight=False)
        raise typer.Exit(2)
    clock = Clock(60 * minutes)
    results: dict[str, Any] = {"schema": "saln.gpu/1", "smoke": smoke, "backend": BACKEND, "green": True}
    results |= {"stages": [], "cases": []}
    with tempfile.TemporaryDirectory() as folder:
        described = Path(folder) / "machine.json"
        if go(library(described), results, clock).status != "passed":
            screen.print("no CUDA library serves this GPU: nothing was run", highlight=False)
            raise typer.Exit(2)
        results |= json.loads(stages.read(described)) | {"command": machine.command("bench.gpu")}
        file = output / f"{slug(results['gpu']['name'])}-{results['date'][:10]}{'-smoke' if smoke else ''}"
        output.mkdir(parents=True, exist_ok=True)
        write = functools.partial(_write, results, file)
        write()
        for stage in checks():
            go(stage, results, clock)
            write()
        for name in CASES:
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
        screen.print("tests are red: the figures may be of wrong results, and the files say so")
    for target in report.judge(results):
        screen.print(f"{'met    ' if target.met else 'NOT MET'} {target.name}: {target.measured} ({target.wanted})")
    screen.print(f"written: {file}.json, .md", soft_wrap=True)
    if as_json:
        print(json.dumps(results))
    failed = any(stage["status"] == "failed" for stage in results["stages"])
    raise typer.Exit(1 if failed or any(case["wrong"] for case in results["cases"]) else 0)


def library(described: Path) -> Stage:
    """The libraries in place, and the machine with them."""
    return Stage("CUDA library", (PYTHON, "-m", "bench.gpu.library", str(described)), 200.0)


def checks() -> list[Stage]:
    """What says whether results are right."""
    options = ("--device", "cuda", "--backend", BACKEND)
    return [Stage("tests on CUDA tensors", tests(FOLDERS, *options), 130.0, proves=True), sanitizer("memcheck")]


def more_checks() -> list[Stage]:
    """What comes after the measurements, in the time that is left."""
    found = [sanitizer(tool) for tool in SANITIZERS if tool != "memcheck"]
    few = tuple(f"{file}::test_{name}" for file, names in TRITON.items() for name in names)
    return [
        *found,
        Stage("tests on CUDA tensors, Triton", tests(few, "--device", "cuda", "--backend", "triton"), 60.0),
    ]


def tests(paths: tuple[str, ...], *options: str) -> tuple[str, ...]:
    """Pytest on several processes where pytest-xdist is installed."""
    there = [path for path in paths if (ROOT / path.partition("::")[0]).exists()]
    spread = ("-n", "10") if importlib.util.find_spec("xdist") else ()
    return (PYTHON, "-m", "pytest", *there, *options, *spread, "-p", "no:cacheprovider", "--no-header")


def sanitizer(tool: str) -> Stage:
    """A tool of compute-sanitizer over a few calls of the driver; it proves something only if it runs."""
    program = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
    few = (PYTHON, "-m", "bench.gpu.driver", "few")
    command = (program, "--tool", tool, "--error-exitcode", str(FOUND), *OURS, *SANITIZERS[tool], *few)
    return Stage(tool, command, 35.0, UNCACHED, proves=True, fails_with=FOUND, cannot="Device not supported")


def go(stage: Stage, results: dict[str, Any], clock: Clock) -> Ended:
    """Run a stage and record it; one that proves something makes the run red where it fails."""
    with screen.status(f"{stage.name}, {clock.left:.0f} s left in all"):
        ended = stages.run(stage, clock)
    results["stages"].append(asdict(ended))
    if stage.proves and ended.status == "failed":
        results["green"] = False
    screen.print(f"{stage.name}: {ended.status}, {ended.seconds:.0f} s: {ended.summary}", markup=False, soft_wrap=True)
    if ended.status != "passed":
        screen.print(ended.tail, markup=False, highlight=False, soft_wrap=True)
    return ended


def slug(name: str) -> str:
    """A file's name after a GPU: "NVIDIA H100 80GB HBM3" is "h100"."""
    words = re.sub(r"(?i)nvidia|geforce|tesla", "", name).lower().split()
    return re.sub(r"[^a-z0-9]+", "-", words[0] if words else "gpu").strip("-")


def _write(results: dict[str, Any], file: Path) -> None:
    Path(f"{file}.json").write_text(json.dumps(results, indent=1) + "\n")
    Path(f"{file}.md").write_text(report.markdown(results, report.judge(results)))


if __name__ == "__main__":
    typer.run(main)
