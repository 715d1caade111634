"""Builds the native parts with ninja: the op libraries `_ops.so` and `_cuda.so`, without Python, and the module `_C`.

PyTorch's headers are those of the torch that is installed, else come out of the wheel of the oldest that is served.
SALN_CUDA=0|1|auto says whether `_cuda.so` is built: 1 fails where it cannot be; auto leaves it out there, and where
PyTorch is a build for CPUs, with one line that says so. It needs nvcc (CUDA_HOME, PATH, /usr/local/cuda), no GPU and no
PyTorch with CUDA. SALN_CUDA_ARCHS="90a" builds for fewer architectures than all of CUDA_ARCHS. What ptxas says of every
kernel is kept in build/*/cuda/*/ptxas.txt.
SALN_PYTHONS="python3.12 python3.13" builds `_C` for those interpreters in place of the one that runs this; the wheel is
then one for every Python. LDFLAGS goes to the linker: `make wheel` has it link for older Linux. CXX may be a cross
compiler for x86-64 or 64-bit ARM: what is built, and the wheel's tag, are for those.
"""

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent.resolve()
VERSION = re.findall(r'__version__ = "(.+)"', (ROOT / "saln_kernels" / "__init__.py").read_text())[0]
TORCH_TARGET = "2.10"  # the oldest PyTorch the op library loads into


