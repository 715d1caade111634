"""Every configuration the kernel can run in, compiled without a GPU: registers, spills and shared memory.

    python -m tools.triton_compiled [--capability 90]...

prints a table: instructions are those of the machine code, seconds those of one compilation.
"""

import argparse
import contextlib
import io
import re
import struct
import time
from collections.abc import Iterator
from typing import NamedTuple

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from saln_kernels.backends.triton import shapes
from saln_kernels.backends.triton.device.kernel import spectral_kernel
from saln_kernels.backends.triton.launch import FUSE_MULTIPLY_ADD, Task, constants
from saln_kernels.matrices import Problem, result_dtype

# Bytes of shared memory a program may have, by compute capability (CUDA C++ Programming Guide, technical
# specifications per compute capability).
SHARED_LIMIT = {80: 163 * 1024, 90: 227 * 1024, 100: 227 * 1024, 120: 99 * 1024}
DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
ORDERS = (16, 32, 64, 128)
WIDTH = 512

_POINTERS = {
    torch.float32: "*fp32",
    torch.float64: "*fp64",
    torch.bfloat16: "*bf16",
    torch.float16: "*fp16",
    torch.int64: "*i64",
    torch.int32: "*i32",
}


class Configuration(NamedTuple):
    """What a kernel is compiled for."""

    task: Task
    b: int
    dtype: torch.dtype
    capability: int
    similarity: str = "linear"  # or "precomputed": every other is compiled into the same kernel as one of these


class Resources(NamedTuple):
    """What the compiled kernel takes."""

    shape: shapes.Shape
    registers: int  # a thread
    spilled: int  # bytes a thread stores for want of registers
    shared: int  # bytes a program
    instructions: int
    seconds: float


def configurations(capability: int) -> Iterator[Configuration]:
    """Every combination of block shape, dtype and kind of result, from rows; and from entries in one dtype."""
    for b in ORDERS:
        tasks = [Task("tile"), Task("fiedler")]
        for k in (shapes.FEW, b):
            tasks += [Task("values", k), Task("vectors", k)]
        for task in tasks:
            for dtype in DTYPES:
                yield Configuration(task, b, dtype, capability)
            yield Configuration(task, b, torch.float32, capability, "precomputed")


def build(configuration: Configuration) -> Resources:
    """Compile a configuration for its compute capability."""
    task, b, dtype, capability, similarity = configuration
    features = torch.empty(1, WIDTH, dtype=dtype, device="meta")
    candidates = torch.empty(1, b, dtype=torch.int64, device="meta")
    laplacian = "symmetric" if task.kind == "fiedler" else "none"
    problem = Problem(features, candidates, similarity=similarity, laplacian=laplacian)
    shape = shapes.choose(b, task.k, task.kind, dtype)
    known = constants(problem, task, shape)
    result = result_dtype(dtype)
    pointers = {"candidates": torch.int64, "numbers": torch.int64, "marks": torch.int32}
    pointers |= dict.fromkeys(("features", "residuals", "quality"), dtype)
    pointers |= dict.fromkeys(("values", "vectors", "bounds", "scratch"), result)
    signature = {}
    aligned = {}
    for position, parameter in enumerate(spectral_kernel.params):
        name = parameter.name
        if name in known:
            signature[name] = "constexpr"
        elif name in pointers:
            signature[name] = _POINTERS[pointers[name]]
        else:
            signature[name] = parameter.annotation_type
        if name in ("scratch", "numbers"):  # which launches allocate; nothing else is specialised
            aligned[(position,)] = [["tt.divisibility", 16]]
    source = ASTSource(spectral_kernel, signature, known, aligned)
    options = {"num_warps": shape.warps, "num_stages": shape.stages, "enable_fp_fusion": FUSE_MULTIPLY_ADD}
    log = io.StringIO()
    with triton.knobs.nvidia.scope(), triton.knobs.compilation.scope(), contextlib.redirect_stdout(log):
        # The assembler's log is printed, and only by a compilation that no cache answers.
        triton.knobs.nvidia.dump_ptxas_log = True
        triton.knobs.compilation.always_compile = True
        start = time.perf_counter()
        compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
        seconds = time.perf_counter() - start
    return Resources(
        shape,
        _number(r"Used (\d+) registers", log.getvalue()),
        _number(r"(\d+) bytes spill stores", log.getvalue()),
        compiled.metadata.shared,
        _instructions(compiled.asm["cubin"]),
        seconds,
    )


def _number(pattern: str, log: str) -> int:
    found = re.search(pattern, log)
    if found is None:
        raise RuntimeError(f"ptxas said nothing like {pattern!r} but {log!r}")
    return int(found[1])


def _instructions(cubin: bytes) -> int:
    """Machine instructions, 16 bytes each: the size of the section .text of an ELF file."""
    (sections,) = struct.unpack_from("<Q", cubin, 40)
    size, count = struct.unpack_from("<HH", cubin, 58)
    kept = 0
    for number in range(count):
        _, kind, flags, _, _, length = struct.unpack_from("<IIQQQQ", cubin, sections + number * size)
        if kind == 1 and flags & 4:  # SHT_PROGBITS, SHF_EXECINSTR
            kept += length
    return kept // 16


def row(configuration: Configuration, resources: Resources) -> str:
    """One line of the table."""
    shape = resources.shape
    return (
        f"{configuration.capability:>4} {configuration.task.kind:<8} {configuration.similarity:<12} "
        f"{configuration.b:>4} {shape.found:>4} {str(configuration.dtype).removeprefix('torch.'):<9} "
        f"{shape.warps:>5} {shape.depth:>5} {resources.registers:>9} {resources.spilled:>7} {resources.shared:>7} "
        f"{resources.instructions:>12} {resources.seconds:>7.1f}"
    )


HEADER = "  sm task     similarity      b    K dtype     warps depth registers spilled  shared instructions seconds"


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
