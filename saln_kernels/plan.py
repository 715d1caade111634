"""What a call would run, how much memory it takes and what it costs. Nothing is computed."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature, unwrap
from typing import Any, ParamSpec

import torch
from torch import Tensor

from saln_kernels import greedy, scores, spectra, validate
from saln_kernels.backends import native
from saln_kernels.backends.protocol import Ops
from saln_kernels.backends.schemas import FAKES, argument_names
from saln_kernels.matrices import Problem

Arguments = ParamSpec("Arguments")

FUNCTIONS = (
    spectra.gram,
    spectra.topk_eigvals,
    spectra.topk_eigh,
    scores.fiedler,
    scores.score_batches,
    scores.eigvalsh,
    scores.eigh,
    greedy.greedy_logdet,
    greedy.maxvol,
    greedy.k_center,
)
"""Those that have a plan."""


@dataclass(frozen=True)
class Launch:
    """What a kernel occupies on a GPU."""

    kernel: str  # named after what holds the matrix while it is solved, or the greedy function
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

    function: str
    backend: str
    solver: str  # exact or randomized; cholesky, swaps or distances of the greedy functions
    layout: str  # on a CPU how matrices lie, of greedy_logdet pairs or columns; on a GPU the kernel
    side: str  # of the Gram matrix [b, b] or the covariance [d, d]; rows where neither is formed
    n_iter: int  # Lanczos steps, 0 if exact
    flops: float  # operations; of maxvol with as many swaps as are allowed
    bytes: float  # of features read, from wherever they are cached
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
            f"{self.function} on {self.backend}: {self.solver} solver{steps}, {self.layout} layout, {self.side} side",
            f"  {self.flops:.3g} operations, {self.bytes:.3g} bytes, {self.workspace_bytes} bytes of workspace, "
            f"about {self.seconds:.3g} s",
        ]
        if self.floor_seconds is not None:
            lines.append(f"  at least {self.floor_seconds:.3g} s, by {self.floor_by}")
        if self.launch is not None:
            lines.append(f"  {self.launch}")
        return "\n".join([*lines, f"  {self.reason}"])


def plan(function: Callable[Arguments, Any], *arguments: Arguments.args, **options: Arguments.kwargs) -> Plan:
    """What a call of a function with these arguments would run, why, and its predicted cost.

    Runs nothing and reads no tensor's values: shapes and dtypes decide, so tensors on the meta device will do.

    Parameters
    ----------
    function : callable
        Any function of `saln_kernels` that computes: `gram`, `topk_eigvals`, `topk_eigh`, `fiedler`, `score_batches`,
        `eigvalsh`, `eigh`, `greedy_logdet`, `maxvol`, `k_center`.
    *arguments, **options
        Of that function. `backend` is "cpu" or "cuda"; if None, by the device of the tensors, and "cpu" for those on
        the meta device. "cuda" takes no GPU: it speaks of the one the tensors are on, else of an H100, whose rates it
        uses in any case.

    Returns
    -------
    Plan
        solver, layout, side, n_iter, flops, bytes, workspace_bytes, seconds (predicted) and the reason; for "cuda" also
        the floor, what makes it, and what the kernel occupies.

    Raises
    ------
    TypeError, ValueError
        As the function does, row numbers out of range excepted.
    RuntimeError
        The native code is not built.

    Examples
    --------
    >>> import torch
    >>> from saln_kernels import greedy_logdet, plan, topk_eigvals
    >>> features = torch.empty(32768, 512, device="meta")
    >>> candidates = torch.empty(4096, 64, dtype=torch.int64, device="meta")
    >>> plan(topk_eigvals, features, candidates, k=8, solver="exact").solver
    'exact'
    >>> plan(greedy_logdet, features, candidates, 32).layout
    'pairs'
    """
    function = unwrap(function)
    if function not in FUNCTIONS:
        names = ", ".join(known.__name__ for known in FUNCTIONS)
        raise TypeError(f"function is {function!r}; wanted one of saln_kernels: {names}")
    backend: Any = options.get("backend")
    if backend is not None:
        validate.choice("backend", backend, ("cpu", "cuda"), "None or ")
    planner = _Planner(backend)
    changed: dict[str, Any] = {"backend": planner}
    if "check_bounds" in signature(function).parameters:
        changed["check_bounds"] = False
    function(*arguments, **{**options, **changed})  # type: ignore[arg-type]
    return Plan(function=function.__name__, **planner.found)


class _Planner(Ops):
    """A backend that plans the call it is given, and returns results without values."""

    def __init__(self, backend: str | None) -> None:
        self.backend = backend
        self.found: dict[str, Any] = {}

    def call(self, name: str, subject: Problem | Tensor, *arguments: Any, **solver: Any) -> Any:
        flat = subject if isinstance(subject, Problem) else (subject,)
        problem = subject if isinstance(subject, Problem) else Problem.given(subject)
        task = {**dict(zip(argument_names(name), arguments, strict=False)), **solver}
        device = problem.features.device
        backend = self.backend or ("cuda" if device.type == "cuda" else "cpu")
        shape, bindings = _shape(problem), native.bindings()
        if backend == "cpu":
            found = bindings.plan(shape, name, task, torch.get_num_threads())
        else:
            found = bindings.cuda_plan(shape, name, task, _gpu(device))
            found["launch"] = Launch(**found["launch"])
        self.found = {"backend": backend, **found}
        on_meta = (each.to("meta") if isinstance(each, Tensor) else each for each in flat)
        return FAKES[name](*on_meta, *arguments, *solver.values())


def _shape(problem: Problem) -> dict[str, Any]:
    """A problem as the planner takes it."""
    features, given = problem.features, problem.similarity == "given"
    count, b = features.shape[:2] if given else problem.candidates.shape
    return {
        "N": features.shape[0],
        "C": count,
        "b": b,
        "d": features.shape[-1],
        "c": 0 if problem.residuals is None else problem.residuals.shape[1],
        "dtype": str(features.dtype).removeprefix("torch."),
        "similarity": problem.similarity,
        "center": problem.center,
        "laplacian": problem.laplacian,
        "negative": problem.negative,
        "quality": problem.quality is not None,
        "allow_tf32": problem.allow_tf32,
    }


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
