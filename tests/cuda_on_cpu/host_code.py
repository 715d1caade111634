"""What launches the CUDA kernels, from the torch ops to the runtime, with nobody in between but a fake GPU.

Collected by test_cuda_host_code.py alone, in a process of its own.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

import saln_kernels
from cases import Case, make
from contract import checks
from contract.backends import Backend
from contract.calls import Call, Found, serve
from cuda_on_cpu.fake_gpu import FakeGpu
from saln_kernels.backends import native
from saln_kernels.matrices import Problem

F32, F64 = torch.float32, torch.float64
ALL_SHARED = 227 << 10
GREEDY: dict[str, Callable[..., Any]] = {
    name: getattr(saln_kernels, name) for name in ("greedy_logdet", "maxvol", "k_center")
}
# Of each: number of rows, width, dtype, solver.
KERNELS = {
    "registers32": (9, 20, F32, "exact"),
    "registers64": (40, 50, F32, "exact"),
    "registers128": (66, 70, F32, "exact"),
    "shared": (130, 140, F32, "exact"),
    "global_double": (20, 30, F64, "exact"),
    "matrix_free": (90, 70, F32, "randomized"),
}


@pytest.fixture(scope="module")
def gpu() -> FakeGpu:
    native.require()
    return FakeGpu()


@pytest.fixture(autouse=True)
def as_before(gpu: FakeGpu) -> None:
    """Device 0 is current, on its default stream, nothing fails and nothing is recorded."""
    gpu.fail("")
    gpu.use_stream(0)
    gpu.load_torch_cuda(True)
    gpu.device = 0
    gpu.record()


def there(gpu: FakeGpu, device: int, call: Call) -> Call:
    """A call with its tensors on a device."""
    if isinstance(call.problem, Tensor):
        return replace(call, problem=gpu.on(device, call.problem))
    parts = (gpu.on(device, part) if isinstance(part, Tensor) else part for part in call.problem)
    return replace(call, problem=Problem(*parts))


def answer(gpu: FakeGpu, device: int, *calls: Call) -> list[Found]:
    """What the ops say on a device."""
    found = [serve(native.OPS, there(gpu, device, call)) for call in calls]
    return [Found(*(gpu.off(part) if part.is_cuda else part for part in vars(one).values())) for one in found]


def problem(kernel: str, **options: Any) -> Call:
    """A call that a kernel serves."""
    b, d, dtype, solver = KERNELS[kernel]
    case = make(b, d, dtype=dtype, **({"count": 2} | options))
    return Call(case.problem, k=2, solver=solver, n_iter=3 if solver == "randomized" else 0)


def plan(call: Call) -> saln_kernels.Plan:
    """As planned for an H100, which three of the devices are."""
    assert isinstance(call.problem, Problem)
    how = {"solver": call.solver, "n_iter": call.n_iter or None, "backend": "cuda"}
    return saln_kernels.plan(
        saln_kernels.topk_eigvals, call.problem.features, call.problem.candidates, call.k, return_bounds=True, **how
    )


def test_pytorch_without_cuda(gpu: FakeGpu) -> None:
    """Before any stream is known."""
    gpu.load_torch_cuda(False)
    with pytest.raises(RuntimeError, match="this PyTorch does not say which CUDA stream is current"):
        answer(gpu, 0, problem("registers32"))
    assert gpu.launches() == []
    assert gpu.device == 0
    gpu.load_torch_cuda(True)
    answer(gpu, 0, problem("registers32"))


def test_an_error_names_its_step(gpu: FakeGpu) -> None:
    """On a device that nobody has used; what failed is tried again."""
    call = problem("registers32")
    steps = {
        "cudaDeviceGetAttribute": "device attribute",
        "cudaSetDevice": "device",
        "cudaFuncSetAttribute shared": "shared memory",
        "cudaFuncSetAttribute carve-out": "carve-out of shared memory",
        "cudaLaunchKernelEx": "launch",
    }
    for name, step in steps.items():
        gpu.fail(name)
        with pytest.raises(RuntimeError, match=f"saln_kernels: {step}: invalid argument"):
            answer(gpu, 3, call)
        assert gpu.record()[-1][-1] == "refused"
        assert gpu.device == 0
    gpu.fail("")
    checks.check(Backend("fake GPU", lambda *calls: answer(gpu, 3, *calls)), call)
    with pytest.raises(RuntimeError, match="saln_kernels: device attribute: invalid device ordinal"):
        answer(gpu, 7, call)


def test_every_op(gpu: FakeGpu) -> None:
    """Results are right, of tensors with any strides."""
    case = make(13, 16, count=3, similarity="gradient", center=True, quality=True, index=torch.int32)
    wide = case.features.new_zeros(16, len(case.features)).T.copy_(case.features)
    one = case.problem._replace(features=wide, candidates=case.candidates.T.contiguous().T)
    graph = make(40, 20, count=2, similarity="cosine", laplacian="symmetric").problem
    square = torch.randn(3, 20, 20)
    calls = [
        Call(one, "gram"),
        Call(one, "eigvals", k=3),
        Call(one, "eigh", k=3),
        Call(graph, "fiedler"),
        *(Call(one, "score", k=3, criterion=name) for name in ("effective_rank", "logdet")),
        *(Call(square + square.mT, name, k=4) for name in ("eigvals", "eigh")),
        *(problem(kernel) for kernel in KERNELS),
    ]
    checks.check(Backend("fake GPU", lambda *calls: answer(gpu, 1, *calls)), *calls)
    assert len(gpu.launches()) == len(calls)


@pytest.mark.parametrize("kernel", KERNELS)
def test_launch_is_as_planned(gpu: FakeGpu, kernel: str) -> None:
    """Grid, threads and shared memory; a kernel of its own; the workspace from PyTorch's allocator."""
    call = problem(kernel)
    wanted = plan(call).launch
    assert wanted is not None
    assert wanted.kernel == kernel
    gpu.allocated.clear()
    answer(gpu, 0, call)
    [launch] = gpu.launches()
    assert (launch["grid"], launch["threads"], launch["shared"]) == (wanted.grid, wanted.threads, wanted.shared_bytes)
    others = [name for name in KERNELS if name != kernel]
    answer(gpu, 0, *map(problem, others))
    assert launch["kernel"] not in [other["kernel"] for other in gpu.launches()]
    workspace = gpu.allocated[2:3] if kernel in ("global_double", "matrix_free") else []
    assert all(size > 0 and size % (256 * wanted.grid) == 0 for size in workspace)


