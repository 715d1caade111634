"""`python -m bench.kernel_table`: what nvcc made of every CUDA kernel, and whether the library it is in is whole.

Needs the build folder, no GPU. Status 1 where a kernel spills or uses local memory, where one is missing for an
architecture, and where an op of the schema has none.
"""

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table

from bench.machine import ROOT
from saln_kernels import plan, topk_eigvals
from saln_kernels.backends import cuda, native
from saln_kernels.plan import Launch

BUILD_FOLDERS = "build/native-*/cuda"
CUDA = ROOT / "csrc" / "cuda"
# One line a kernel; each is compiled from the one source, and what ptxas says of it is kept under its name.
TABLE, SOURCE = CUDA / "kernels" / "kernels.def", CUDA / "launch" / "kernel.cu"


@dataclass(frozen=True)
class Limits:
    """What a multiprocessor holds: CUDA C++ Programming Guide 13.0, table of technical specifications."""

    threads: int
    blocks: int
    shared: int  # bytes
    registers: int = 65536


LIMITS = {
    "80": Limits(2048, 32, 164 << 10),
    "90a": Limits(2048, 32, 228 << 10),
    "100a": Limits(2048, 32, 228 << 10),
    "120": Limits(1536, 24, 100 << 10),
}
RESERVED = 1 << 10  # bytes of shared memory the system takes of every block
REGISTER_UNIT, WARP_UNIT = 256, 4  # registers are handed out to a warp, and warps, in multiples of these


@dataclass(frozen=True)
class Kernel:
    """One kernel, compiled for one architecture."""

    source: str
    name: str
    arch: str
    registers: int  # a thread
    shared: int  # static bytes a block; what a launch asks for dynamically comes on top
    local: int  # bytes a thread of stack frame
    spilled: int  # bytes a thread, stored and loaded
    threads: int | None  # launch bound
    blocks: int | None  # of so many threads that fit a multiprocessor, dynamic shared memory aside

    @property
    def faults(self) -> str:
        """What must not be, in words."""
        found = [f"{self.local} bytes of local memory"] * (self.local > 0)
        return " and ".join(found + [f"{self.spilled} bytes spilled"] * (self.spilled > 0))


