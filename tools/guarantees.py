"""The page docs/guarantees.md: every promise, the tests that hold it, on how many cases, and how closely.

`python -m tools.guarantees docs` writes it again. It asks pytest how many tests there are, and the last run of
`python -m bench.fuzz` how many examples were tried beside them.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench/results"


class Promise(NamedTuple):
    """What users may rely on, how closely, and where it is tried: files below tests/, or tests of theirs."""

    text: str
    figure: str
    tests: tuple[str, ...]


CHAPTERS: dict[str, tuple[Promise, ...]] = {
    "Results of the kernels": (
        Promise(
            "Matrices, eigenvalues, eigenvectors, Fiedler pairs and scores are right, of any shape, dtype, layout, padding",
            "errs at most twice as much as plain torch in the same precision, plus 8 roundoffs (128 of float64); "
            "whatever the problem, within 16 (b + d) roundoffs of its norm",
            (
                "contract",
                "properties/test_kernel_properties.py::test_right",
                "properties/test_matrix_properties.py::test_right",
                "saln_kernels/test_score.py",
                "saln_kernels/test_matrices.py",
                "saln_kernels/test_long_rows.py",
            ),
        ),
        Promise(
            "Bounds hold: an eigenvalue is no further from the truth than the call says, estimates of few steps too",
            "no further than it says",
            ("saln_kernels/test_bounds.py", "properties/test_kernel_properties.py::test_estimates_keep_their_word"),
        ),
        Promise(
            "A candidate's result does not depend on others in the call, threads, layout, index type, earlier calls, or on "
            "what memory held before",
            "to the bit",
            (
                "saln_kernels/test_invariance.py",
                "properties/test_kernel_properties.py::test_bits_are_those_of_the_numbers",
                "properties/test_matrix_properties.py::test_bits_are_those_of_the_numbers",
                "saln_kernels/test_process.py::test_memory_that_others_used",
                "saln_kernels/test_pieces.py",
            ),
        ),
        Promise(
            "Rows in another order, copies, other units do what mathematics says",
            "rounding of the norm",
            (
                "properties/test_kernel_properties.py::test_order_of_rows_is_nothing",
                "properties/test_kernel_properties.py::test_copies_add_up",
                "properties/test_kernel_properties.py::test_powers_of_two_factor_out",
            ),
        ),
        Promise(
            "NaN, infinity, overflow: NaN for exactly the candidates that hold it",
            "the others are the same to the bit",
            (
                "saln_kernels/test_degenerate.py",
                "contract/test_contract_edges.py",
                "saln_kernels/test_hostile.py::test_products_that_overflow",
            ),
        ),
        Promise(
            "Denormal, tiny, huge, equal, rank 1, repeated eigenvalues, graphs that fall apart: right",
            "as above",
            ("saln_kernels/test_hostile.py::test_numbers_at_the_edge", "saln_kernels/test_fiedler.py"),
        ),
        Promise(
            "Greedy choices are the best at every step, and gains what they say",
            "16 (b + d) roundoffs",
            ("saln_greedy", "properties/test_greedy_properties.py"),
        ),
        Promise(
            "Gradients are those of finite differences, second derivatives too",
            "1e-3",
            (
                "saln_kernels/test_gradients.py",
                "saln_kernels/test_second_derivatives.py",
                "properties/test_gradient_properties.py",
            ),
        ),
    ),
    "Memory, threads, time": (
        Promise(
            "Nothing is read or written out of bounds, nothing overflows: CPU kernels, and CUDA kernels on the CPU, thread "
            "by thread",
            "AddressSanitizer, UndefinedBehaviorSanitizer",
            (
                "native/test_sanitize.py::test_kernels_stay_inside_their_arrays_and_agree",
                "native/test_fuzz_kernels.py",
                "cuda_on_cpu",
                "saln_greedy/test_greedy_cuda_on_cpu.py",
            ),
        ),
        Promise(
            "Threads do not race, and threads and processes that call at once get what one alone does",
            "ThreadSanitizer; to the bit",
            (
                "saln_kernels/test_company.py",
                "native/test_sanitize.py::test_threads_do_not_race",
                "cuda_on_cpu/test_cuda_races.py",
            ),
        ),
        Promise(
            "Row numbers that are not there are refused, or NaN where nobody looks; places past int32 are found",
            "names the place and what came",
            (
                "saln_kernels/test_degenerate.py::test_out_of_range",
                "properties/test_kernel_properties.py::test_rows_that_are_not_there",
                "saln_kernels/test_hostile.py::test_offsets_past_int32",
            ),
        ),
        Promise(
            "Memory over inputs and outputs does not grow with candidates or with the length of rows",
            "64 MiB",
            (
                "saln_kernels/test_process.py::test_memory",
                "saln_kernels/test_process.py::test_memory_of_long_rows",
                "saln_kernels/test_plan.py",
                "properties/test_plan_properties.py",
            ),
        ),
        Promise(
            "Ctrl-C ends a long call, and a command with one line and status 130; the same command goes on",
            "a second, where nothing else runs",
            ("saln_kernels/test_pieces.py::test_ctrl_c_ends_a_long_call", "faults/test_interrupts.py"),
        ),
        Promise(
            "Wrong arguments are an error that names the argument, what came and what was wanted",
            "every argument",
            ("saln_kernels/test_arguments.py", "saln/test_super_batch.py"),
        ),
    ),
    "Selection": (
        Promise(
            "A selector gives so many different rows, none that is broken, the same for the same generator, and changes "
            "nothing that it was given",
            "every method",
            ("saln/test_selector_contract.py", "properties/test_selector_properties.py::test_rows"),
        ),
        Promise(
            "Turned axes, other units and another order of rows are nothing",
            "every method that is not of columns, chance or order",
            (
                "properties/test_selector_properties.py::test_axes_and_units_are_nothing",
                "properties/test_selector_properties.py::test_order_of_rows_is_nothing",
            ),
        ),
        Promise(
            "A sampler goes on exactly where it was: saved, skipped, copied, left amid an epoch, on any rank",
            "the same batches",
            ("saln/test_sampler_resume.py", "saln/test_sampler_ranks.py", "properties/test_sampler_machine.py"),
        ),
        Promise(
            "Recorder and history know of each row what plain bookkeeping knows, saved, copied, resumed, by any order of "
            "batches; states of other datasets change nothing",
            "the same values",
            ("saln/test_recorder.py", "saln/test_recorder_resume.py", "properties/test_recorder_machine.py"),
        ),
        Promise(
            "Extracted features are in the dataset's order, whatever the batches and wherever a call was cut; rows without "
            "features are NaN and named",
            "those of a plain loop",
            ("saln_features/test_extract.py", "properties/test_extract_properties.py"),
        ),
        Promise(
            "Of more rows than a float32 tells apart, each has its turn",
            "2²⁴ + 2²² rows",
            ("saln/test_chance.py",),
        ),
        Promise(
            "The look judges every row, finds every copy to the bit, and says the same again",
            "values in their ranges",
            ("saln_look", "properties/test_dataset_properties.py::test_look"),
        ),
        Promise(
            "Pruning keeps as many rows as asked for, of those that may be kept; what is kept of less comes first",
            "every method",
            ("saln_pruning", "properties/test_dataset_properties.py::test_prune"),
        ),
    ),
    "Files and faults": (
        Promise(
            "Files that are cut, damaged, of a wrong shape or made to harm are named in one line; pickles are not run, "
            "bombs not unpacked, names lead nowhere else",
            "status 2, memory bounded",
            (
                "saln_datasets/test_hostile_files.py",
                "saln_datasets/test_broken_files.py",
                "fuzz",
                "saln_datasets/test_parquet_room.py",
                "saln_datasets/test_found_by_fuzzing.py",
                "saln_features/test_extract_broken.py",
                "faults/test_cut_files.py",
            ),
        ),
        Promise(
            "Mapped files that are cut off while they are used are named by samplers, select, prune, look and the offline "
            "engine; only arrays that others read end the program",
            "looked at before every batch or block; a cut in the microseconds after that is not seen",
            ("faults/test_cut_in_use.py",),
        ),
        Promise(
            "Names are shown in pages and not run; no cell that is written is a formula",
            "every page and table",
            ("faults/test_names.py",),
        ),
        Promise(
            "A disk that is full, a folder that may not be written, a home that is none: named, nothing lost",
            "no half of a file",
            ("faults/test_writing.py", "faults/test_surroundings.py"),
        ),
        Promise(
            "Killed processes, workers and ranks: told, and the same command or training goes on",
            "the same results",
            (
                "faults/test_killed_workers.py",
                "saln_offline/test_offline_kill.py",
                "saln_features/test_extract_kill.py",
                "saln_pilot/test_pilot_journal.py",
            ),
        ),
        Promise(
            "Clocks that jump are not believed",
            "monotonic clocks alone",
            (
                "faults/test_surroundings.py::test_durations_are_of_clocks_that_do_not_jump",
                "faults/test_surroundings.py::test_a_pilot_s_times_are_right_while_the_clock_jumps",
            ),
        ),
    ),
    "Installation": (
        Promise(
            "saln_kernels needs torch alone; what is missing is an error that names its extra",
            "one line, status 2",
            ("house/test_extras.py", "saln_kernels/test_without_bindings.py", "saln_kernels/test_import.py"),
        ),
        Promise(
            "Headers of older PyTorch, libraries of older Linux",
            "PyTorch 2.10, glibc 2.28",
            ("house/test_torch_headers.py", "house/test_older_linux.py", "house/test_wheels.py"),
        ),
    ),
}

INTRO = """\
# Numerics and guarantees