def test_parts(gpu: FakeGpu) -> None:
    """Two launches on one stream: the blocks that form the matrices, and those that solve them."""
    call = Call(make(260, 300, count=2, padding=0.9).problem, "score", criterion="nuclear_norm")
    assert isinstance(call.problem, Problem)
    features, candidates = call.problem.features, call.problem.candidates
    planned = saln_kernels.plan(saln_kernels.score_batches, features, candidates, "nuclear_norm", backend="cuda")
    assert planned.launch is not None
    gpu.use_stream(3)
    gpu.allocated.clear()
    checks.check(Backend("fake GPU", lambda *calls: answer(gpu, 1, *calls)), call)
    former, latter = gpu.launches()
    assert (former["grid"], former["threads"]) == (2 * 3, 256)  # two triangles and a rectangle each
    assert (latter["grid"], latter["threads"]) == (planned.launch.grid, planned.launch.threads) == (2, 512)
    assert former["kernel"] != latter["kernel"]
    assert {launch["stream"] for launch in (former, latter)} == {16 + 3}
    assert planned.workspace_bytes in gpu.allocated


@pytest.mark.parametrize("method", GREEDY)
@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
def test_greedy(gpu: FakeGpu, method: str, dtype: torch.dtype) -> None:
    case: Case = make(40, 20, count=3, dtype=dtype)
    own = {"greedy_logdet": (1.0,), "maxvol": (1.05, 100), "k_center": (None,)}[method]
    wanted = saln_kernels.plan(GREEDY[method], case.features, case.candidates, 6, backend="cuda").launch
    call = there(gpu, 2, Call(case.problem._replace(gamma=0.0)))
    gpu.use_stream(5)
    positions, gains = getattr(native.OPS, method)(call.problem, 6, *own)
    [launch] = gpu.launches()
    assert wanted is not None
    assert {name: launch[name] for name in ("grid", "threads", "shared", "device", "stream")} == {
        "grid": wanted.grid, "threads": wanted.threads, "shared": wanted.shared_bytes, "device": 2, "stream": 37,
    }  # fmt: skip
    truth = GREEDY[method](case.features, case.candidates, 6, backend="reference")
    assert torch.equal(gpu.off(positions), truth.positions)
    torch.testing.assert_close(gpu.off(gains), truth.gains, rtol=1e-4, atol=1e-4)


