"""What needs a process of its own: peak memory, and the kernels of one instruction set. Prints JSON."""

import json
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import saln_kernels
from bench import ours
from bench.cases import CASES, make_candidates, make_features, make_inputs
from bench.machine import ROOT, field
from bench.timing import measure, warm_up

MEMORY_COUNT, MEMORY_CASE = 100_000, "b64"
MEMORY_CALLS: dict[str, Callable[[Tensor, Tensor, int], Any]] = {
    "exact top-k": lambda f, c, k: saln_kernels.topk_eigvals(f, c, k, solver="exact"),
    "randomized top-k": lambda f, c, k: saln_kernels.topk_eigvals(f, c, k, solver="randomized", return_bounds=True),
    "effective_rank": lambda f, c, k: saln_kernels.score_batches(f, c, "effective_rank"),
}
ISA_GROUPS = (ours.EXACT, ours.HALF, "participation_ratio")


def run(*arguments: str, isa: str | None = None) -> dict[str, Any]:
    """Run this module in a fresh process; RuntimeError with its last line where it fails."""
    environment = os.environ | ({} if isa is None else {"SALN_CPU_ISA": isa})
    done = subprocess.run(
        [sys.executable, "-m", "bench.probe", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1])
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def torch_path_bytes(count: int) -> int:
    """What gather + bmm would allocate at once: rows [C, b, d] and Gram matrices [C, b, b], float32."""
    case = CASES[MEMORY_CASE]
    return 4 * count * case.size * (case.width + case.size)


def memory(name: str, count: int) -> dict[str, Any]:
    """Growth of the peak resident memory during one call, over its inputs and outputs."""
    case = CASES[MEMORY_CASE]
    features, candidates = make_features(case)[0], make_candidates(case, count)
    # loads the library and starts the threads; workspace of a real size is still to come
    saln_kernels.topk_eigvals(features[:4], torch.tensor([[0, 1]] * 8), 1)
    before, exact = reset_peak()
    result = MEMORY_CALLS[name](features, candidates, case.k)
    most = peak()
    tensors = (result,) if isinstance(result, Tensor) else tuple(result)
    outputs = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    return {
        "call": name,
        "n_candidates": count,
        "input_bytes": features.nbytes + candidates.nbytes,
        "output_bytes": outputs,
        "growth_bytes": max(0, most - before - outputs),
        "peak_was_reset": exact,
    }


def isa_times(case_names: list[str], smoke: bool) -> dict[str, Any]:
    """Median seconds of some calls with the instruction set of this process, checked first."""
    rows = []
    for name in case_names:
        inputs = make_inputs(CASES[name].smoke() if smoke else CASES[name])
        for variant in ours.on_threads(inputs):
            if variant.group in ISA_GROUPS:
                timing = warm_up(variant, inputs)
                seconds = [measure(variant, inputs, turn, 1) for turn in range(2 if smoke else 5)]
                rows.append(
                    {"case": name, "group": variant.group, "median": statistics.median(seconds), "seconds": seconds}
                    | {"error": timing.check.error}
                )
    return {"isa": saln_kernels.build_info().cpu_isa_in_use, "times": rows}


def reset_peak() -> tuple[int, bool]:
    """Bytes resident now, from which the peak is counted anew; False where the system does not let it."""
    try:
        Path("/proc/self/clear_refs").write_text("5")  # proc(5): the peak becomes what is resident now
    except OSError:
        return peak(), False
    return 1024 * int(field("/proc/self/status", "VmRSS:").split()[0]), True


def peak() -> int:
    """The most bytes that were resident."""
    found = field("/proc/self/status", "VmHWM:").split()
    return 1024 * (int(found[0]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def main() -> None:
    """`memory NAME COUNT` or `isa CASE,CASE full|smoke`."""
    what, *rest = sys.argv[1:]
    found = memory(rest[0], int(rest[1])) if what == "memory" else isa_times(rest[0].split(","), rest[1] == "smoke")
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