Written by `python -m tools.guarantees docs`. What saln_kernels computes, and in which order, is in [design.md](design.md);
this page is what may be relied on, and which [tests](DEV.md#how-the-tests-are-built) would fail if it were not so.

CUDA kernels are run here thread by thread on a CPU, Triton kernels by its interpreter; what was run on GPUs is in
[performance.md](performance.md). Tests are counted as pytest collects them. Beside them properties were tried on
{examples:,} drawn examples, of which none failed: [{file}](../bench/results/{file}).
"""
HEAD = "| promise | how closely | held by | tests | examples |\n|---|---|---|---|---|"


def named() -> list[str]:
    """All tests that are named above."""
    return [test for chapter in CHAPTERS.values() for promise in chapter for test in promise.tests]


def missing() -> list[str]:
    """Those of them that are not there."""
    return [test for test in named() if not _is_there(*test.partition("::")[::2])]


def _is_there(path: str, name: str) -> bool:
    found = ROOT / "tests" / path
    return found.exists() and (not name or re.search(rf"^def {name}\(", found.read_text(), re.MULTILINE) is not None)


def counted() -> Counter[str]:
    """How many times pytest calls each of them, by file and name."""
    paths = sorted({f"tests/{test.partition('::')[0]}" for test in named()})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-o", "addopts=--import-mode=importlib", "-q", *paths]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    found = Counter(re.sub(r"\[.*", "", line)[len("tests/") :] for line in said.stdout.splitlines() if "::" in line)
    if said.returncode:
        raise SystemExit(said.stdout + said.stderr)
    return found


def fuzzed() -> tuple[str, dict[str, Any]]:
    """The file of the last run of bench.fuzz, and what it says."""
    newest = max(RESULTS.glob("fuzz-*.json"))
    return newest.name, json.loads(newest.read_text())


def page() -> str:
    """All of it."""
    tests = counted()
    file, run = fuzzed()
    examples = {f"properties/{name}": number for name, number in run["by_property"].items()}
    lines = [INTRO.format(examples=run["examples"], file=file)]
    for chapter, promises in CHAPTERS.items():
        lines += [f"## {chapter}", HEAD]
        for each in promises:
            n_tests, n_examples = (_sum(counts, each.tests) for counts in (tests, examples))
            links = ", ".join(_link(test) for test in each.tests)
            lines.append(f"| {each.text} | {each.figure} | {links} | {n_tests} | {n_examples or '–'} |")
        lines.append("")
    return "\n".join(lines)


def without_counts(text: str) -> str:
    """A page without what changes with every test that is added, and every run."""
    return re.sub(r"\| \d+ \| [\d–]+ \|$|^[\d,]+ drawn.*$", "", text, flags=re.MULTILINE)


def _sum(counts: Mapping[str, int], tests: tuple[str, ...]) -> int:
    """Of tests that are named by a folder, a file or a name of theirs."""
    starts = tuple(f"{test}{end}" for test in tests for end in ("/", "::"))
    return sum(number for name, number in counts.items() if f"{name}/".startswith(starts))


def _link(test: str) -> str:
    path, _, name = test.partition("::")
    shown = (name or Path(path).stem).removeprefix("test_").replace("_", " ")
    return f"[{shown}](../tests/{path})" if path.endswith(".py") else f"tests/{path}"


if __name__ == "__main__":
    (Path(sys.argv[1]) / "guarantees.md").write_text(page(), encoding="utf-8")