def test_stream_is_the_current_one(gpu: FakeGpu) -> None:
    for number, handle in ((3, 16 + 3), (0, 0)):
        gpu.use_stream(number)
        answer(gpu, 1, problem("registers32"))
        assert [launch["stream"] for launch in gpu.launches()] == [handle]


def test_device_is_the_tensors(gpu: FakeGpu) -> None:
    """Whichever is current, which it still is afterwards; and it is planned for."""
    call = problem("registers32", count=20)
    for current, device in ((0, 2), (2, 0), (1, 1)):
        gpu.device = current
        answer(gpu, device, call)
        assert [launch["device"] for launch in gpu.launches()] == [device]
        assert gpu.device == current
    wanted = plan(call).launch
    assert wanted is not None
    answer(gpu, 3, call)
    [launch] = gpu.launches()
    assert (launch["device"], launch["grid"]) == (3, min(20, wanted.blocks_per_multiprocessor))


def attributes(gpu: FakeGpu) -> list[list[str]]:
    """The function attributes that were set: what, kernel, device, value."""
    return sorted(words[1:] for words in gpu.record() if words[0] == "cudaFuncSetAttribute")


def test_attributes_are_set_once_a_kernel_and_device(gpu: FakeGpu) -> None:
    """Also by threads that come at once, to a kernel that nobody has used."""
    case = make(90, 70, count=1, dtype=F64)
    call = Call(case.problem, solver="randomized", n_iter=3)
    for device in (1, 2):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda device: answer(gpu, device, call), 8 * [device]))
        (carve_out, *of), (shared, *of_shared) = attributes(gpu)
        assert (carve_out, shared) == ("carve-out", "shared")
        assert (of[1:], of_shared[1:]) == ([str(device), "100"], [str(device), str(ALL_SHARED)])
        answer(gpu, device, call)
        assert attributes(gpu) == []


def test_what_is_not_on_the_device_is_refused(gpu: FakeGpu) -> None:
    call = problem("registers32")
    features, candidates = call.problem.features, call.problem.candidates
    for elsewhere in (candidates, gpu.on(2, candidates)):
        mixed = call.problem._replace(features=gpu.on(1, features), candidates=elsewhere)
        with pytest.raises(RuntimeError, match="candidates: expected the device of features"):
            native.OPS.gram(mixed)
    assert gpu.record() == []


def test_nothing_to_do(gpu: FakeGpu) -> None:
    call = problem("registers32")
    nobody = there(
        gpu, 1, replace(call, problem=call.problem._replace(candidates=torch.empty(0, 9, dtype=torch.int64)))
    )
    assert native.OPS.gram(nobody.problem).shape == (0, 9, 9)
    positions, _ = native.OPS.greedy_logdet(there(gpu, 1, call).problem, 0, 1.0)
    assert positions.shape == (2, 0)
    assert gpu.record() == []
