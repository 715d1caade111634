"""Calls of the CUDA kernels, run on the CPU thread by thread."""

import os
import struct
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from contract import calls
from cuda_on_cpu.build import HERE, LAUNCHES, on_cpu
from cuda_on_cpu.on_gpu import driver
from programs import Source, run, with_lines
from saln_kernels.matrices import Problem, result_dtype

ARRAY = "7q16s"
REQUEST = struct.Struct("<" + 5 * ARRAY + "11q2d" + 6 * "32s")
RESPONSE = struct.Struct("<10q32s")


@dataclass
class Call(calls.Call):
    """An op's arguments, and how to run it."""

    grid: int = 0  # blocks; 0 as planned
    backward: bool = False  # blocks and threads run the other way round
    shared_limit: int = 0  # bytes of shared memory a block may have; 0 as an H100


@dataclass
class Result(calls.Found):
    """What came back, and which kernel it came from."""

    kernel: str = field(kw_only=True)
    grid: int = field(kw_only=True)
    threads: int = field(kw_only=True)
    shared_bytes: int = field(kw_only=True)
    workspace_bytes: int = field(kw_only=True)
    near_is_shared: bool = field(kw_only=True)  # a candidate's vectors are in shared memory, not in the workspace
    basis_is_shared: bool = field(kw_only=True)  # so is the Krylov basis
    parts: int = field(kw_only=True)  # of the columns, by which blocks of their own formed the Gram matrix, or 0
    call: Call = field(kw_only=True, repr=False)

    @property
    def place(self) -> str:
        """The kernel, "apart" where a candidate's vectors are not in shared memory."""
        return self.kernel if self.near_is_shared else f"{self.kernel}, apart"


@cache
def simulator(sanitizer: str) -> Path:
    """The program that runs calls, under a sanitizer."""
    return on_cpu("simulator", [Source(HERE / "driver.cpp"), *LAUNCHES], sanitizer)


def simulate(*given: Call, sanitizer: str = "address") -> list[Result]:
    """Run every call in one process; a fault of any fails with what the sanitizer says.

    With SALN_GPU_DRIVER they run on a GPU instead, by that program of gpu_driver.py.
    """
    on_gpu = os.environ.get("SALN_GPU_DRIVER")
    if on_gpu:
        answers = b"".join(driver(on_gpu).answer(encode(call), RESPONSE) for call in given)
    else:
        done = run(simulator(sanitizer), given=b"".join(map(encode, given)))
        assert done.returncode == 0, with_lines(done.stderr.decode()[:20000])
        answers = done.stdout
    results, at = [], 0
    for call in given:
        result, at = decode(call, answers, at)
        results.append(result)
    assert at == len(answers)
    return results


def span(tensor: Tensor) -> bytes:
    """The bytes from a tensor's first element to its last, in its storage."""
    last = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    count = last + 1 if tensor.numel() else 0
    flat = torch.as_strided(tensor, (count,), (1,), tensor.storage_offset())
    return flat.contiguous().view(torch.uint8).numpy().tobytes()


def array(tensor: Tensor | None) -> tuple[tuple[object, ...], bytes]:
    """The fields of an Array and its bytes."""
    if tensor is None:
        return (0, 0, 0, 0, 0, 0, 0, b""), b""
    data = span(tensor)
    matrix = tensor.unsqueeze(1) if tensor.dim() == 1 else tensor
    shape, stride = matrix.shape[-2:], matrix.stride()[-2:]
    dtype = str(tensor.dtype).removeprefix("torch.").encode()
    fields = (len(data), tensor.data_ptr() % 16, tensor.element_size(), *shape, *stride, dtype)
    return fields, data


def encode(call: Call) -> bytes:
    """A Request and what follows it."""
    given = isinstance(call.problem, Tensor)
    if isinstance(call.problem, Tensor):
        matrices = call.problem
        problem = Problem(torch.empty(0, 1), torch.empty(0, 0, dtype=torch.int64), similarity="given")
        count, b, stride = matrices.shape[0], matrices.shape[1], matrices.stride(0)
    else:
        matrices, problem, stride = None, call.problem, 0
        count, b = problem.candidates.shape
    sources = (
        None if given else problem.features,
        matrices,
        None if given else problem.candidates,
        problem.residuals,
        problem.quality,
    )
    fields, data = zip(*map(array, sources), strict=True)
    names = (problem.similarity, problem.laplacian, problem.negative, call.output, call.solver, call.criterion)
    numbers = (stride, count, b, problem.center, problem.allow_tf32, call.k, call.n_iter, call.seed, call.grid)
    header = REQUEST.pack(
        *(x for array_fields in fields for x in array_fields),
        *map(int, numbers),
        int(call.backward),
        call.shared_limit,
        problem.gamma,
        call.parameter,
        *(name.encode() for name in names),
    )
    return header + b"".join(data)


def decode(call: Call, data: bytes, at: int) -> tuple[Result, int]:
    """A Result from position `at` on, and where it ends."""
    *sizes, near, basis, parts, grid, threads, shared_bytes, workspace_bytes, kernel = RESPONSE.unpack_from(data, at)
    at += RESPONSE.size
    if isinstance(call.problem, Tensor):
        dtype, (count, b) = result_dtype(call.problem.dtype), call.problem.shape[:2]
    else:
        dtype, (count, b) = result_dtype(call.problem.features.dtype), call.problem.candidates.shape
    shapes = {
        "gram": ((count, b, b), (0,), (0,)),
        "eigvals": ((count, call.k), (0,), (count, call.k)),
        "eigh": ((count, call.k), (count, b, call.k), (count, call.k)),
        "fiedler": ((count,), (count, b), (count,)),
        "score": ((count,), (0,), (0,)),
    }[call.output]
    tensors = []
    for size, shape in zip(sizes, shapes, strict=True):
        part = torch.frombuffer(bytearray(data[at : at + size]), dtype=dtype) if size else torch.empty(0, dtype=dtype)
        tensors.append(part.reshape(shape))
        at += size
    name = kernel.split(b"\0")[0].decode()
    return Result(
        *tensors,
        kernel=name,
        grid=grid,
        threads=threads,
        shared_bytes=shared_bytes,
        workspace_bytes=workspace_bytes,
        near_is_shared=bool(near),
        basis_is_shared=bool(basis),
        parts=parts,
        call=call,
    ), at
