"""Every configuration the kernel can run in, compiled without a GPU: registers, spills and shared memory.

    python -m tools.triton_compiled [--capability 90]...

prints a table. The steps that cost registers are all on: gradient similarity, centering, quality, and a Laplacian where
the result is of one.
"""

import argparse
import contextlib
import io
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from saln_kernels.backends.triton import shapes
from saln_kernels.backends.triton.device.kernel import spectral_kernel
from saln_kernels.backends.triton.launch import FUSE_MULTIPLY_ADD, Task, constants
from saln_kernels.matrices import Problem

# Bytes of shared memory a program may have, by compute capability (CUDA C++ Programming Guide, technical
# specifications per compute capability).
SHARED_LIMIT = {80: 163 * 1024, 90: 227 * 1024, 100: 227 * 1024, 120: 99 * 1024}
DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
ORDERS = (16, 32, 64, 128)
WIDTH, RESIDUAL_WIDTH = 512, 128

_POINTERS = {torch.float32: "*fp32", torch.float64: "*fp64", torch.bfloat16: "*bf16", torch.float16: "*fp16"}


class Configuration(NamedTuple):
    """What a kernel is compiled for."""

    task: Task
    b: int
    dtype: torch.dtype
    capability: int


class Resources(NamedTuple):
    """What the compiled kernel takes."""

    shape: shapes.Shape
    registers: int  # a thread
    spilled: int  # bytes a thread stores for want of registers
    shared: int  # bytes a program


def configurations(capability: int) -> Iterator[Configuration]:
    """Every combination of block shape, dtype and kind of result."""
    for b in ORDERS:
        tasks = [
            Task("gram", "tile", 1),
            Task("score", "moments", 1, "participation_ratio"),
            Task("score", "pivots", 1, "logdet"),
            Task("score", "spectrum", b, "vendi", "other", 1.5),
            Task("score", "fiedler", 1, "algebraic_connectivity"),
            Task("fiedler", "fiedler", 1),
        ]
        for k in (shapes.FEW, b):
            tasks += [Task("values", "spectrum", k), Task("vectors", "spectrum", k)]
        for task in tasks:
            for dtype in DTYPES:
                yield Configuration(task, b, dtype, capability)


def build(configuration: Configuration) -> Resources:
    """Compile a configuration for its compute capability."""
    task, b, dtype, capability = configuration
    features = torch.empty(1, WIDTH, dtype=dtype, device="meta")
    candidates = torch.empty(1, b, dtype=torch.int64, device="meta")
    laplacian = "symmetric" if task.need == "fiedler" else "none"
    problem = Problem(features, candidates, similarity="gradient", center=True, laplacian=laplacian, negative="shift")
    shape = shapes.choose(b, task.k, task.need, dtype, WIDTH, RESIDUAL_WIDTH)
    known: dict[str, Any] = constants(problem, task, shape, coarse=False, widen=False)
    # Launches specialise on a stride of one and on what 16 divides.
    known |= {"feature_column": 1, "residual_column": 1, "quality_row": 1, "candidate_column": 1}
    wide = dtype == torch.float64
    pointers = {"features": dtype, "residuals": dtype, "quality": dtype}
    pointers |= dict.fromkeys(("values", "vectors", "bounds", "scratch"), torch.float64 if wide else torch.float32)
    signature = {}
    aligned = {}
    for position, parameter in enumerate(spectral_kernel.params):
        name = parameter.name
        if name in known:
            signature[name] = "constexpr"
        elif name in pointers:
            signature[name] = _POINTERS[pointers[name]]
        elif name in ("candidates", "numbers"):
            signature[name] = "*i64"
        elif name == "marks":
            signature[name] = "*i32"
        else:
            signature[name] = "i32" if name in ("b", "k", "width", "residual_width") else "i64"
        if signature[name].startswith("*") or name in ("feature_row", "residual_row", "width", "residual_width"):
            aligned[(position,)] = [["tt.divisibility", 16]]
    source = ASTSource(spectral_kernel, signature, known, aligned)
    options = {"num_warps": shape.warps, "num_stages": shape.stages, "enable_fp_fusion": FUSE_MULTIPLY_ADD}
    log = io.StringIO()
    with triton.knobs.nvidia.scope(), triton.knobs.compilation.scope(), contextlib.redirect_stdout(log):
        # The assembler's log is printed, and only by a compilation that no cache answers.
        triton.knobs.nvidia.dump_ptxas_log = True
        triton.knobs.compilation.always_compile = True
        compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
    return Resources(
        shape,
        _number(r"Used (\d+) registers", log.getvalue()),
        _number(r"(\d+) bytes spill stores", log.getvalue()),
        compiled.metadata.shared,
    )


def _number(pattern: str, log: str) -> int:
    found = re.search(pattern, log)
    if found is None:
        raise RuntimeError(f"ptxas said nothing like {pattern!r} but {log!r}")
    return int(found[1])


def row(configuration: Configuration, resources: Resources) -> str:
    """One line of the table."""
    task, shape = configuration.task, resources.shape
    kind = task.output if task.output != "score" else f"score, {task.need}"
    return (
        f"{configuration.capability:>4} {kind:<16} {configuration.b:>4} {shape.found:>4} "
        f"{str(configuration.dtype).removeprefix('torch.'):<9} {shape.warps:>5} {shape.depth:>5} "
        f"{resources.registers:>9} {resources.spilled:>7} {resources.shared:>7}"
    )


HEADER = "  sm result              b    K dtype     warps depth registers spilled  shared"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="compile every Triton configuration and print what it takes")
    parser.add_argument("--capability", type=int, action="append", choices=sorted(SHARED_LIMIT))
    parser.add_argument("--b", type=int, action="append", choices=ORDERS)
    options = parser.parse_args()
    print(HEADER)
    for capability in options.capability or sorted(SHARED_LIMIT):
        for configuration in configurations(capability):
            if options.b is None or configuration.b in options.b:
                print(row(configuration, build(configuration)), flush=True)


if __name__ == "__main__":
    main()
