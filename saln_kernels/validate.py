"""Every check of arguments, done once, before dispatch.

A message names the argument, says what came and what was wanted. Wrong kind: TypeError. Wrong shape or value:
ValueError. A row number outside features: IndexError.
"""

import math
import operator
from typing import Any

import torch
from torch import Tensor

from saln_kernels.criteria import CRITERIA
from saln_kernels.matrices import Problem, result_dtype
from saln_kernels.tracing import constant

SIMILARITIES = ("linear", "cosine", "rbf", "precomputed", "gradient")
LAPLACIANS = ("unnormalized", "symmetric")
NEGATIVES = ("clamp", "shift", "keep")
SOLVERS = ("auto", "exact", "randomized")
FEATURE_DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
INDEX_DTYPES = (torch.int32, torch.int64)
LARGEST_ORDER = 16384  # of a matrix that is solved; csrc/core/plan.h has it too


def problem(
    features: Any,
    candidates: Any,
    *,
    similarity: Any = "linear",
    center: Any = False,
    gamma: Any = None,
    residuals: Any = None,
    quality: Any = None,
    laplacian: Any = None,
    negative: Any = "clamp",
    check_bounds: Any = None,
    graph: bool = False,
) -> Problem:
    """Check the arguments all functions on candidates share, and put them in the ops' form.

    graph says that what is asked for is of a graph: where no Laplacian is named it is then the unnormalized one.
    """
    _check_tensor("features", features, FEATURE_DTYPES, 2, "[N, d]")
    _check_tensor("candidates", candidates, INDEX_DTYPES, 2, "[C, b]")
    rows, width = features.shape
    if width < 1:
        raise ValueError(f"features has shape {_shape(features)}; wanted [N, d] with at least one column")
    if candidates.shape[1] < 1:
        raise ValueError(f"candidates has shape {_shape(candidates)}; wanted [C, b] with at least one column")
    _check_device("candidates", candidates, features)
    choice("similarity", similarity, SIMILARITIES)
    flag("center", center)
    if similarity == "precomputed" and rows != width:
        raise ValueError(
            f"features has shape {_shape(features)}; similarity='precomputed' wants the square matrix [N, N]"
        )
    if residuals is not None:
        if similarity != "gradient":
            raise ValueError(f"residuals came with similarity={similarity!r}; only similarity='gradient' uses them")
        residuals = _per_row("residuals", residuals, features, 2, f"[{rows}, c]")
        if residuals.shape[1] < 1:
            raise ValueError(f"residuals has shape {_shape(residuals)}; wanted at least one column")
    elif similarity == "gradient":
        raise ValueError(f"residuals is None; similarity='gradient' wants a tensor [{rows}, c]")
    if quality is not None:
        quality = _per_row("quality", quality, features, 1, f"[{rows}]")
    if gamma is None:
        gamma = 1.0 / width
    else:
        if similarity != "rbf":
            raise ValueError(f"gamma came with similarity={similarity!r}; only similarity='rbf' uses it")
        gamma = positive("gamma", gamma)
    if laplacian is None:
        laplacian = "unnormalized" if graph else "none"
    else:
        choice("laplacian", laplacian, LAPLACIANS, "None or ")
    choice("negative", negative, NEGATIVES)
    if laplacian == "symmetric" and negative == "keep":
        raise ValueError(
            "negative='keep' came with laplacian='symmetric', whose degrees may then be negative; "
            "wanted negative='clamp' or 'shift', or laplacian='unnormalized'"
        )
    if check_bounds is not None:
        flag("check_bounds", check_bounds)
    if _reads_values(check_bounds, candidates):
        _check_rows(candidates, rows)
    coarse = features.is_cuda and _allows_tf32()
    return Problem(features, candidates, residuals, quality, similarity, center, gamma, laplacian, negative, coarse)


def order(problem: Problem, values_only: bool) -> None:
    """That no matrix is larger than what is solved: of b rows, or where only values are wanted of d < b columns."""
    (count, b), d = problem.candidates.shape, problem.features.shape[1]
    either_side = values_only and problem.similarity in ("linear", "cosine") and problem.laplacian == "none"
    if (min(b, d) if either_side else b) > LARGEST_ORDER:
        also = " of candidates, or of features" if either_side else " of candidates"
        raise ValueError(
            f"candidates has shape {[count, b]} and features {_shape(problem.features)}; "
            f"wanted at most {LARGEST_ORDER} columns{also}: the order of the matrix that is solved"
        )


