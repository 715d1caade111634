"""Eigenvalues of many small matrices by cuSOLVER's XsyevBatched, called directly, and by CuPy."""

import ctypes
import functools
import site
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

# From cusolver_common.h, cublas_api.h and library_types.h.
NO_VECTORS, LOWER, FLOAT32 = 0, 0, 0
NAMES = ("libcusolver.so.12", "libcusolver.so.11", "libcusolver.so")


class Missing(RuntimeError):
    """A library is not here, or not usable; the message says which and why."""


class Solver:
    """XsyevBatched of one order and batch size, its workspace allocated once."""

    def __init__(self, count: int, order: int, device: torch.device) -> None:
        self._library, self._handle, self._params = _opened(device.index or 0)
        self._count, self._order = count, order
        self._values = torch.empty(count, order, device=device)
        self._info = torch.empty(count, dtype=torch.int32, device=device)
        on_device, on_host = ctypes.c_size_t(), ctypes.c_size_t()
        empty = torch.empty(count, order, order, device=device)
        self._call("cusolverDnXsyevBatched_bufferSize", empty, ctypes.byref(on_device), ctypes.byref(on_host))
        self._device_work = torch.empty(max(1, on_device.value), dtype=torch.uint8, device=device)
        self._host_work = torch.empty(max(1, on_host.value), dtype=torch.uint8)
        self._sizes = on_device.value, on_host.value

    def eigvals(self, matrices: Tensor) -> Tensor:
        """All eigenvalues [count, order], ascending, of contiguous float32 matrices, which it overwrites."""
        stream = torch.cuda.current_stream().cuda_stream
        _check("cusolverDnSetStream", self._library.cusolverDnSetStream(self._handle, ctypes.c_void_p(stream)))
        self._call(
            "cusolverDnXsyevBatched",
            matrices,
            ctypes.c_void_p(self._device_work.data_ptr()),
            ctypes.c_size_t(self._sizes[0]),
            ctypes.c_void_p(self._host_work.data_ptr()),
            ctypes.c_size_t(self._sizes[1]),
            ctypes.c_void_p(self._info.data_ptr()),
        )
        return self._values

    def _call(self, name: str, matrices: Tensor, *rest: Any) -> None:
        if matrices.shape != (self._count, self._order, self._order) or not matrices.is_contiguous():
            raise ValueError(
                f"matrices has shape {list(matrices.shape)}; wanted {[self._count, self._order]} contiguous"
            )
        order = ctypes.c_int64(self._order)
        status = getattr(self._library, name)(
            *(self._handle, self._params, NO_VECTORS, LOWER, order),
            *(FLOAT32, ctypes.c_void_p(matrices.data_ptr()), order),
            *(FLOAT32, ctypes.c_void_p(self._values.data_ptr()), FLOAT32),
            *rest,
            ctypes.c_int64(self._count),
        )
        _check(name, status)


def cupy_eigvals(matrices: Tensor) -> Tensor:
    """All eigenvalues [C, b], ascending, on PyTorch's stream."""
    cupy = _cupy()
    with cupy.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream):
        values = cupy.linalg.eigvalsh(cupy.from_dlpack(matrices))
    found: Tensor = torch.from_dlpack(values)
    return found


def _cupy() -> Any:
    try:
        import cupy
    except ImportError as error:
        raise Missing(f"CuPy is not installed: {error}") from error
    return cupy


def _check(name: str, status: int) -> None:
    if status:
        raise Missing(f"{name} returned status {status}")


@functools.cache
def _opened(device: int) -> tuple[ctypes.CDLL, ctypes.c_void_p, ctypes.c_void_p]:
    if not torch.cuda.is_available():
        raise Missing("cuSOLVER needs a GPU, and PyTorch sees none")
    library = _library()
    if not hasattr(library, "cusolverDnXsyevBatched"):
        raise Missing("this cuSOLVER has no XsyevBatched (it came with CUDA 12.6)")
    handle, params = ctypes.c_void_p(), ctypes.c_void_p()
    with torch.cuda.device(device):
        _check("cusolverDnCreate", library.cusolverDnCreate(ctypes.byref(handle)))
        _check("cusolverDnCreateParams", library.cusolverDnCreateParams(ctypes.byref(params)))
    return library, handle, params


def _library() -> ctypes.CDLL:
    reasons = []
    for path in _paths():
        try:
            return ctypes.CDLL(path)
        except OSError as error:
            reasons.append(str(error))
    raise Missing(f"no libcusolver loads: {'; '.join(reasons)}")


def _paths() -> Iterator[str]:
    yield from NAMES
    for folder in site.getsitepackages():
        yield from map(str, sorted(Path(folder).glob("nvidia/*/lib/libcusolver.so.*")))