def blocks_per_multiprocessor(arch: str, registers: int, threads: int, shared: int) -> int:
    """Blocks resident at once, by threads, registers and shared memory."""
    limits = LIMITS[arch]
    warps = -(-threads // 32)
    of_warp = -(-registers * 32 // REGISTER_UNIT) * REGISTER_UNIT
    by_registers = limits.registers // of_warp // WARP_UNIT * WARP_UNIT // warps if registers else limits.blocks
    return min(limits.blocks, limits.threads // (32 * warps), by_registers, limits.shared // (shared + RESERVED))


# A call that each kernel of the table serves: b, d, dtype, solver.
CALLS = {
    "registers32": (32, 768, torch.bfloat16, "exact"),
    "registers64": (64, 512, torch.bfloat16, "exact"),
    "registers128": (128, 512, torch.bfloat16, "exact"),
    "shared": (256, 1024, torch.bfloat16, "exact"),
    "global": (1200, 1536, torch.float32, "exact"),
    "parts": (512, 1024, torch.bfloat16, "exact"),
    "global_double": (128, 512, torch.float64, "exact"),
    "matrix_free": (4096, 2048, torch.float32, "randomized"),
    "matrix_free_double": (4096, 2048, torch.float64, "randomized"),
}


def tabled() -> list[str]:
    """The names of kernels.def."""
    return re.findall(r"^SALN_KERNEL\((\w+),", TABLE.read_text(), re.MULTILINE)


def planned(kernel: str) -> Launch | None:
    """What a kernel's own call is launched with on an H100; None where it has none."""
    if kernel not in CALLS:
        return None
    b, d, dtype, solver = CALLS[kernel]
    features = torch.empty(32768, d, dtype=dtype, device="meta")
    candidates = torch.empty(4096, b, dtype=torch.int64, device="meta")
    return plan(topk_eigvals, features, candidates, k=8, solver=solver, backend="cuda").launch


_ENTRY = re.compile(r"Compiling entry function '(\w+)' for 'sm_(\w+)'")
_STACK = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
_USED = re.compile(r"Used (\d+) registers")
_SHARED = re.compile(r"(\d+) bytes smem")
_BOUND = re.compile(r"\.entry (\w+)\([^)]*\)\s*((?:\.\w+ [\d, ]+\s*)*)")
_MAX_THREADS = re.compile(r"\.(?:max|req)ntid (\d+)(?:, (\d+))?(?:, (\d+))?")


def parse(source: str, log: str, bounds: dict[str, int]) -> Iterator[Kernel]:
    """Kernels in what ptxas -v says of a source; bounds are threads a block by mangled name.

    The frame of a function that is called, not inlined, counts for the kernel it is named under.
    """
    for part in re.split(r"(?=ptxas info\s*: Compiling entry function)", log):
        entry, used = _ENTRY.search(part), _USED.search(part)
        if entry is None or used is None:
            continue
        mangled, arch = entry.groups()
        frames = [tuple(map(int, frame)) for frame in _STACK.findall(part)]
        shared = _SHARED.search(part)
        registers, static = int(used[1]), int(shared[1]) if shared else 0
        threads = bounds.get(mangled)
        yield Kernel(
            source,
            mangled,
            arch,
            registers,
            static,
            sum(frame[0] for frame in frames),
            sum(frame[1] + frame[2] for frame in frames),
            threads,
            blocks_per_multiprocessor(arch, registers, threads, static) if threads else None,
        )


def launch_bounds(ptx: str) -> dict[str, int]:
    """Threads a block of every kernel that states them."""
    found = {}
    for name, directives in _BOUND.findall(ptx):
        bound = _MAX_THREADS.search(directives)
        if bound:
            x, y, z = (int(value or 1) for value in bound.groups())
            found[name] = x * y * z
    return found


def compiled() -> list[Kernel]:
    """Every kernel of csrc/cuda, from the latest build; FileNotFoundError where there is none."""
    folders = sorted(ROOT.glob(BUILD_FOLDERS), key=lambda folder: folder.stat().st_mtime)
    if not folders:
        raise FileNotFoundError("no CUDA kernels were built here: SALN_CUDA=1 python setup.py build_ext --inplace")
    found: list[Kernel] = []
    for name in [*tabled(), *(path.stem for path in sorted(CUDA.rglob("*.cu")) if path != SOURCE)]:
        folder = folders[-1] / name
        log = folder / "ptxas.txt"
        if not log.exists():
            raise FileNotFoundError(f"{name} was not built: SALN_CUDA=1 python setup.py build_ext --inplace")
        bounds: dict[str, int] = {}
        for ptx in folder.glob("*.ptx"):
            bounds |= launch_bounds(ptx.read_text())
        found += parse(name, log.read_text(), bounds)
    names = _demangled(kernel.name for kernel in found)
    return [Kernel(**{**asdict(kernel), "name": names[kernel.name]}) for kernel in found]


def registered() -> dict[str, bool]:
    """Whether each op that has a kernel for the CPU has one for CUDA, by name."""
    native.require()
    cuda.loaded()
    cpu, gpu = (
        {name for name in torch._C._dispatch_get_registrations_for_dispatch_key(key) if name.startswith("saln::")}
        for key in ("CPU", "CUDA")
    )
    return {name: name in gpu for name in sorted(cpu)}


def faults(kernels: Iterable[Kernel], archs: Iterable[str], ops: dict[str, bool]) -> list[str]:
    """All that is wrong, in words."""
    kernels = list(kernels)
    found = [f"{k.name} for sm_{k.arch}: {k.faults}" for k in kernels if k.faults]
    for arch in archs:
        have = {(k.source, k.name) for k in kernels if k.arch == arch}
        missing = sorted({(k.source, k.name) for k in kernels} - have)
        found += [f"{name} ({source}) is not compiled for sm_{arch}" for source, name in missing]
    return found + [f"{name} has no CUDA kernel" for name, there in ops.items() if not there]


def _demangled(names: Iterable[str]) -> dict[str, str]:
    unique = sorted(set(names))
    try:
        done = subprocess.run(["c++filt", "-p"], input="\n".join(unique), capture_output=True, text=True, check=True)
    except FileNotFoundError:  # binutils come with g++, hardly without
        return dict(zip(unique, unique, strict=True))
    return dict(zip(unique, (line.replace("saln::", "") for line in done.stdout.splitlines()), strict=True))


def main(as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False) -> None:
    """Registers, shared and local memory of every CUDA kernel, and whether every op has one."""
    screen = Console(stderr=as_json)
    try:
        kernels = compiled()
    except FileNotFoundError as error:
        screen.print(str(error))
        raise typer.Exit(1) from None
    ops, build = registered(), cuda.build()
    wrong = [str(cuda.missing())] if build is None else faults(kernels, build.archs, ops)
    if as_json:
        result: dict[str, Any] = {"schema": "saln.kernel_table/1", "kernels": [asdict(k) for k in kernels], "ops": ops}
        result |= {"build": None if build is None else build._asdict(), "faults": wrong}
        print(json.dumps(result))
    else:
        show(screen, kernels)
        if build is not None:
            ready = sum(ops.values())
            screen.print(f"{ready} of {len(ops)} ops registered for CUDA; {build}; nvcc {build.nvcc}; nothing was run")
    for text in wrong:
        Console(stderr=True).print(f"[bold red]wrong[/]: {text}", highlight=False, soft_wrap=True)
    if wrong:
        raise typer.Exit(1)


def show(screen: Console, kernels: Iterable[Kernel]) -> None:
    """The table, one row a kernel and architecture."""
    table = Table("kernel", "sm", title="CUDA kernels, as compiled; shared memory and blocks of one call each serves")
    for name in ("registers", "shared", "threads", "blocks", "spilled"):
        table.add_column(name, justify="right")
    plans = {name: planned(name) for name in CALLS}
    for k in kernels:
        bad = f"[bold red]{k.faults}[/]" if k.faults else "0"
        found = plans.get(k.source)
        shared = k.shared + (found.shared_bytes if found else 0)
        blocks = blocks_per_multiprocessor(k.arch, k.registers, k.threads, shared) if k.threads else None
        fits = "-" if not blocks else str(blocks)
        table.add_row(
            short_name(k), k.arch, str(k.registers), str(shared) if found else "", str(k.threads or ""), fits, bad
        )
    screen.print(table)


def short_name(kernel: Kernel) -> str:
    """The class that makes the kernel what it is."""
    classes = re.findall(r"device::(\w+(?:<[^<>]*>)?)", kernel.name)
    return str(classes[-1]) if classes else kernel.name


if __name__ == "__main__":
    typer.run(main)
