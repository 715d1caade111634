"""Builds the native parts with ninja: the op library `_ops.so` (no Python in it) and the small module `_C`.

SALN_CUDA=0|1|auto says whether the CUDA kernels are built: 1 fails where they cannot be, auto leaves them out with one
line that says so.
"""

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent.resolve()
VERSION = re.findall(r'__version__ = "(.+)"', (ROOT / "saln_kernels" / "__init__.py").read_text())[0]
TORCH_TARGET = "2.10"  # the oldest PyTorch the op library loads into
X86 = platform.machine().lower() in ("x86_64", "amd64")

AVX512 = "-mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma -mf16c -mprefer-vector-width=512"
VARIANTS = {"portable": ""}
if X86:
    VARIANTS |= {"avx2": "-mavx2 -mfma -mf16c", "avx512": AVX512, "avx512_bf16": f"{AVX512} -mavx512bf16"}

FLAGS = (
    "-std=c++20 -O3 -fPIC -fvisibility=hidden -ffp-contract=fast -fno-math-errno -fno-trapping-math "
    "-Wall -Wextra -Wno-psabi -Wno-ignored-attributes"
)


def cuda_sources() -> list[Path]:
    """The CUDA sources to build, after SALN_CUDA and what is installed."""
    wanted = os.environ.get("SALN_CUDA", "auto")
    if wanted not in ("0", "1", "auto"):
        raise SystemExit(f"SALN_CUDA: expected 0, 1 or auto, got {wanted!r}")
    if wanted == "0":
        return []
    home = os.environ.get("CUDA_HOME")
    nvcc = shutil.which("nvcc", path=f"{home}/bin" if home else None)
    sources = sorted((ROOT / "csrc" / "cuda").glob("*.cu"))
    reason = "csrc/cuda holds no kernels in this version" if not sources else "nvcc was not found" if not nvcc else ""
    if reason and wanted == "1":
        raise SystemExit(f"SALN_CUDA=1, but the CUDA kernels cannot be built: {reason}")
    if reason:
        print(f"CUDA kernels left out: {reason}", file=sys.stderr)
        return []
    return sources


def torch_paths() -> tuple[str, str]:
    """Folders of PyTorch's headers and libraries, found without the seconds that importing it takes."""
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("PyTorch is not installed; install it first, then build without isolation")
    folder = Path(spec.submodule_search_locations[0])
    return str(folder / "include"), str(folder / "lib")


def ninja_file(build: Path, out: Path, suffix: str) -> str:
    """The text of build.ninja: every object, the op library and the module."""
    import pybind11

    include, library = torch_paths()
    compiler = os.environ.get("CXX", "g++")
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    major, minor = TORCH_TARGET.split(".")
    target = f"0x{int(major):02x}{int(minor):02x}000000000000"
    stable = f"-I{include} -DTORCH_TARGET_VERSION={target}ULL"
    python = f"-I{pybind11.get_include()} -I{sysconfig.get_paths()['include']}"
    names = f"-DSALN_VERSION='\"{VERSION}\"' -DSALN_COMPILER='\"{version}\"' -DSALN_TORCH_TARGET='\"{TORCH_TARGET}\"'"
    x86 = "-DSALN_X86" if X86 else ""
    csrc = ROOT / "csrc"
    lines = [
        f"flags = {FLAGS} -ffile-prefix-map={ROOT}=. -I{csrc} {x86}",
        "rule compile",
        f"  command = {compiler} $flags $extra -MMD -MF $out.d -c $in -o $out",
        "  depfile = $out.d",
        "  deps = gcc",
        "rule link",
        f"  command = {compiler} -shared $in -o $out $extra",
    ]

    def compiled(source: str, extra: str = "", name: str | None = None) -> str:
        target_object = build / f"{name or Path(source).stem}.o"
        lines.extend([f"build {target_object}: compile {csrc / source}", f"  extra = {extra}"])
        return str(target_object)

    kernels = [
        compiled("cpu/kernels.cpp", f"-DSALN_VARIANT={name} {flags}", f"kernels_{name}")
        for name, flags in VARIANTS.items()
    ]
    shared = [*kernels, compiled("cpu/isa.cpp"), compiled("plan.cpp")]
    ops = [*shared, compiled("ops.cpp", stable), compiled("cpu/run.cpp", stable)]
    module = [*shared, compiled("bindings.cpp", f"{python} {names}")]
    torch_libraries = f"-L{library} -Wl,--as-needed -ltorch_cpu"
    lines += [f"build {out / '_ops.so'}: link {' '.join(ops)}", f"  extra = {torch_libraries}"]
    lines += [f"build {out / ('_C' + suffix)}: link {' '.join(module)}", "  extra ="]
    return "\n".join(lines) + "\n"


class NinjaBuild(build_ext):
    """Runs ninja in place of setuptools' compiler, so that each instruction set has flags of its own."""

    def run(self) -> None:
        import ninja

        cuda_sources()
        module = Path(self.get_ext_fullpath("saln_kernels._C")).resolve()
        if self.inplace:
            module = ROOT / "saln_kernels" / module.name
        suffix = module.name.removeprefix("_C")
        build = ROOT / "build" / f"native-{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
        build.mkdir(parents=True, exist_ok=True)
        module.parent.mkdir(parents=True, exist_ok=True)
        (build / "build.ninja").write_text(ninja_file(build, module.parent, suffix))
        executable = str(Path(ninja.BIN_DIR) / "ninja")
        jobs = ["-j", os.environ["MAX_JOBS"]] if "MAX_JOBS" in os.environ else []
        subprocess.run([executable, "-C", str(build), *jobs], check=True)

    def get_outputs(self) -> list[str]:
        folder = Path(self.get_ext_fullpath("saln_kernels._C")).parent
        return [self.get_ext_fullpath("saln_kernels._C"), str(folder / "_ops.so")]


setup(version=VERSION, ext_modules=[Extension("saln_kernels._C", [])], cmdclass={"build_ext": NinjaBuild})
