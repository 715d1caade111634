"""`python -m bench.report`: tests first, then every measurement, then one JSON, one table and the pictures."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench import counts, figures, machine, probe, tables, targets
from bench.cases import CASES
from bench.measure import SMOKE_EFFORT, Effort, measure_case

TESTS = ("contract", "saln_kernels/test_public.py", "saln_kernels/test_score.py", "saln_kernels/test_fiedler.py")
SMOKE_TESTS = ("saln_kernels/test_public.py",)
NOT_MEASURED = "not reference and not cuda_shim and not interpreted"
SMOKE_MEMORY_COUNT = 2000

# progress goes to stderr, so that --json leaves stdout to the results
screen = Console(stderr=True)
OnStep = Callable[[str, float], None]


def main(
    smoke: Annotated[bool, typer.Option(help="Tiny sizes, to try the programs; the timings mean nothing.")] = False,
    output: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("bench/results"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON on stdout.")] = False,
) -> None:
    """Measure saln_kernels on this CPU against library baselines, after its tests have passed."""
    tests = run_tests(smoke)
    results = measure(smoke) | {"tests": tests}
    found = targets.judge(results)
    results["targets"] = [asdict(target) for target in found]

    output.mkdir(parents=True, exist_ok=True)
    stem = f"cpu-{results['date'][:10]}" + ("-smoke" if smoke else "")
    pictures = figures.draw(results, output, stem)
    (output / f"{stem}.json").write_text(json.dumps(results, indent=1) + "\n")
    (output / f"{stem}.md").write_text(tables.markdown(results, found, pictures))
    show(found)
    screen.print(f"written: {output / stem}.json, .md and {', '.join(pictures)}")
    if as_json:
        print(json.dumps(results))


def run_tests(smoke: bool) -> dict[str, str]:
    """Run the tests of the native functions; leaves the program with status 1 where they are red."""
    files = [f"tests/{name}" for name in (SMOKE_TESTS if smoke else TESTS)]
    command = ["-m", "pytest", *files, "-x", "-k", NOT_MEASURED, "-p", "no:cacheprovider"]
    with screen.status("correctness tests: nothing is measured unless they pass"):
        done = subprocess.run([sys.executable, *command], cwd=machine.ROOT, capture_output=True, text=True)
    summary = (re.findall(r"\d+ passed.*", done.stdout) or ["passed"])[-1].strip("= ")
    if done.returncode:
        screen.print(done.stdout[-3000:], markup=False, highlight=False, soft_wrap=True)
        screen.print(f"tests are red (`python {' '.join(command)}`): no benchmark of a wrong result", soft_wrap=True)
        raise typer.Exit(1)
    screen.print(f"tests: {summary}")
    return {"command": "python " + " ".join(command), "summary": summary}


def measure(smoke: bool) -> dict[str, Any]:
    """Every measurement, ready for JSON."""
    described = machine.describe()
    load, cores = described["machine"]["load"][0], described["machine"]["cores"]
    if load > cores / 2:  # threads that wait for each other lose most, so the baselines would look too slow
        screen.print(f"[yellow]load {load:.1f} on {cores} cores: other programs run, the timings will not be fair[/]")
    isa = described.pop("isa")
    results: dict[str, Any] = {"schema": 1, "smoke": smoke, **described, "isa_in_use": isa["in_use"], "cases": []}
    effort = SMOKE_EFFORT if smoke else Effort()
    columns = (TextColumn("{task.description:<46}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=screen) as progress:
        for case in CASES.values():
            step = _stepper(progress, f"case {case.name}")
            results["cases"].append(measure_case(case.smoke() if smoke else case, effort, step))
            step("done", 1.0)
        step = _stepper(progress, "cost against C")
        results["counts"] = counts.measure_counts(counts.SMOKE_COUNTS if smoke else counts.COUNTS, step)
        step("done", 1.0)
        count = SMOKE_MEMORY_COUNT if smoke else probe.MEMORY_COUNT
        results["torch_path_bytes"] = probe.torch_path_bytes(count)
        results["memory"] = [
            probe.run("memory", name, str(count))
            for name in _each(list(probe.MEMORY_CALLS), _stepper(progress, "peak memory"))
        ]
        results["isa"] = [_isa(name, smoke) for name in _each(isa["compiled"], _stepper(progress, "instruction sets"))]
    for case_results in results["cases"]:
        for reason in case_results["left_out"]:
            screen.print(f"left out of {case_results['name']}: {reason}")
    return results


def show(found: list[targets.Target]) -> None:
    """The targets on screen."""
    table = Table("target", "wanted", "measured", "", title="Targets")
    for target in found:
        verdict = "[green]met[/]" if target.met else "[bold red]not met[/]"
        table.add_row(target.name, target.wanted, target.measured, verdict)
    screen.print(table)


def _isa(name: str, smoke: bool) -> dict[str, Any]:
    try:
        return probe.run("isa", ",".join(CASES), "smoke" if smoke else "full", isa=name)
    except RuntimeError as error:  # compiled in, but not for this processor
        return {"isa": name, "missing": str(error)}


def _each(names: list[str], step: OnStep) -> Any:
    for index, name in enumerate(names):
        step(name, index / len(names))
        yield name
    step("done", 1.0)


def _stepper(progress: Progress, title: str) -> OnStep:
    task: TaskID = progress.add_task(title, total=1.0)

    def step(what: str, share: float) -> None:
        progress.update(task, description=f"{title}: {what}"[:46], completed=share)

    return step


if __name__ == "__main__":
    typer.run(main)
