"""The CUDA library, beside the op library or in a package of its own: what it was built for, whether it serves."""

import functools
import importlib.util
import json
import mmap
from pathlib import Path
from typing import NamedTuple

import torch

from saln_kernels.backends.schemas import NAMESPACE

LIBRARY = Path(__file__).parents[1] / "_cuda.so"
PACKAGE = "saln_kernels_cu13"  # which has the library for a saln_kernels without
BUILD = "SALN_CUDA=1 pip install --no-build-isolation -e ."

_MARK = f"{NAMESPACE}_cuda_build {{".encode()


class Build(NamedTuple):
    """What the library was built with and for."""

    version: str  # of saln_kernels
    nvcc: str
    archs: tuple[str, ...]  # machine code: "80" for 8.x, "90a" for 9.0 alone
    ptx: str  # what later GPUs compile for themselves, "" if nothing

    def serves(self, capability: tuple[int, int]) -> bool:
        """Whether a GPU of this compute capability can run it."""
        if self.ptx and capability >= divmod(int(self.ptx), 10):
            return True
        return any(_runs(arch, capability) for arch in self.archs)

    def __str__(self) -> str:
        return ", ".join(f"sm_{arch}" for arch in self.archs) + f" and PTX of compute_{self.ptx}" * bool(self.ptx)


def _runs(arch: str, capability: tuple[int, int]) -> bool:
    digits = arch.rstrip("af")
    major, minor = divmod(int(digits), 10)
    if digits != arch:
        return capability == (major, minor)
    return capability[0] == major and capability[1] >= minor


def library() -> Path:
    """The library beside the op library, or that of the package where there is none."""
    spec = None if LIBRARY.exists() else importlib.util.find_spec(PACKAGE)
    theirs = [Path(folder) / "_cuda.so" for folder in (spec and spec.submodule_search_locations) or ()]
    return next(filter(Path.exists, theirs), LIBRARY)


def load() -> Build | str:
    """Load the library: what it was built for, or why it cannot be loaded and what to do."""
    if not hasattr(getattr(torch.ops, NAMESPACE), "gram"):
        return "the native library, which it completes, is not loaded"
    from saln_kernels import __version__

    file, install = library(), f"pip install {PACKAGE.replace('_', '-')}=={__version__}"
    if not file.exists():
        built = f"({file.name} is not built): `{install}`, or build it where nvcc is with `{BUILD}`"
        return f"saln_kernels has no CUDA library {built}"
    remedy = f"rebuild it with `{BUILD}`" if file == LIBRARY else f"`{install}`"
    try:
        found = read(file)
        if found.version != __version__:
            return f"{file.name} is of saln_kernels {found.version}, not {__version__}: {remedy}"
        torch.ops.load_library(str(file))  # type: ignore[no-untyped-call]
    except (OSError, RuntimeError, ValueError) as error:
        return f"the CUDA library of saln_kernels does not load ({cause(error)}): {remedy}"
    return found


def cause(error: BaseException) -> BaseException:
    """What the loader said: PyTorch raises its own error from it, which says no more than which file it was."""
    return cause(error.__cause__) if error.__cause__ is not None else error


@functools.cache
def loaded() -> Build | str:
    """What `load` says, which is asked once a process: at import where there can be tensors for it, else when asked."""
    return load()


def read(library: Path) -> Build:
    """What a library says of itself, without loading it; ValueError where it says nothing."""
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = content.find(_MARK)
        if at < 0:
            raise ValueError(f"{library.name} is no CUDA library of saln_kernels")
        found = json.loads(content[at + len(_MARK) - 1 : content.find(b"}", at) + 1])
    return Build(found["version"], found["nvcc"], tuple(found["archs"].split()), found["ptx"])


def missing() -> str | None:
    """None where the library is loaded, else why it is not and what to do."""
    found = loaded()
    return found if isinstance(found, str) else None


def build() -> Build | None:
    """What the loaded library was built for."""
    found = loaded()
    return None if isinstance(found, str) else found


@functools.cache
def unserved(index: int) -> str | None:
    """None where the loaded library runs on this GPU, else why not."""
    found = loaded()
    if isinstance(found, str):
        return found
    capability = torch.cuda.get_device_capability(index)
    if found.serves(capability):
        return None
    digits = "".join(map(str, capability))
    return (
        f"{LIBRARY.name} holds code for {found}, and {torch.cuda.get_device_name(index)} is sm_{digits}: "
        f"rebuild it with `{BUILD}`"
    )


def gpus() -> tuple[str, ...]:
    """The GPUs that PyTorch sees, each with its compute capability."""
    if not torch.cuda.is_available():
        return ()
    return tuple(
        f"{torch.cuda.get_device_name(index)} (sm_{''.join(map(str, torch.cuda.get_device_capability(index)))})"
        for index in range(torch.cuda.device_count())
    )


def no_gpu() -> str:
    """Why PyTorch sees no GPU."""
    if torch.version.cuda is None:
        return f"PyTorch {torch.__version__} is built without CUDA"
    return f"PyTorch {torch.__version__} sees no GPU"
