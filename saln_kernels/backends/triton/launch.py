"""One launch of the kernel: what a call needs, its shape, its scratch, its arguments."""

import math
import struct
from typing import Any, NamedTuple

import torch
import triton.language as tl
from torch import Tensor

from saln_kernels.backends.triton import shapes
from saln_kernels.backends.triton.device.kernel import spectral_kernel
from saln_kernels.criteria import CRITERIA
from saln_kernels.matrices import Problem, result_dtype

# The kernels do not need it, but Triton is about to change its default, and with it every result's last bits.
FUSE_MULTIPLY_ADD = True
INTERPRETED_PROGRAMS = 2  # more than one, so that tests see candidates share scratch


class Task(NamedTuple):
    """What is wanted of a spectrum."""

    output: shapes.Output
    need: shapes.Need
    k: int  # leading eigenvalues
    criterion: str = ""
    order: str = "one"  # of `vendi`: which formula serves it
    parameter: float = 1.0


def score_task(criterion: str, k: int, parameter: float, b: int, semidefinite: bool) -> Task:
    """What a criterion needs. Of a semidefinite matrix `vendi` of two orders needs less than its other orders."""
    needs, order = CRITERIA[criterion].needs, "one"
    if criterion == "vendi":
        order = _order(parameter, semidefinite)
        needs = "moments" if parameter == 2 and semidefinite else "top_1" if order == "top" else needs
    count = {"all": b, "top_k": k, "top_2": min(2, b)}.get(needs, 1)
    need: shapes.Need = needs if needs in ("moments", "pivots", "fiedler") else "spectrum"
    used = needs == "pivots" or order in ("near", "other")
    return Task("score", need, count, criterion, order, parameter if used else 1.0)


def _order(q: float, semidefinite: bool) -> str:
    """Which formula of `device.criteria` serves an order of `vendi`."""
    if math.isinf(q):
        return "top" if semidefinite else "infinite"
    return "zero" if q == 0 else "one" if q == 1 else "near" if abs(q - 1) < 0.5 else "other"


def constants(
    problem: Problem, task: Task, shape: shapes.Shape, coarse: bool, widen: bool, rescue: bool = False
) -> dict[str, Any]:
    """The kernel's compile-time arguments."""
    wide = problem.features.dtype == torch.float64
    return {
        "SIMILARITY": problem.similarity,
        "RESCUE": rescue,
        "CENTER": problem.center,
        "LAPLACIAN": problem.laplacian,
        "NEGATIVE": problem.negative,
        "OUTPUT": task.output,
        "NEED": task.need,
        "CRITERION": task.criterion,
        "ORDER": task.order,
        "B": shape.order,
        "K": shape.found,
        "POINTS": shape.points,
        "ROUNDS": shape.rounds,
        "DEPTH": shape.depth,
        "RESIDUAL_DEPTH": shape.residual_depth,
        "WIDEN": widen,
        "PRECISION": "tf32" if coarse and problem.features.dtype == torch.float32 else "ieee",
        "T": tl.float64 if wide else tl.float32,
    }


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
    given = problem.similarity == "given"
    count, b = features.shape[:2] if given else problem.candidates.shape
    if count == 0:
        return
    interpreted = features.device.type == "cpu"
    width = features.shape[-1]
    residual_width = 0 if residuals is None else residuals.shape[1]
    shape = shapes.choose(b, task.k, task.need, features.dtype, width, residual_width)
    if interpreted:
        programs = min(count, INTERPRETED_PROGRAMS)
    else:
        processors = torch.cuda.get_device_properties(features.device).multi_processor_count
        programs = shapes.programs(count, shape.warps, processors)
    needed = shapes.scratch(shape, task.output)
    scratch = torch.empty(programs * needed, dtype=result_dtype(features.dtype), device=features.device)
    numbers = torch.empty(programs * 2 * shape.order, dtype=torch.int64, device=features.device)
    # No square of float16 rows overflows or vanishes in float32.
    rescued = problem.similarity == "cosine" and features.dtype != torch.float16
    marks = torch.empty(count, dtype=torch.int32, device=features.device) if rescued else None
    # NumPy, which interprets, has no bfloat16 product; in float32 it is the same one.
    coarse = not interpreted and problem.allow_tf32
    arguments = (
        features,
        features.stride(-2),
        features.stride(-1),
        features.stride(0) if given else 0,
        problem.candidates,
        0 if given else problem.candidates.stride(0),
        0 if given else problem.candidates.stride(1),
        residuals,
        0 if residuals is None else residuals.stride(0),
        0 if residuals is None else residuals.stride(1),
        quality,
        0 if quality is None else quality.stride(0),
        values,
        vectors,
        bounds,
        scratch,
        needed,
        numbers,
        marks,
        count,
        b,
        features.shape[0],
        width,
        residual_width,
        task.k,
        _bits(problem.gamma),
        _bits(task.parameter),
    )
    options = {
        "num_warps": shape.warps,
        "num_stages": shape.stages,
        "enable_fp_fusion": FUSE_MULTIPLY_ADD,
    }
    with torch.device(features.device) if interpreted else torch.cuda.device(features.device):
        for rescue in (False, True) if rescued else (False,):
            known = constants(problem, task, shape, coarse, interpreted, rescue)
            spectral_kernel[(programs,)](*arguments, **known, **({} if interpreted else options))


def _bits(value: float) -> int:
    """A float64's bits as an int64."""
    result: int = struct.unpack("<q", struct.pack("<d", value))[0]
    return result
