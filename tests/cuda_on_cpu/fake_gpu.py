"""The CUDA library over the host shim, in this process: its ops take tensors "on CUDA" of host memory.

Loading it replaces how PyTorch makes tensors there, so it is for processes of their own: host_code.py.
"""

import ctypes
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import setup
from cuda_on_cpu.build import CSRC, HERE, LAUNCHES, for_host
from programs import Source, program

INCLUDE, LIB = (Path(torch.__path__[0]) / name for name in ("include", "lib"))
DTYPES = {torch.uint8: 0, torch.int32: 3, torch.int64: 4, torch.float16: 5, torch.float32: 6, torch.float64: 7} | {
    torch.bfloat16: 15
}  # numbers of c10::ScalarType
CAPSULE = ctypes.pythonapi.PyCapsule_New
CAPSULE.restype, CAPSULE.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


def library() -> Path:
    """Everything of `_cuda.so`, over the shim."""
    major, minor = map(int, setup.TORCH_TARGET.split("."))
    names = ("VERSION", "NVCC", "CUDA_ARCHS", "CUDA_PTX")
    defines = " ".join(f"-DSALN_{name}='\"\"'" for name in names)
    target = f"-DTORCH_TARGET_VERSION=0x{major:02x}{minor:02x}000000000000ULL"
    sources = [
        *LAUNCHES,
        *(Source(CSRC / name) for name in ("core/greedy_plan.cpp", "cuda/plan/greedy_plan.cpp")),
        Source(CSRC / "cuda/greedy/greedy.cu", "-x c++"),
        Source(CSRC / "cuda/launch/ops.cpp", f"-isystem {INCLUDE} {target} {defines}"),
        Source(HERE / "runtime/torch_cuda.cpp", f"-isystem {INCLUDE}"),
    ]
    return program("fake_gpu", for_host(sources, "-fPIC"), f"-shared -Wl,--no-as-needed -L{LIB} -ltorch_cpu -lc10")


class FakeGpu:
    """Four devices; the last has a single multiprocessor."""

    def __init__(self) -> None:
        path = str(library())
        torch.ops.load_library(path)
        self._library = ctypes.CDLL(path)
        self._library.saln_take_record.restype = ctypes.c_char_p
        self._library.saln_tensor_on.restype = ctypes.c_void_p
        self._memory: dict[int, Tensor] = {}  # on the CPU, by its address
        self.allocated: list[int] = []  # bytes of what the ops have made
        self._aten = torch.library.Library("aten", "IMPL")
        self._aten.impl("empty.memory_format", self._empty, "CUDA")

    def on(self, device: int, tensor: Tensor) -> Tensor:
        """A tensor's memory as one of a device."""
        last = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
        size, dims = (last + 1) * tensor.itemsize, ctypes.c_int64 * tensor.dim()
        self._memory[tensor.data_ptr()] = tensor
        handle = self._library.saln_tensor_on(
            device,
            ctypes.c_void_p(tensor.data_ptr()),
            ctypes.c_int64(size),
            ctypes.c_int64(tensor.dim()),
            dims(*tensor.shape),
            dims(*tensor.stride()),
            DTYPES[tensor.dtype],
        )
        return torch._C._aoti.alloc_tensor_by_stealing_from_void_ptr(CAPSULE(handle, None, None))

    def off(self, tensor: Tensor) -> Tensor:
        """What it holds."""
        return self._memory[tensor.data_ptr()].clone() if tensor.numel() else torch.empty(0).new_empty(tensor.shape)

    def _empty(self, size: list[int], *, dtype: torch.dtype, device: torch.device, **_: Any) -> Tensor:
        made = torch.empty(size, dtype=dtype)
        made.view(-1).view(torch.uint8).fill_(0xFF)  # NaN until written
        self.allocated.append(made.nbytes)
        return self.on(device.index, made)

    def record(self) -> list[list[str]]:
        """The words of every call of the runtime since the last time."""
        return [line.split() for line in self._library.saln_take_record().decode().splitlines()]

    def launches(self) -> list[dict[str, int]]:
        """The launches among them: kernel (a number of its own), device, grid, threads, shared bytes, stream."""
        names = ("kernel", "device", "grid", "threads", "shared", "stream")
        found = [words[1:] for words in self.record() if words[0] == "cudaLaunchKernelEx"]
        return [dict(zip(names, map(int, words), strict=True)) for words in found]

    def fail(self, call: str) -> None:
        """The call of the runtime that fails from now on; "" is none."""
        self._library.saln_fail(call.encode())

    def use_stream(self, number: int) -> None:
        """The current stream of every device; 0 is the default one."""
        self._library.saln_use_stream(number)

    def load_torch_cuda(self, loaded: bool) -> None:
        """Whether PyTorch has its CUDA library."""
        self._library.saln_load_torch_cuda(loaded)

    @property
    def device(self) -> int:
        """PyTorch's current device."""
        return int(self._library.saln_current_device())

    @device.setter
    def device(self, number: int) -> None:
        self._library.saln_set_device(number)
