"""What is installed here, and what a call would run. Nothing is computed."""

import dataclasses
import importlib
import platform
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import torch
from torch import Tensor

from saln_kernels import validate
from saln_kernels.backends import cuda, native
from saln_kernels.backends import protocol as backends

What = Literal["gram", "eigvals", "eigh", "fiedler", "score"]
_WHATS = ("gram", "eigvals", "eigh", "fiedler", "score")


@dataclass(frozen=True)
class BuildInfo:
    """What this installation is made of."""

    version: str
    torch: str
    python: str
    compiler: str
    torch_target: str  # oldest PyTorch the op library serves
    cpu_isa_compiled: tuple[str, ...]
    cpu_isa_in_use: str
    cuda_archs: tuple[str, ...]  # machine code, "90a" say
    cuda_ptx: str  # what later GPUs compile for themselves
    nvcc: str
    gpus: tuple[str, ...]  # that PyTorch sees
    backends: tuple[backends.Status, ...]
    missing: tuple[str, ...]  # what is not there, and how to get it

    def as_dict(self) -> dict[str, Any]:
        """The same as plain dicts, lists and strings, ready for JSON."""
        fields = dataclasses.asdict(self)
        fields["backends"] = [status._asdict() for status in self.backends]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}

    def __str__(self) -> str:
        lines = [
            f"saln_kernels {self.version}",
            f"  python        {self.python}",
            f"  torch         {self.torch} (op library for {self.torch_target or 'none'} and later)",
            f"  compiler      {self.compiler or 'none'}",
            f"  CPU code      {', '.join(self.cpu_isa_compiled) or 'none'}; in use: {self.cpu_isa_in_use or 'none'}",
            f"  CUDA code     {_cuda_words(self.cuda_archs, self.cuda_ptx, self.nvcc)}",
            f"  GPUs          {', '.join(self.gpus) or 'none'}",
        ]
        for status in self.backends:
            lines.append(f"  {status.name:<13} {'serves' if status.serves else 'does not serve'}: {status.reason}")
        lines += [f"  missing       {text}" for text in self.missing]
        return "\n".join(lines)


def _cuda_words(archs: tuple[str, ...], ptx: str, nvcc: str) -> str:
    return f"{cuda.Build('', nvcc, archs, ptx)} (nvcc {nvcc})" if archs else "none"


@dataclass(frozen=True)
class Launch:
    """What a kernel occupies on a GPU."""

    kernel: str  # named after what holds the matrix while it is solved
    grid: int  # blocks
    threads: int  # a block
    registers: int  # a thread, as compiled for sm_90a
    shared_bytes: int  # a block
    blocks_per_multiprocessor: int

    def __str__(self) -> str:
        return (
            f"{self.grid} blocks of {self.threads} threads, {self.blocks_per_multiprocessor} a multiprocessor: "
            f"{self.registers} registers a thread, {self.shared_bytes} bytes of shared memory a block"
        )