def matrices(value: Any, k: Any) -> int:
    """A batch of square matrices; returns k, all if None."""
    _check_tensor("matrices", value, FEATURE_DTYPES, 3, "[C, b, b]")
    if value.shape[1] != value.shape[2] or value.shape[1] < 1:
        raise ValueError(f"matrices has shape {_shape(value)}; wanted square matrices [C, b, b] with b at least 1")
    if value.shape[1] > LARGEST_ORDER:
        raise ValueError(f"matrices has shape {_shape(value)}; wanted b of at most {LARGEST_ORDER}")
    return int(value.shape[1]) if k is None else top(k, value.shape[1])


def top(k: Any, b: int) -> int:
    """How many eigenvalues."""
    count = integer("k", k)
    if not 1 <= count <= b:
        raise ValueError(f"k is {count}; wanted 1 <= k <= {b}, the columns of candidates (or rows of a matrix)")
    return count


def solver_options(solver: Any, n_iter: Any, seed: Any) -> tuple[str, int, int]:
    """Solver, iterations (0 means chosen by the plan) and seed."""
    choice("solver", solver, SOLVERS)
    if n_iter is None:
        n_iter = 0
    else:
        n_iter = integer("n_iter", n_iter)
        if n_iter < 1:
            raise ValueError(f"n_iter is {n_iter}; wanted None or at least 1")
    seed = integer("seed", seed)
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed is {seed}; wanted 0 <= seed < 2**63")
    return solver, n_iter, seed


def needs_graph(criterion: Any) -> bool:
    """Whether a criterion, if it is one, is of a graph."""
    return isinstance(criterion, str) and criterion in CRITERIA and CRITERIA[criterion].needs == "fiedler"


def criterion(name: Any, k: Any, q: Any, sigma: Any, b: int) -> tuple[str, int, float]:
    """Criterion, k and the op's one real parameter."""
    if name not in CRITERIA:
        choice("criterion", name, tuple(CRITERIA))
    k = min(8, b) if k is None else top(k, b)
    q = number("q", q)
    if not q >= 0:
        raise ValueError(f"q is {q}; wanted an order q >= 0, math.inf included")
    sigma = positive("sigma", sigma)
    parameter = CRITERIA[name].parameter
    return name, k, q if parameter == "q" else sigma if parameter == "sigma" else 0.0


def size(value: Any, candidates: Tensor) -> int:
    """How many rows to choose of every candidate."""
    count, b = integer("size", value), candidates.shape[1]
    if not 0 <= count <= b:
        raise ValueError(f"size is {count}; wanted 0 <= size <= {b}, the columns of candidates")
    return count


def noise(sigma: Any) -> float:
    """A standard deviation, 0 too."""
    result = number("sigma", sigma)
    if not 0 <= result < math.inf:
        raise ValueError(f"sigma is {result}; wanted a finite number, 0 or positive")
    return result


def swaps(tolerance: Any, max_swaps: Any) -> tuple[float, int]:
    """What a swap must gain, and how many there may be."""
    factor = number("tolerance", tolerance)
    if not 1 <= factor < math.inf:
        raise ValueError(f"tolerance is {factor}; wanted a finite factor of at least 1")
    count = integer("max_swaps", max_swaps)
    if count < 0:
        raise ValueError(f"max_swaps is {count}; wanted 0 or more")
    return factor, count


def starts(start: Any, candidates: Tensor, check_bounds: bool | None) -> Tensor | None:
    """First positions as a contiguous int64 tensor [C], or None where they are all 0."""
    if start is None:
        return None
    (count, b), device = candidates.shape, candidates.device
    if not isinstance(start, Tensor):
        first = integer("start", start)
        if not 0 <= first < b:
            raise ValueError(f"start is {first}; wanted 0 <= start < {b}, a column of candidates")
        return torch.full((count,), first, dtype=torch.int64, device=device)
    if start.dtype not in INDEX_DTYPES:
        raise TypeError(f"start has dtype {start.dtype}; wanted int32 or int64")
    if start.shape != (count,):
        raise ValueError(f"start has shape {_shape(start)}; wanted [{count}], a position for each candidate")
    if start.device != device:
        raise ValueError(f"start is on {start.device} and candidates on {device}; wanted one device")
    if _reads_values(check_bounds, candidates):
        outside = ((start < 0) | (start >= b)).nonzero()
        if len(outside):
            at = int(outside[0])
            raise IndexError(f"start[{at}] is {int(start[at])}; wanted a column of candidates, 0 <= start < {b}")
    return start.to(torch.int64).contiguous()