def machine() -> str:
    """The processors that the C++ compiler compiles for: those of this machine, but for a cross compiler for Linux."""
    try:
        command = [*os.environ.get("CXX", "g++").split(), "-dumpmachine"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("-")
    except (OSError, subprocess.CalledProcessError):  # no compiler: the lists below are read all the same
        return platform.machine()
    return said[0] if said[0] in ("x86_64", "aarch64") and "linux" in said else platform.machine()


def for_machine(name: str) -> str:
    """What a module, a folder or a platform of this machine is called for those that are compiled for."""
    return name.replace(platform.machine(), MACHINE)


MACHINE = machine()
BUILD = ROOT / "build" / for_machine(f"native-{sysconfig.get_platform()}-{sys.implementation.cache_tag}")
X86 = MACHINE.lower() in ("x86_64", "amd64")

AVX512 = "-mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma -mf16c -mprefer-vector-width=512"
VARIANTS = {"portable": ""}
if X86:
    VARIANTS |= {"avx2": "-mavx2 -mfma -mf16c", "avx512": AVX512, "avx512_bf16": f"{AVX512} -mavx512bf16"}

FLAGS = (
    "-std=c++20 -O3 -fPIC -fvisibility=hidden -ffp-contract=fast -fno-math-errno -fno-trapping-math "
    "-Wall -Wextra -Werror=switch -Werror=switch-enum -Wno-psabi -Wno-ignored-attributes -Wno-unknown-pragmas"
)


# 'a': instructions of that generation alone. The last one's PTX serves what comes later.
CUDA_ARCHS = ("80", "90a", "100a", "120")
NVCC_FLAGS = (
    "-std=c++20 -O3 --expt-relaxed-constexpr -prec-div=false -prec-sqrt=false "
    "-Xptxas -v,-warn-lmem-usage,-warn-spills "
    "-Xcompiler -fPIC,-fvisibility=hidden,-Werror=switch,-Werror=switch-enum"
)

# Sources below csrc, by what they are linked into. The first two also hold the CPU kernels of every variant, the last
# also every .cu below csrc/cuda, of which KERNEL_SOURCE is compiled once a kernel. Only those of TORCH_SOURCES see
# PyTorch's headers.
TORCH_SOURCES = (
    "api/ops.cpp",
    "api/greedy_ops.cpp",
    "cpu/run.cpp",
    "cpu/greedy_run.cpp",
    "cpu/team.cpp",
    "cuda/launch/ops.cpp",
)
REGISTERING = ("api/ops.cpp", "api/greedy_ops.cpp", "cuda/launch/ops.cpp")  # ops, in a namespace of torch.ops
OPS_SOURCES = (
    "core/plan.cpp",
    "cpu/isa.cpp",
    "cpu/greedy_isa.cpp",
    "cpu/run.cpp",
    "cpu/greedy_run.cpp",
    "cpu/team.cpp",
    "api/ops.cpp",
    "api/greedy_ops.cpp",
)
PLAN_SOURCES = (
    "core/plan.cpp",
    "core/greedy_plan.cpp",
    "cuda/plan/plan.cpp",
    "cuda/plan/cost.cpp",
    "cuda/plan/instructions.cpp",
    "cuda/plan/greedy_plan.cpp",
)
BINDINGS = "api/bindings.cpp"  # the one source that sees Python's headers
MODULE_SOURCES = (*PLAN_SOURCES, "cpu/isa.cpp", "cpu/greedy_isa.cpp")
CUDA_SOURCES = (*PLAN_SOURCES, "cuda/launch/ops.cpp")
KERNEL_SOURCE, KERNEL_TABLE = "cuda/launch/kernel.cu", "cuda/kernels/kernels.def"


class Device(NamedTuple):
    """What nvcc makes one object file of."""

    name: str  # of the object file, and of the folder of what ptxas says
    source: str  # below csrc
    defines: str = ""


def device_objects() -> list[Device]:
    """Every .cu once, the kernels' own once a kernel of their table."""
    csrc = ROOT / "csrc"
    table = re.findall(r"^SALN_KERNEL\((\w+),", (csrc / KERNEL_TABLE).read_text(), re.MULTILINE)
    sources = (str(path.relative_to(csrc)) for path in sorted((csrc / "cuda").rglob("*.cu")))
    others = [Device(Path(source).stem, source) for source in sources if source != KERNEL_SOURCE]
    return others + [Device(name, KERNEL_SOURCE, f"-DSALN_KERNEL_NAME={name}") for name in table]


class Toolkit(NamedTuple):
    """What builds CUDA kernels here."""

    nvcc: str
    version: str
    archs: list[str]

    @property
    def ptx(self) -> str:
        """The architecture whose PTX is kept, for GPUs yet to come; what is of one generation alone is no use there."""
        newest = self.archs[-1]
        return newest if newest.isdigit() else ""

    @property
    def targets(self) -> str:
        """What is compiled, as nvcc's options."""
        codes = [(arch, f"sm_{arch}") for arch in self.archs]
        if self.ptx:
            codes.append((self.ptx, f"compute_{self.ptx}"))
        return " ".join(f"-gencode arch=compute_{arch},code={code}" for arch, code in codes)


def cuda_toolkit() -> Toolkit | None:
    """What to build the CUDA library with, after SALN_CUDA and what is installed."""
    wanted = os.environ.get("SALN_CUDA", "auto")
    if wanted not in ("0", "1", "auto"):
        raise SystemExit(f"SALN_CUDA: expected 0, 1 or auto, got {wanted!r}")
    if wanted == "0":
        return None
    if wanted == "auto" and built_for_cpu():
        print("CUDA kernels left out: PyTorch here is built for CPUs alone; SALN_CUDA=1 builds them", file=sys.stderr)
        return None
    try:
        return find_toolkit()
    except FileNotFoundError as error:
        if wanted == "1":
            raise SystemExit(f"SALN_CUDA=1, but the CUDA kernels cannot be built: {error}") from None
        print(f"CUDA kernels left out: {error}", file=sys.stderr)
        return None


def built_for_cpu() -> bool:
    """Whether PyTorch is here, and knows no CUDA: kernels would take minutes to compile and nothing could call them."""
    try:
        version = metadata.version("torch")
    except metadata.PackageNotFoundError:
        return False
    return version.endswith("+cpu")


def find_toolkit() -> Toolkit:
    """Look for nvcc; FileNotFoundError says what is not there."""
    archs = os.environ.get("SALN_CUDA_ARCHS", " ".join(CUDA_ARCHS)).split()
    unknown = [arch for arch in archs if arch not in CUDA_ARCHS]
    if unknown or not archs:
        raise SystemExit(f"SALN_CUDA_ARCHS: expected some of {' '.join(CUDA_ARCHS)}, got {' '.join(archs)!r}")
    home = os.environ.get("CUDA_HOME")
    nvcc = shutil.which("nvcc", path=f"{home}/bin") if home else shutil.which("nvcc")
    nvcc = nvcc or shutil.which("nvcc", path="/usr/local/cuda/bin")
    if nvcc is None:
        raise FileNotFoundError("nvcc was not found in CUDA_HOME, PATH or /usr/local/cuda; install the CUDA toolkit")
    said = subprocess.run([nvcc, "--version"], capture_output=True, text=True, check=True).stdout
    version = (re.findall(r"V(\d+\.\d+\.\d+)", said) or ["unknown"])[0]
    return Toolkit(nvcc, version, sorted(archs, key=CUDA_ARCHS.index))


def pythons() -> dict[str, str]:
    """Folders of the headers of the Pythons that `_C` is built for, by the ending of its name."""
    found = {}
    ask = "import sysconfig as s; print(s.get_config_var('EXT_SUFFIX'), s.get_paths()['include'])"
    for interpreter in os.environ.get("SALN_PYTHONS", sys.executable).split():
        try:
            said = subprocess.run([interpreter, "-c", ask], capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            wanted = "SALN_PYTHONS: expected interpreters that run here"
            raise SystemExit(f"{wanted}, {interpreter!r} does not: {error}") from None
        suffix, _, include = said.strip().partition(" ")
        found[for_machine(suffix)] = include
    return found


def torch_headers() -> Path:
    """PyTorch's headers, found without the seconds that importing it takes."""
    spec = importlib.util.find_spec("torch")
    if spec is not None and spec.submodule_search_locations:
        return Path(spec.submodule_search_locations[0]) / "include"
    sys.path.insert(0, str(ROOT))  # where a build frontend runs this, it is not there
    from tools import torch_headers

    return torch_headers.headers(torch_headers.VERSIONS[0])


def ninja_file(build: Path, out: Path, cuda: Toolkit | None, include: Path, namespace: str = "") -> str:
    """The text of build.ninja: every object, the op libraries and the modules, with PyTorch's headers.

    Ops in a namespace of their own take objects of their own; all others are shared.
    """
    import pybind11

    compiler, options = os.environ.get("CXX", "g++"), os.environ.get("LDFLAGS", "")
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    major, minor = TORCH_TARGET.split(".")
    target = f"0x{int(major):02x}{int(minor):02x}000000000000"
    names = {"VERSION": VERSION, "COMPILER": version, "TORCH_TARGET": TORCH_TARGET}
    if cuda:
        names |= {"NVCC": cuda.version, "CUDA_ARCHS": " ".join(cuda.archs), "CUDA_PTX": cuda.ptx}
    csrc = ROOT / "csrc"
    lines = [
        f"flags = {FLAGS} -ffile-prefix-map={ROOT}=. -I{csrc} {'-DSALN_X86' if X86 else ''}",
        "rule compile",
        f"  command = {compiler} $flags $extra -MMD -MF $out.d -c $in -o $out",
        "  depfile = $out.d",
        "  deps = gcc",
        "  description = $in",
        "rule link",
        f"  command = {compiler} -shared {options} -Wl,--exclude-libs,ALL $in -o $out $extra",
        "  description = $out",
        # Of PyTorch's library the name is all that linking needs; the process that loads ours has it.
        "rule link_torch",
        f"  command = {compiler} -shared -nostdlib -Wl,-soname,libtorch_cpu.so -x c /dev/null -o $out",
        "  description = $out",
        f"build {(torch := build / 'torch' / 'libtorch_cpu.so')}: link_torch",
    ]
    # what a source needs beside the flags of all; names that change with every release stay out of the other objects
    extras = dict.fromkeys(TORCH_SOURCES, f"-isystem {include} -DTORCH_TARGET_VERSION={target}ULL")
    defines = " ".join(f"-DSALN_{name}='\"{value}\"'" for name, value in names.items())
    extras["cuda/launch/ops.cpp"] += f" {defines}"
    own = dict.fromkeys(REGISTERING, namespace)
    if namespace:
        extras |= {source: f"{extras[source]} -DSALN_OPS_NAMESPACE={namespace}" for source in REGISTERING}

    def compiled(source: str, rule: str = "compile", extra: str = "", name: str = "") -> str:
        path = build / f"{name or source.partition('.')[0].replace('/', '_')}{own.get(source, '')}.o"
        lines.extend([f"build {path}: {rule} {csrc / source}", f"  extra = {extra or extras.get(source, '')}"])
        return str(path)

    def variants(source: str) -> list[str]:
        name = Path(source).stem
        return [
            compiled(source, extra=f"-DSALN_VARIANT={variant} {flags}", name=f"{name}_{variant}")
            for variant, flags in VARIANTS.items()
        ]

    def linked(name: str, kernels: list[str], sources: tuple[str, ...], extra: str = "") -> None:
        inputs = " ".join(kernels + [objects[source] for source in sources])
        lines.extend([f"build {out / name}: link {inputs} | {torch}", f"  extra = {extra}"])

    plain = dict.fromkeys([*OPS_SOURCES, *MODULE_SOURCES, *(CUDA_SOURCES if cuda else ())])
    objects = {source: compiled(source) for source in plain}
    kernels, greedy_kernels = variants("cpu/kernels.cpp"), variants("cpu/greedy_kernels.cpp")
    linked("_ops.so", kernels + greedy_kernels, OPS_SOURCES, f"-Wl,--no-as-needed {torch} -Wl,--as-needed")
    for suffix, headers in pythons().items():
        # neither where pip put pybind11 for one build nor where Python is may be in the module
        found = {"pybind11": pybind11.get_include(), "python": headers}
        extra = " ".join(f"-I{folder} -ffile-prefix-map={folder}={name}" for name, folder in found.items())
        bindings = compiled(BINDINGS, extra=f"{extra} {defines}", name=f"bindings{suffix.removesuffix('.so')}")
        linked(f"_C{suffix}", [*kernels, *greedy_kernels, bindings], MODULE_SOURCES)
    if cuda:
        command = (
            f"{cuda.nvcc} -ccbin {compiler} {NVCC_FLAGS} {cuda.targets} -I{csrc} $extra -MMD -MF $out.d -c $in -o $out"
        )
        lines += [
            "rule nvcc",
            # bench.kernel_table reads what ptxas says of every kernel, and its launch bounds in the PTX
            f"  command = mkdir -p $kept && {{ {command} --keep --keep-dir $kept > $kept/ptxas.txt 2>&1 || "
            "{ cat $kept/ptxas.txt; false; }; } && find $kept -type f ! -name '*.ptx' ! -name ptxas.txt -delete",
            "  depfile = $out.d",
            "  deps = gcc",
            "  description = $in",
        ]
        device = []
        for name, source, defines in device_objects():
            device.append(compiled(source, "nvcc", defines, f"{name}_cu"))
            lines.append(f"  kept = {build / 'cuda' / name}")
        lines += [
            "rule link_cuda",
            # PyTorch's CUDA runtime and the static one in here must not find each other's symbols
            f"  command = {cuda.nvcc} -ccbin {compiler} -shared {options} -cudart static "
            f"-Xlinker --exclude-libs,ALL,--no-as-needed,{torch} $in -o $out",
            "  description = $out",
            f"build {out / '_cuda.so'}: link_cuda {' '.join(device + [objects[source] for source in CUDA_SOURCES])}"
            f" | {torch}",
        ]
    return "\n".join(lines) + "\n"


class NinjaBuild(build_ext):
    """Runs ninja in place of setuptools' compiler, so that each instruction set has flags of its own."""

    def run(self) -> None:
        import ninja

        cuda = cuda_toolkit()
        module = Path(self.get_ext_fullpath("saln_kernels._C")).resolve()
        if self.inplace:
            module = ROOT / "saln_kernels" / module.name
        BUILD.mkdir(parents=True, exist_ok=True)
        module.parent.mkdir(parents=True, exist_ok=True)
        if not self.inplace:  # of an earlier build, for other Pythons or with CUDA
            for left in module.parent.glob("_*.so"):
                left.unlink()
        (BUILD / "build.ninja").write_text(ninja_file(BUILD, module.parent, cuda, torch_headers()))
        executable = str(Path(ninja.BIN_DIR) / "ninja")
        jobs = ["-j", os.environ["MAX_JOBS"]] if "MAX_JOBS" in os.environ else []
        subprocess.run([executable, "-C", str(BUILD), *jobs], check=True)

    def get_outputs(self) -> list[str]:
        folder = Path(self.get_ext_fullpath("saln_kernels._C")).parent
        libraries = [folder / name for name in ("_ops.so", "_cuda.so", *(f"_C{suffix}" for suffix in pythons()))]
        return [str(path) for path in libraries if path.exists()]


class Wheel(bdist_wheel):
    """Tags a wheel with `_C` for the Pythons of SALN_PYTHONS as one for every Python: `_ops.so` asks for none."""

    def get_tag(self) -> tuple[str, str, str]:
        python, abi, platform_tag = super().get_tag()
        platform_tag = for_machine(platform_tag)
        return ("py3", "none", platform_tag) if "SALN_PYTHONS" in os.environ else (python, abi, platform_tag)


if __name__ == "__main__":  # tests and tools read the lists above
    setup(
        version=VERSION,
        ext_modules=[Extension("saln_kernels._C", [])],
        cmdclass={"build_ext": NinjaBuild, "bdist_wheel": Wheel},
    )