@dataclass(frozen=True)
class Plan:
    """What a call would run, why, and its predicted cost."""

    backend: str
    solver: str
    layout: str  # on a CPU how matrices sit in SIMD registers, one a lane or SIMD inside one; on a GPU the kernel
    side: str  # of the Gram matrix [b, b] or the covariance [d, d]
    n_iter: int  # Lanczos steps, 0 if exact
    flops: float  # operations
    bytes: float  # read and written
    workspace_bytes: int  # over inputs and outputs, all threads
    seconds: float  # predicted
    reason: str
    floor_seconds: float | None = None  # that no program beats; known of a GPU
    floor_by: str | None = None  # what the floor is made of
    launch: Launch | None = None  # on a GPU

    def as_dict(self) -> dict[str, Any]:
        """The same as a plain dict, ready for JSON."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        steps = f", {self.n_iter} steps" if self.n_iter else ""
        lines = [
            f"{self.backend}: {self.solver} solver{steps}, {self.layout} layout, {self.side} side",
            f"  {self.flops:.3g} operations, {self.bytes:.3g} bytes, {self.workspace_bytes} bytes of workspace, "
            f"about {self.seconds:.3g} s",
        ]
        if self.floor_seconds is not None:
            lines.append(f"  at least {self.floor_seconds:.3g} s, by {self.floor_by}")
        if self.launch is not None:
            lines.append(f"  {self.launch}")
        return "\n".join([*lines, f"  {self.reason}"])


def build_info() -> BuildInfo:
    """Versions, compiled architectures, the CPU instruction set in use, what is missing and how to get it.

    Returns
    -------
    BuildInfo
        A dataclass; `print` it to read it, `as_dict()` to store it.

    Examples
    --------
    >>> from saln_kernels import build_info
    >>> [status.name for status in build_info().backends]
    ['cpu', 'cuda', 'triton', 'reference']
    """
    missing = []
    reason = native.missing()
    if reason is not None:
        missing.append(reason)
    try:
        found: dict[str, Any] = _bindings().build_info()
    except RuntimeError as error:
        missing.append(str(error))
        found = {}
    library = cuda.build()
    if reason is None and library is None:
        missing.append(str(cuda.missing()))
    return BuildInfo(
        version=str(found.get("version", "unknown")),
        torch=torch.__version__,
        python=platform.python_version(),
        compiler=str(found.get("compiler", "")),
        torch_target=str(found.get("torch_target", "")),
        cpu_isa_compiled=tuple(found.get("cpu_isa_compiled", ())),
        cpu_isa_in_use=str(found.get("cpu_isa_in_use", "")),
        cuda_archs=library.archs if library else (),
        cuda_ptx=library.ptx if library else "",
        nvcc=library.nvcc if library else "",
        gpus=cuda.gpus(),
        backends=backends.table(),
        missing=tuple(missing),
    )


def plan(
    features: Tensor,
    candidates: Tensor,
    k: int | None = None,
    *,
    criterion: str | None = None,
    q: float = 1.0,
    sigma: float = 1.0,
    what: What | None = None,
    similarity: str = "linear",
    center: bool = False,
    gamma: float | None = None,
    residuals: Tensor | None = None,
    quality: Tensor | None = None,
    laplacian: str | None = None,
    negative: str = "clamp",
    solver: str = "auto",
    n_iter: int | None = None,
    backend: str | None = None,
) -> Plan:
    """What a call with these arguments would run, why, and its predicted cost.

    Runs nothing and reads no tensor's values: shapes and dtypes decide, so tensors on the meta device will do.

    Parameters
    ----------
    features, candidates, k, similarity, center, gamma, residuals, quality, laplacian, negative, solver, n_iter
        As in `topk_eigvals`.
    criterion, q, sigma
        As in `score_batches`; no criterion means no score.
    what : str, optional
        "gram", "eigvals", "eigh", "fiedler" or "score". If None: "score" if there is a criterion, "eigvals" if there
        is a k, else "gram".
    backend : str, optional
        "cpu" or "cuda"; if None, by the device of features, and "cpu" for tensors on the meta device. "cuda" takes no
        GPU: it speaks of the one the features are on, else of an H100, whose rates it uses in any case.

    Returns
    -------
    Plan
        solver, layout, side, n_iter, flops, bytes, workspace_bytes, seconds (predicted) and the reason; for "cuda" also
        the floor, what makes it, and what the kernel occupies.

    Raises
    ------
    TypeError, ValueError
        As in `topk_eigvals`.
    RuntimeError
        The native code is not built.

    Examples
    --------
    >>> import torch
    >>> from saln_kernels import plan
    >>> features = torch.empty(32768, 512, device="meta")
    >>> candidates = torch.empty(4096, 64, dtype=torch.int64, device="meta")
    >>> plan(features, candidates, k=8, solver="exact").solver
    'exact'
    """
    if what is None:
        what = "score" if criterion is not None else "eigvals" if k is not None else "gram"
    else:
        validate.choice("what", what, _WHATS)
    if what == "score" and criterion is None:
        criterion = "effective_rank"
    if laplacian is None and (what == "fiedler" or criterion == "algebraic_connectivity"):
        laplacian = "unnormalized"
    problem = validate.problem(
        features,
        candidates,
        similarity=similarity,
        center=center,
        gamma=gamma,
        residuals=residuals,
        quality=quality,
        laplacian=laplacian,
        negative=negative,
        check_bounds=False,
    )
    validate.order(problem, values_only=what not in ("gram", "eigh"))
    count, b = candidates.shape
    if criterion is None:
        criterion, parameter = "effective_rank", 0.0
    else:
        criterion, k, parameter = validate.criterion(criterion, k, q, sigma, b)
    k = b if k is None else validate.top(k, b)
    solver, steps, _ = validate.solver_options(solver, n_iter, 0)
    if backend is None:
        backend = "cuda" if features.device.type == "cuda" else "cpu"
    validate.choice("backend", backend, ("cpu", "cuda"), "None or ")
    bindings = _bindings()
    asked = bindings.Asked(
        N=features.shape[0],
        C=count,
        b=b,
        d=features.shape[1],
        k=k,
        dtype=str(features.dtype).removeprefix("torch."),
        similarity=similarity,
        center=center,
        laplacian=problem.laplacian,
        what=what,
        criterion=criterion,
        parameter=parameter,
        solver=solver,
        n_iter=steps,
        residual_width=0 if residuals is None else residuals.shape[1],
        negative=problem.negative,
        quality=quality is not None,
    )
    if backend == "cpu":
        found = bindings.plan(asked, torch.get_num_threads())
    else:
        found = bindings.cuda_plan(asked, _gpu(features.device))
    launch = found.get("launch")
    return Plan(
        backend=backend,
        solver=str(found["solver"]),
        layout=str(found["layout"]),
        side=str(found["side"]),
        n_iter=int(found["n_iter"]),
        flops=float(found["flops"]),
        bytes=float(found["bytes"]),
        workspace_bytes=int(found["workspace_bytes"]),
        seconds=float(found["seconds"]),
        reason=str(found["reason"]),
        floor_seconds=found.get("floor_seconds"),
        floor_by=found.get("floor_by"),
        launch=None if launch is None else Launch(**launch),
    )


def _gpu(device: torch.device) -> dict[str, int]:
    """What is not as on an H100, of the GPU a tensor is on."""
    if device.type != "cuda":
        return {}
    found = torch.cuda.get_device_properties(device)
    return {name: int(getattr(found, theirs)) for name, theirs in _PROPERTIES.items() if hasattr(found, theirs)}


# What the planner asks of a GPU, and what PyTorch calls it; not every version has them all.
_PROPERTIES = {
    "major": "major",
    "minor": "minor",
    "multiprocessors": "multi_processor_count",
    "shared_per_block": "shared_memory_per_block_optin",
    "shared_per_multiprocessor": "shared_memory_per_multiprocessor",
    "registers_per_multiprocessor": "regs_per_multiprocessor",
}


def _bindings() -> ModuleType:
    try:
        return importlib.import_module("saln_kernels._C")
    except ImportError as error:
        raise RuntimeError(
            f"saln_kernels._C, the native planner, does not import ({error}): build it with `{native.BUILD}`"
        ) from error