def choice(name: str, value: Any, wanted: tuple[str, ...], also: str = "") -> None:
    """One of a few strings."""
    if value not in wanted:
        text = f"{name} is {value!r}; wanted {also}one of {', '.join(map(repr, wanted))}"
        raise ValueError(text) if isinstance(value, str) else TypeError(text)


def flag(name: str, value: Any) -> None:
    """A bool."""
    if value is not True and value is not False:
        raise TypeError(f"{name} is {value!r}, a {type(value).__name__}; wanted True or False")


def integer(name: str, value: Any) -> int:
    """An integer of any kind, bool excepted."""
    if type(value) is int:
        return value
    if isinstance(value, bool | Tensor) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} is {value!r}, a {type(value).__name__}; wanted an int")
    result: int = operator.index(value)
    return result


def number(name: str, value: Any) -> float:
    """A real number, infinity included."""
    if type(value) is float:
        return value
    if isinstance(value, bool | str | Tensor) or not hasattr(value, "__float__"):
        raise TypeError(f"{name} is {value!r}, a {type(value).__name__}; wanted a number")
    return float(value)


def positive(name: str, value: Any) -> float:
    """A positive finite number."""
    result = number(name, value)
    if not 0 < result < math.inf:
        raise ValueError(f"{name} is {result}; wanted a positive finite number")
    return result


def _reads_values(check_bounds: bool | None, candidates: Tensor) -> bool:
    """Whether row numbers are looked at: where that was asked for, or needs no synchronisation."""
    wanted = check_bounds or (check_bounds is None and candidates.device.type == "cpu")
    return bool(wanted) and not torch.compiler.is_compiling()


# torch.compile cannot trace the question, and compiles again when the answer changes.
@constant
def _allows_tf32() -> bool:
    """PyTorch's own switch; the older one, allow_tf32, raises where this one was set."""
    return bool(torch.backends.cuda.matmul.fp32_precision == "tf32")


def _shape(value: Tensor) -> list[int]:
    return list(value.shape)


def _check_tensor(name: str, value: Any, dtypes: tuple[torch.dtype, ...], dims: int, wanted: str) -> None:
    if not isinstance(value, Tensor):
        kind = type(value)
        if kind.__module__ == "numpy":
            raise TypeError(f"{name} is a numpy array; wanted a torch tensor: torch.from_numpy({name})")
        raise TypeError(f"{name} is a {kind.__name__}; wanted a torch tensor: torch.as_tensor({name})")
    if value.dtype not in dtypes:
        names = ", ".join(str(dtype).removeprefix("torch.") for dtype in dtypes)
        raise TypeError(f"{name} has dtype {value.dtype}; wanted one of {names}")
    if value.layout != torch.strided:
        raise TypeError(f"{name} has layout {value.layout}; wanted a dense tensor: {name}.to_dense()")
    if value.dim() != dims:
        raise ValueError(f"{name} has shape {_shape(value)}; wanted {wanted}")


def _check_device(name: str, value: Tensor, features: Tensor) -> None:
    if value.device != features.device:
        raise ValueError(f"{name} is on {value.device} and features on {features.device}; wanted one device")


def _per_row(name: str, value: Any, features: Tensor, dims: int, wanted: str) -> Tensor:
    """A tensor with one entry a row of features, in a dtype the ops take."""
    _check_tensor(name, value, FEATURE_DTYPES, dims, wanted)
    tensor: Tensor = value
    if tensor.shape[0] != features.shape[0]:
        raise ValueError(f"{name} has shape {_shape(tensor)}; wanted {wanted}, a row for each row of features")
    _check_device(name, tensor, features)
    return tensor if tensor.dtype == features.dtype else tensor.to(result_dtype(features.dtype))


def _check_rows(candidates: Tensor, rows: int) -> None:
    if candidates.numel() == 0:
        return
    low, high = torch.aminmax(candidates)
    if low.item() >= -1 and high.item() < rows:
        return
    row, column = ((candidates < -1) | (candidates >= rows)).nonzero()[0].tolist()
    value = candidates[row, column].item()
    raise IndexError(
        f"candidates[{row}, {column}] is {value}; wanted a row of features, 0 <= row < {rows}, or -1 for padding"
    )
