"""`python -m bench.gpu.library FILE`: the libraries for this GPU, put in place or built, and the machine described.

Status 1, with the reason, where the CUDA library then does not serve. A process of its own: whoever has imported
`saln_kernels` before keeps what lay there then.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[2]
LACKING = (
    "from saln_kernels.backends import cuda, native; reason = native.missing() or cuda.unserved(0); "
    "native.bindings(); print(reason or '', end='')"
)


def main() -> None:
    """Put in place, build, describe, judge."""
    take_prebuilt()
    reason = lacking()
    if reason:
        print(f"{reason}; building")
        environment = os.environ | {"SALN_CUDA": "1", "SALN_CUDA_ARCHS": arch(torch.cuda.get_device_capability())}
        subprocess.run((sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"), cwd=ROOT, env=environment)
        reason = lacking()
    found = describe()
    Path(sys.argv[1]).write_text(json.dumps(found))
    print(reason or found["gpu"]["library"])
    sys.exit(1 if reason else 0)


def take_prebuilt() -> None:
    """Copy the libraries of SALN_PREBUILT to where they are looked for."""
    folder = os.environ.get("SALN_PREBUILT")
    if folder:
        for library in sorted(Path(folder).glob("_*.so")):
            there = ROOT / "saln_kernels" / library.name
            part = there.with_suffix(".part")
            shutil.copy2(library, part)
            os.replace(part, there)  # whoever has the old one loaded keeps it


def lacking() -> str:
    """Why what lies here does not serve this GPU; empty if it does."""
    done = subprocess.run((sys.executable, "-c", LACKING), cwd=ROOT, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no reason given"])[-1]


def arch(capability: tuple[int, int]) -> str:
    """What to build for a GPU: machine code of its own generation, where setup.py has one."""
    known = {(9, 0): "90a", (10, 0): "100a", 8: "80", 12: "120"}
    found = known.get(capability, known.get(capability[0]))
    if found is None:
        raise SystemExit(f"no architecture of setup.py is for compute capability {capability}")
    return found


def describe() -> dict[str, Any]:
    """The machine with its GPU."""
    from bench import machine
    from saln_kernels.backends import cuda

    properties = torch.cuda.get_device_properties(0)
    gpu = {
        "name": properties.name,
        "capability": [properties.major, properties.minor],
        "multiprocessors": properties.multi_processor_count,
        "memory_bytes": properties.total_memory,
        "l2_bytes": properties.L2_cache_size,
        "driver": driver(),
        "cuda": torch.version.cuda,
        "library": str(cuda.build() or cuda.missing()),
    }
    return machine.describe("bench.gpu") | {"gpu": gpu}


def driver() -> str:
    """The version of NVIDIA's driver."""
    command = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0].strip()
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "unknown"


if __name__ == "__main__":
    main()
