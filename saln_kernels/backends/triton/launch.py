"""One launch of the kernel: what a call needs, its shape, its scratch, its arguments."""

import math
import struct
from typing import Any, NamedTuple

import torch
import triton.language as tl
from torch import Tensor

from saln_kernels.backends.triton import shapes
from saln_kernels.backends.triton.device import codes
from saln_kernels.backends.triton.device.kernel import spectral_kernel
from saln_kernels.criteria import CRITERIA
from saln_kernels.matrices import Problem, result_dtype

# The kernels do not need it, but Triton is about to change its default, and with it every result's last bits.
FUSE_MULTIPLY_ADD = True
KINDS: dict[str, shapes.Kind] = {"moments": "tile", "pivots": "tile", "fiedler": "fiedler"}
SOURCES = {
    "linear": "rows",
    "rbf": "rows",
    "cosine": "rows",
    "gradient": "gradient",
    "precomputed": "entries",
    "given": "entries",
}
INTERPRETED_PROGRAMS = 2  # more than one, so that tests see candidates share scratch


class Task(NamedTuple):
    """What is wanted of a spectrum."""

    kind: shapes.Kind
    k: int = 1  # leading eigenvalues
    formula: str = ""  # of a score: a key of `codes.FORMULAS`
    parameter: float = 1.0


def score_task(criterion: str, k: int, parameter: float, b: int, semidefinite: bool) -> Task:
    """What a criterion needs. Of a semidefinite matrix `vendi` of two orders needs less than its other orders."""
    needs: str = CRITERIA[criterion].needs
    formula = criterion
    if criterion == "vendi":
        order = _order(parameter, semidefinite)
        needs = {"two": "moments", "top": "top_1"}.get(order, needs)
        formula = f"vendi {order}"
    kind = KINDS.get(needs, "values")
    count = {"all": b, "top_k": k, "top_2": min(2, b)}.get(needs, 1)
    used = formula in ("logdet", "vendi near", "vendi other")
    return Task(kind, count, formula, parameter if used else 1.0)


def _order(q: float, semidefinite: bool) -> str:
    """Which formula of `vendi` serves an order."""
    if semidefinite and q == 2:
        return "two"
    if math.isinf(q):
        return "top" if semidefinite else "infinite"
    return "zero" if q == 0 else "one" if q == 1 else "near" if abs(q - 1) < 0.5 else "other"


def constants(problem: Problem, task: Task, shape: shapes.Shape, interpreted: bool = False) -> dict[str, Any]:
    """The kernel's compile-time arguments: what gives its code the shape, and each combination is compiled anew."""
    dtype = problem.features.dtype
    # NumPy, which interprets, has no bfloat16 product; in float32 it is the same one.
    coarse = not interpreted and problem.allow_tf32 and dtype == torch.float32
    return {
        "SOURCE": SOURCES[problem.similarity],
        "GRAPH": problem.laplacian != "none",
        "TASK": task.kind,
        "B": shape.order,
        "K": shape.found,
        "POINTS": shape.points,
        "ROUNDS": shape.rounds,
        "DEPTH": shape.depth,
        "LAYOUT": _layout(problem),
        "WIDEN": interpreted,
        "PRECISION": "tf32" if coarse else "ieee",
        "T": tl.float64 if dtype == torch.float64 else tl.float32,
    }


def _layout(problem: Problem) -> str:
    """How the rows of features and residuals may be loaded; of no meaning where entries are."""
    if problem.similarity in ("given", "precomputed"):
        return "strided"
    rows = [source for source in (problem.features, problem.residuals) if source is not None]
    if any(source.shape[1] > 1 and source.stride(1) != 1 for source in rows):
        return "strided"
    whole = all(source.stride(0) % 16 == 0 and source.shape[1] % 16 == 0 for source in rows)
    return "aligned" if whole and all(source.data_ptr() % 16 == 0 for source in rows) else "adjacent"


def launch(problem: Problem, task: Task, values: Tensor, vectors: Tensor | None, bounds: Tensor | None) -> None:
    """Fill the outputs, contiguous tensors of the result dtype, for every candidate.

    Parameters
    ----------
    problem : Problem
        features are the matrices `[C, b, b]` if similarity is "given".
    task : Task
        What to compute.
    values, vectors, bounds : Tensor
        gram `[C, b, b]`; or `[C, k]`, `[C, b, k]`, `[C, k]`; or of Fiedler pairs `[C]`, `[C, b]`, `[C]`; or scores
        `[C]`.
    """
    features, residuals, quality = problem.features, problem.residuals, problem.quality
    candidates, feature_matrix = problem.candidates, 0
    if problem.similarity == "given":  # each candidate holds all rows of its own matrix
        candidates = torch.arange(features.shape[1], device=features.device).expand(features.shape[:2])
        feature_matrix = features.stride(0)
    count, b = candidates.shape
    if count == 0:
        return
    interpreted = features.device.type == "cpu"
    shape = shapes.choose(b, task.k, task.kind, features.dtype)
    if interpreted:
        programs = min(count, INTERPRETED_PROGRAMS)
    else:
        processors = torch.cuda.get_device_properties(features.device).multi_processor_count
        programs = shapes.programs(count, shape.warps, processors)
    needed = shapes.scratch(shape, task.kind)
    scratch = torch.empty(programs * needed, dtype=result_dtype(features.dtype), device=features.device)
    numbers = torch.empty(programs * 2 * shape.order, dtype=torch.int64, device=features.device)
    cosine = problem.similarity == "cosine"
    marks = torch.empty(count, dtype=torch.int32, device=features.device) if cosine else None
    # What is not there is passed as what is, since a kernel without it would be another.
    arguments = (
        features,
        features.stride(-2),
        features.stride(-1),
        feature_matrix,
        candidates,
        candidates.stride(0),
        candidates.stride(1),
        features if residuals is None else residuals,
        0 if residuals is None else residuals.stride(0),
        0 if residuals is None else residuals.stride(1),
        features if quality is None else quality,
        0 if quality is None else quality.stride(0),
        values,
        values if vectors is None else vectors,
        values if bounds is None else bounds,
        scratch,
        needed,
        numbers,
        numbers.view(torch.int32) if marks is None else marks,
        count,
        b,
        features.shape[-2],
        features.shape[-1],
        0 if residuals is None else residuals.shape[1],
        task.k,
        codes.SIMILARITIES[problem.similarity],
        int(problem.center),
        int(quality is not None),
        codes.LAPLACIANS[problem.laplacian],
        codes.NEGATIVES[problem.negative],
        codes.FORMULAS[task.formula],
        _bits(problem.gamma),
        _bits(task.parameter),
    )
    options = {
        "num_warps": shape.warps,
        "num_stages": shape.stages,
        "enable_fp_fusion": FUSE_MULTIPLY_ADD,
    }
    with torch.device(features.device) if interpreted else torch.cuda.device(features.device):
        known = constants(problem, task, shape, interpreted)
        spectral_kernel[(programs,)](*arguments, **known, **({} if interpreted else options))
        # No square of float16 rows overflows or vanishes in float32.
        if cosine and features.dtype != torch.float16:
            known["SOURCE"] = "rescue"
            spectral_kernel[(programs,)](*arguments, **known, **({} if interpreted else options))


def _bits(value: float) -> int:
    """A float64's bits as an int64."""
    result: int = struct.unpack("<q", struct.pack("<d", value))[0]
    return result
