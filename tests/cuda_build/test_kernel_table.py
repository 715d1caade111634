"""The CUDA kernels as compiled: no spills, no local memory, every architecture, every op; and how that is read."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from bench import kernel_table
from bench.kernel_table import Kernel, blocks_per_multiprocessor
from bench.machine import ROOT
from saln_kernels.backends import cuda, native

LOG = """ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_ZN4saln5solveILi8EEEvPf' for 'sm_90a'
ptxas info    : Function properties for _ZN4saln5solveILi8EEEvPf
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 40 registers, used 1 barriers, 128 bytes smem, 360 bytes cmem[0]
ptxas info    : Compile time = 2.449 ms
ptxas info    : Compiling entry function '_ZN4saln4gramEPf' for 'sm_120'
ptxas info    : Function properties for _ZN4saln4gramEPf
    16 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
ptxas info    : Function properties for _ZN4saln6calledEf
    24 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 255 registers, used 1 barriers
"""
PTX = """.visible .entry _ZN4saln5solveILi8EEEvPf(
	.param .u64 _ZN4saln5solveILi8EEEvPf_param_0
)
.maxntid 64, 4, 1
.minnctapersm 2
{
}
.visible .entry _ZN4saln4gramEPf(
	.param .u64 _ZN4saln4gramEPf_param_0
)
{
"""


@pytest.fixture(scope="module")
def built() -> list[Kernel]:
    """The kernels of the build folder; where nvcc was not there, there are none to check."""
    native.require()
    try:
        return kernel_table.compiled()
    except FileNotFoundError as error:
        pytest.skip(str(error))


def test_every_kernel_stays_in_registers(built: list[Kernel]) -> None:
    assert built
    assert [f"{k.name}, sm_{k.arch}: {k.faults}" for k in built if k.faults] == []


def test_every_kernel_states_its_threads(built: list[Kernel]) -> None:
    """Without launch bounds nvcc may take registers for blocks far larger than those that are launched."""
    assert [k.name for k in built if k.threads is None] == []
    assert [k.name for k in built if k.blocks == 0] == []


def test_library_is_whole(built: list[Kernel]) -> None:
    assert cuda.missing() is None
    build = cuda.build()
    assert build is not None
    assert kernel_table.faults(built, build.archs, kernel_table.registered()) == []


def test_program(built: list[Kernel]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.kernel_table", "--json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["kernels"]) == len(built)


def test_library_stands_alone(built: list[Kernel]) -> None:
    """It needs PyTorch's CPU part and the C++ library: no Python, no CUDA runtime of its own choosing."""
    readelf = shutil.which("readelf")
    if readelf is None:
        pytest.skip("readelf is not here")
    said = subprocess.run([readelf, "-d", str(cuda.LIBRARY)], capture_output=True, text=True, check=True).stdout
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", said))
    assert "libtorch_cpu.so" in needed
    assert not [name for name in needed if re.match("libpython|libcuda|libtorch_python|libtorch_cuda", name)]


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"SALN_CUDA": "yes"}, "SALN_CUDA: expected 0, 1 or auto, got 'yes'"),
        (
            {"SALN_CUDA": "1", "SALN_CUDA_ARCHS": "70 90a"},
            "SALN_CUDA_ARCHS: expected some of 80 90a 100a 120, got '70 90a'",
        ),
        ({"SALN_CUDA": "1", "SALN_CUDA_ARCHS": ""}, "SALN_CUDA_ARCHS: expected some of"),
        (
            {"SALN_CUDA": "0", "SALN_PYTHONS": "python2.9"},
            "SALN_PYTHONS: expected interpreters that run here, 'python2.9'",
        ),
    ],
)
def test_build_refuses(environment: dict[str, str], message: str) -> None:
    command = [sys.executable, "setup.py", "build_ext", "--inplace"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert message in done.stderr


def test_bounds_are_read() -> None:
    assert kernel_table.launch_bounds(PTX) == {"_ZN4saln5solveILi8EEEvPf": 256}


def test_log_is_read() -> None:
    solve, gram = kernel_table.parse("a.cu", LOG, kernel_table.launch_bounds(PTX))
    assert (solve.arch, solve.registers, solve.shared, solve.threads, solve.faults) == ("90a", 40, 128, 256, "")
    assert solve.blocks == 6  # 40 registers x 256 threads: 10240 of 65536
    assert (gram.arch, gram.registers, gram.local, gram.spilled, gram.threads) == ("120", 255, 40, 20, None)
    assert gram.faults == "40 bytes of local memory and 20 bytes spilled"


def test_faults_name_what_is_missing() -> None:
    kernels = list(kernel_table.parse("a.cu", LOG, {}))
    found = "\n".join(kernel_table.faults(kernels, ["90a", "120"], {"saln::gram": True, "saln::score": False}))
    assert "for sm_120: 40 bytes of local memory" in found
    assert "_ZN4saln4gramEPf (a.cu) is not compiled for sm_90a" in found
    assert "saln::score has no CUDA kernel" in found
    assert "saln::gram has" not in found


@pytest.mark.parametrize(
    ("arch", "registers", "threads", "shared", "blocks"),
    [
        ("90a", 32, 256, 0, 8),  # 2048 threads
        ("120", 32, 256, 0, 6),  # 1536 threads
        ("90a", 168, 128, 0, 3),  # 12 warps of 5376 registers
        ("90a", 255, 1024, 0, 0),  # more registers than there are
        ("90a", 32, 128, 100 << 10, 2),  # 228 KiB of shared memory
        ("80", 16, 32, 0, 32),  # resident blocks
    ],
)
def test_occupancy(arch: str, registers: int, threads: int, shared: int, blocks: int) -> None:
    """By hand, from the limits of compute capabilities 8.0, 9.0 and 12.0."""
    assert blocks_per_multiprocessor(arch, registers, threads, shared) == blocks


@pytest.mark.parametrize(
    ("capability", "served"),
    [
        ((8, 0), True),
        ((8, 6), True),
        ((7, 5), False),
        ((9, 0), True),
        ((10, 0), True),
        ((10, 3), False),
        ((12, 0), True),
        ((12, 1), True),
        ((13, 0), True),
    ],
)
def test_which_gpus_a_build_serves(capability: tuple[int, int], served: bool) -> None:
    """Code with an a is for one capability, plain code for its generation from there on, PTX for all that follow."""
    assert cuda.Build("", "", ("80", "90a", "100a", "120"), "120").serves(capability) is served


@pytest.mark.parametrize("kernel", kernel_table.tabled())
def test_each_kernel_has_a_call_that_it_serves(kernel: str) -> None:
    launch = kernel_table.planned(kernel)
    assert launch is not None, "bench/kernel_table.py has no call for it"
    assert launch.kernel == kernel


def test_plan_knows_what_was_compiled(built: list[Kernel]) -> None:
    """A plan promises no more resident blocks than the registers of sm_90a allow."""
    for kernel in built:
        launch = kernel_table.planned(kernel.source)
        if kernel.arch != "90a" or launch is None:
            continue
        fit = blocks_per_multiprocessor("90a", kernel.registers, launch.threads, launch.shared_bytes)
        assert (launch.threads, launch.blocks_per_multiprocessor) == (kernel.threads, fit), kernel.name
