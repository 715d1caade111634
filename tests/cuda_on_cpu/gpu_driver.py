"""`python -m cuda_on_cpu.gpu_driver FILE [BUILD]`: driver.cpp made for a GPU, of the kernels that SALN_CUDA=1 compiled.

It needs nvcc, no GPU and no PyTorch. With SALN_GPU_DRIVER=FILE the calls of the tests here, and of the backend
`cuda_shim` of tests/contract, run on the GPU. Some calls for sanitizers lie beside it:
`compute-sanitizer --log-file LOG FILE < FILE.requests > /dev/null`.
"""

import os
import subprocess
import sys
from pathlib import Path

import torch

from bench.kernel_table import tabled
from cuda_on_cpu.build import CSRC, HERE, PLANS
from cuda_on_cpu.simulator import encode
from cuda_on_cpu.test_cuda_races import calls
from programs import ROOT

SIZES = (
    (7, torch.float32),
    (33, torch.bfloat16),
    (66, torch.float16),
    (130, torch.float32),
    (260, torch.bfloat16),
    (20, torch.float64),
)


def link(file: Path, build: Path) -> None:
    """Make the program, of the objects in a build folder of setup.py."""
    kernels = [build / f"{name}_cu.o" for name in ("run", "split_gram", *tabled())]
    plans = [build / f"{name.removesuffix('.cpp').replace('/', '_')}.o" for name in PLANS]
    flags = ["-ccbin", os.environ.get("CXX", "g++"), "-std=c++20", "-O2", f"-I{CSRC}", "-cudart", "static"]
    alone = ["-Xcompiler", "-static-libstdc++,-static-libgcc"]
    subprocess.run(["nvcc", *flags, *alone, HERE / "driver.cpp", *kernels, *plans, "-o", file], check=True)


def main() -> None:
    """The program and the calls."""
    file = Path(sys.argv[1])
    [build] = map(Path, sys.argv[2:]) if len(sys.argv) > 2 else (ROOT / "build").glob("native-*")
    link(file, build)
    requests = (encode(call) for b, dtype in SIZES for call in calls(b, dtype, 0))
    file.with_name(f"{file.name}.requests").write_bytes(b"".join(requests))


if __name__ == "__main__":
    main()
