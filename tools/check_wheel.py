"""A wheel, installed beside PyTorch in fresh virtual environments and used there.

    python -m tools.check_wheel WHEEL [--pair PYTHON TORCH]... [--cuda WHEEL] [--output FILE]

Says what it links against, how long `pip install` took, and that eigenvalues agree with torch.linalg's; that `saln`
without the extra asks for it, and with it finds everything and runs a pilot. PyTorch with CUDA takes gigabytes. Of a
wheel for other machines than this one it says what that links against. FILE is the figures, as JSON.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

from bench.machine import describe

PAIRS = [("python3.10", "torch==2.10.0"), ("python3.11", "torch==2.13.0"), ("python3.13", "torch")]
"""The oldest of both that are promised, what development uses, the newest."""
UNVERSIONED = re.compile(r"(aoti_torch_|torch_|_?Py|__gmon_start__|_ITM_)\w*")
"""What other libraries than the system's give: PyTorch's C interface, Python's; and what nobody needs to give."""

EIGENVALUES = """
import json
import platform

import torch
import saln_kernels

features = torch.randn(500, 48, generator=torch.Generator().manual_seed(0))
candidates = torch.randint(500, (200, 32), generator=torch.Generator().manual_seed(1))
batches = features[candidates].double()
wanted = torch.linalg.eigvalsh(batches @ batches.mT).flip(-1)[:, :8]
found = saln_kernels.topk_eigvals(features, candidates, 8).double()
gap = float(((found - wanted).abs().max(-1).values / wanted[:, 0]).max())
assert gap < 1e-5, gap
layout = saln_kernels.plan(saln_kernels.topk_eigvals, features, candidates, 8).layout
versions = {"python": platform.python_version(), "torch": torch.__version__}
print(json.dumps(versions | {"relative_error": float(f"{gap:.1e}"), "layout": layout}))
"""

THROWN = """
import os

os.environ["SALN_CPU_ISA"] = "none"
import torch
import saln_kernels

try:
    saln_kernels.topk_eigvals(torch.ones(4, 2), torch.zeros(2, 2, dtype=torch.int64), 1)
except RuntimeError as error:  # thrown by our C++, caught by PyTorch's
    assert "compiled in are" in str(error), error
else:
    raise SystemExit("an instruction set that there is none of was taken")
"""


def said(*command: object, status: int = 0) -> str:
    """What a command prints, in a process that sees nothing of this folder; SystemExit where it ends otherwise."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    words = [str(each) for each in command]
    done = subprocess.run(words, env=environment, cwd=tempfile.gettempdir(), capture_output=True, text=True)
    if done.returncode != status:
        shown = f"{' '.join(words)[:300]}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        raise SystemExit(f"status {done.returncode}, wanted {status}: {shown}")
    return (done.stdout if status == 0 else done.stderr).strip()


def strangers(library: Path) -> list[str]:
    """Symbols that neither a versioned library of the system nor PyTorch nor Python has."""
    names = (line.split()[-1] for line in said("nm", "-D", "--undefined-only", library).splitlines())
    return [name for name in names if "@" not in name and not UNVERSIONED.fullmatch(name)]


def linked(wheel: Path) -> dict[str, Any]:
    """Say what a wheel holds and needs."""
    if not re.search("-py3-none-manylinux_2_2[78]_", wheel.name):
        raise SystemExit(f"{wheel.name}: wanted a wheel for every Python, py3-none-manylinux_2_28_*, or 2_27")
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as content:
        libraries = [name for name in content.namelist() if name.endswith(".so")]
        content.extractall(folder, libraries)
        for name in libraries:
            if found := strangers(Path(folder) / name):
                raise SystemExit(f"{wheel.name}: {name} needs {', '.join(found)}, which no library has")
    policy = " ".join(said("auditwheel", "show", wheel.resolve()).split())
    constraint = re.findall(r'constrains the platform tag to "(\w+)"', policy) + re.findall(r'tag: "(\w+)"', policy)
    size = wheel.stat().st_size
    print(f"{wheel.name}: {size / 1e6:.1f} MB, {len(libraries)} libraries, {constraint[0]}")
    return {"wheel": wheel.name, "bytes": size, "libraries": len(libraries), "serves": constraint[0]}


def installed(wheel: Path, python: str, torch: str, cuda: Path | None) -> dict[str, Any]:
    """Install it beside a torch, without extras and then with one, and use it."""
    with tempfile.TemporaryDirectory() as folder:
        said(python, "-m", "venv", folder)
        bin_ = Path(folder) / "bin"
        said(bin_ / "pip", "install", "--quiet", torch)
        began = time.perf_counter()
        said(bin_ / "pip", "install", "--quiet", wheel)
        seconds = time.perf_counter() - began
        print(f"{python}, {torch}: installed in {seconds:.1f} s")
        found = {"install_seconds": round(seconds, 1)} | json.loads(said(bin_ / "python", "-c", EIGENVALUES))
        print("  torch {torch}: relative error of eigenvalues {relative_error}, planned as {layout}".format(**found))
        said(bin_ / "python", "-c", THROWN)
        print("  saln doctor:", said(bin_ / "saln", "doctor", status=2))
        said(bin_ / "pip", "install", "--quiet", f"{wheel}[pilot]")
        print("  " + said(bin_ / "saln", "doctor").replace("\n", "\n  "))
        page = Path(folder) / "report.html"
        said(bin_ / "saln", "pilot", "--methods", "uniform,auto", "--seeds", "3", "--steps", "40", "--output", page)
        print(f"  saln pilot: a page of {page.stat().st_size / 1e3:.0f} kB")
        if cuda is not None:
            said(bin_ / "pip", "install", "--quiet", "--no-deps", cuda)
            doctor = said(bin_ / "saln", "doctor")
            named = re.search(r"CUDA code +(sm_.*)", doctor)
            if named is None:
                raise SystemExit(f"{cuda.name} is not found:\n{doctor}")
            found["cuda_code"] = named[1]
            print(f"  saln doctor, {cuda.name} beside it: CUDA code {named[1]}")
        return found


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--pair", nargs=2, action="append", metavar=("PYTHON", "TORCH"))
    parser.add_argument("--cuda", type=Path)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    if shutil.which("auditwheel") is None:
        parser.error("auditwheel is not on PATH")
    here = describe("tools.check_wheel")  # the load before, not of what is measured
    found: dict[str, Any] = {name: here[name] for name in ("date", "command", "git", "machine")}
    found["wheels"] = [linked(wheel) for wheel in (given.wheel, given.cuda) if wheel]
    serves = given.wheel.name.endswith(f"_{platform.machine()}.whl")
    found["installed"] = [
        installed(given.wheel.resolve(), python, torch, given.cuda and given.cuda.resolve())
        for python, torch in (given.pair or PAIRS if serves else ())
    ]
    if given.output:
        given.output.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
