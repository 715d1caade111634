"""A wheel, installed beside PyTorch in fresh virtual environments and used there.

    python -m tools.check_wheel WHEEL [--pair PYTHON TORCH]... [--cuda WHEEL]

Says what it links against, how long `pip install` took, and that eigenvalues agree with torch.linalg's; that `saln`
without the extra asks for it, and with it finds everything and runs a pilot. PyTorch with CUDA takes gigabytes.
"""

import argparse
import re
import shutil
import subprocess
import tempfile
import time
import zipfile
from pathlib import Path

PAIRS = [("python3.10", "torch==2.10.0"), ("python3.11", "torch==2.13.0"), ("python3.13", "torch")]
"""The oldest of both that are promised, what development uses, the newest."""
UNVERSIONED = re.compile(r"(aoti_torch_|torch_|_?Py|__gmon_start__|_ITM_)\w*")
"""What other libraries than the system's give: PyTorch's C interface, Python's; and what nobody needs to give."""

EIGENVALUES = """
import torch
import saln_kernels

features = torch.randn(500, 48, generator=torch.Generator().manual_seed(0))
candidates = torch.randint(500, (200, 32), generator=torch.Generator().manual_seed(1))
batches = features[candidates].double()
wanted = torch.linalg.eigvalsh(batches @ batches.mT).flip(-1)[:, :8]
found = saln_kernels.topk_eigvals(features, candidates, 8).double()
gap = float(((found - wanted).abs().max(-1).values / wanted[:, 0]).max())
assert gap < 1e-5, gap
try:
    torch.ops.saln.topk(features)
except RuntimeError as error:  # thrown in C++ here, caught by PyTorch
    pass
planner = saln_kernels.plan(saln_kernels.topk_eigvals, features, candidates, 8).layout
print(f"torch {torch.__version__}: relative error of eigenvalues {gap:.1e}, planned as {planner}")
"""


def run(*command: object) -> str:
    """What a command prints; SystemExit with all that it said where it fails."""
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))[:300]}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def strangers(library: Path) -> list[str]:
    """Symbols that neither a versioned library of the system nor PyTorch nor Python has."""
    names = (line.split()[-1] for line in run("nm", "-D", "--undefined-only", library).splitlines())
    return [name for name in names if "@" not in name and not UNVERSIONED.fullmatch(name)]


def linked(wheel: Path) -> None:
    """Say what a wheel holds and needs."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as content:
        libraries = [name for name in content.namelist() if name.endswith(".so")]
        content.extractall(folder, libraries)
        for name in libraries:
            if found := strangers(Path(folder) / name):
                raise SystemExit(f"{wheel.name}: {name} needs {', '.join(found)}, which no library has")
    said = " ".join(run("auditwheel", "show", wheel).split())
    constraint = re.findall(r'constrains the platform tag to "(\w+)"', said) + re.findall(r'tag: "(\w+)"', said)
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, {len(libraries)} libraries, {constraint[0]}")


def installed(wheel: Path, python: str, torch: str, cuda: Path | None) -> None:
    """Install it beside a torch, without extras and then with one, and use it."""
    with tempfile.TemporaryDirectory() as folder:
        run(python, "-m", "venv", folder)
        bin_ = Path(folder) / "bin"
        run(bin_ / "pip", "install", "--quiet", torch)
        began = time.perf_counter()
        run(bin_ / "pip", "install", "--quiet", wheel)
        seconds = time.perf_counter() - began
        print(f"{python}, {torch}: installed in {seconds:.1f} s")
        print(" ", run(bin_ / "python", "-c", EIGENVALUES).strip())
        refused = subprocess.run([bin_ / "saln", "doctor"], capture_output=True, text=True)
        if refused.returncode != 2 or "pip install 'saln-kernels[pilot]'" not in refused.stderr:
            raise SystemExit(f"saln without its extra: status {refused.returncode}, {refused.stderr[-2000:]}")
        run(bin_ / "pip", "install", "--quiet", f"{wheel}[pilot]")
        print("  " + run(bin_ / "saln", "doctor").strip().replace("\n", "\n  "))
        page = Path(folder) / "report.html"
        run(bin_ / "saln", "pilot", "--methods", "uniform,auto", "--seeds", "3", "--steps", "40", "--output", page)
        print(f"  saln pilot: a page of {page.stat().st_size / 1e3:.0f} kB")
        if cuda is not None:
            run(bin_ / "pip", "install", "--quiet", "--no-deps", cuda)
            said = run(bin_ / "python", "-c", "import saln_kernels; print(saln_kernels.build_info())")
            if "CUDA code     sm_" not in said:
                raise SystemExit(f"{cuda.name} is not found:\n{said}")
            print("  " + "\n  ".join(line.strip() for line in said.splitlines() if "cuda " in line.lower()))


def main() -> None:
    """All of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--pair", nargs=2, action="append", metavar=("PYTHON", "TORCH"))
    parser.add_argument("--cuda", type=Path)
    given = parser.parse_args()
    if shutil.which("auditwheel") is None:
        parser.error("auditwheel is not on PATH")
    for wheel in filter(None, (given.wheel, given.cuda)):
        linked(wheel)
    for python, torch in given.pair or PAIRS:
        installed(given.wheel.resolve(), python, torch, given.cuda and given.cuda.resolve())


if __name__ == "__main__":
    main()
