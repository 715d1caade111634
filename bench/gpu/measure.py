"""One case in a process of its own: `python -m bench.gpu.measure CASE FILE`. The file is complete after every step."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from bench.cases import Inputs
from bench.gpu import ours
from bench.gpu.cases import CASES, Case
from bench.gpu.kinds import KINDS
from bench.gpu.timing import Timing, interleave, prepare
from bench.timing import Variant, ratio
from bench.truth import WrongResult
from saln_kernels.backends.dispatch import serving

ROUNDS, LATE_ROUNDS = 15, 5
BUDGET = 25.0  # seconds of interleaved rounds
PART = 4096  # candidates of `many` before it, for memory


def measure_case(case: Case, device: torch.device, file: Path, rounds: int = ROUNDS) -> dict[str, Any]:
    """Check, time and summarise every variant of a case; what is known so far is in the file at any time."""
    backend = "cuda" if device.type == "cuda" else "cpu"
    serving(backend, device)  # raises where it does not; where it does, it comes first
    kind = KINDS[case.kind]
    inputs = kind.inputs(case, device)
    results: dict[str, Any] = {
        **{name: str(value) if name == "dtype" else value for name, value in asdict(case).items()},
        "shape": case.shape,
        "backend": backend,
        "turns": inputs.turns,
        "left_out": [],
        "wrong": [],
        "complete": False,
        "variants": [],
    }
    variants = list(kind.variants(inputs))
    results["memory"] = peak_memory(variants[0], inputs)
    try:
        results["plan"] = kind.plan(inputs)
    except RuntimeError as error:
        results["left_out"].append(f"plan: {error}")
    timings: list[Timing] = []

    def prepared(late: bool) -> list[Timing]:
        found = []
        for variant in variants:
            timing = _prepared(variant, inputs, results) if variant.late == late else None
            if timing is not None:
                found.append(timing)
                timings.append(timing)
            results["variants"] = summarise(timings, case.floor)
            _write(file, results)
        return found

    early = prepared(late=False)
    if results["wrong"]:  # nothing is reported on red
        return results
    interleave(early, inputs, rounds, BUDGET)
    results["variants"], results["complete"] = summarise(timings, case.floor), True
    _write(file, results)
    for timing in prepared(late=True):
        interleave([early[0], timing], inputs, min(rounds, LATE_ROUNDS), BUDGET, 1 + early[0].rounds[-1][0])
        results["variants"] = summarise(timings, case.floor)
        _write(file, results)
    return results


def _prepared(variant: Variant, inputs: Inputs, results: dict[str, Any]) -> Timing | None:
    """A variant that can be timed; None, and a line in the results, for one that is wrong or cannot run here."""
    try:
        return prepare(variant, inputs)
    except Exception as error:  # whatever a library raises: the others are measured all the same
        text = str(error) if isinstance(error, WrongResult) else f"{variant.name}: {_line(error)}"
        results["wrong" if variant.ours else "left_out"].append(text)
        return None


def peak_memory(variant: Variant, inputs: Inputs) -> dict[str, int] | None:
    """Bytes that a variant takes at its peak over inputs and outputs; None where it cannot be told."""
    if inputs.device.type != "cuda":
        return None
    features, candidates = inputs.turn(0)
    variant.call(features, candidates[:PART])  # loads the kernels
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    result = variant.call(features, candidates)
    torch.cuda.synchronize()
    outputs = result.numel() * result.element_size()
    return {"over": torch.cuda.max_memory_allocated() - before - outputs, "outputs": outputs}


def summarise(timings: Sequence[Timing], floor: float) -> list[dict[str, Any]]:
    """A row for each variant: times, ratios within rounds, error, share of the floor."""
    first = next((timing for timing in timings if timing.variant.group == ours.EXACT), None)
    rows = []
    for timing in timings:
        share = timing.variant.share
        row = {**timing.row(), "extrapolated": share < 1, "warm": timing.warm / share, "seconds": timing.seconds}
        if first and timing.rounds:
            row["over_ours"] = ratio(timing, first)
        if timing.rounds and timing.variant.ours and timing.variant.group.startswith(ours.EXACT):
            row["over_floor"] = row["median"] / floor
        rows.append(row)
    return rows


def _write(file: Path, results: dict[str, Any]) -> None:
    part = file.with_suffix(".part")
    part.write_text(json.dumps(results))
    os.replace(part, file)


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}" if str(error).strip() else repr(error)


def main() -> None:
    """`CASE FILE`, on the GPU; `CASE FILE smoke`, tiny and on whatever there is."""
    name, file, *smoke = sys.argv[1:]
    case = CASES[name].smoke() if smoke else CASES[name]
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    results = measure_case(case, device, Path(file), rounds=2 if smoke else ROUNDS)
    for text in results["wrong"]:
        print(text, file=sys.stderr)
    print(f"{len(results['variants'])} variants, {len(results['wrong'])} wrong, {len(results['left_out'])} left out")
    sys.exit(1 if results["wrong"] else 0)


if __name__ == "__main__":
    main()
