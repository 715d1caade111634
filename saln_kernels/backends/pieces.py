"""Long calls on the CPU in pieces, so that Ctrl-C ends one: Python looks for it between two pieces.

No candidate depends on others of its call, to the bit, so pieces change nothing but the moment.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

from saln_kernels.matrices import Problem

Subject = TypeVar("Subject", Problem, Tensor)

A_MOMENT = 2e10
"""Operations of a thread in a fraction of a second, by the count of `_operations`."""
SCATTERED = 20
"""How much longer rows take whose entries do not lie in a row."""


def in_pieces(subject: Subject, function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function says of a problem or of matrices [C, b, b], and further arguments, of which tensors are [C, ..].

    Where all candidates would take long, of a few after the others.
    """
    candidates = subject.candidates if isinstance(subject, Problem) else subject
    if torch.compiler.is_compiling() or type(candidates) is not Tensor or not candidates.is_cpu:
        return function(subject, *arguments)
    step = int(A_MOMENT * torch.get_num_threads() / _operations(subject))
    if len(candidates) <= step:
        return function(subject, *arguments)
    results: list[Tensor] = []
    single = False
    step = max(1, step)
    for begin in range(0, len(candidates), step):
        some = slice(begin, begin + step)
        part: Any = subject._replace(candidates=candidates[some]) if isinstance(subject, Problem) else candidates[some]
        found = function(part, *(each[some] if isinstance(each, Tensor) else each for each in arguments))
        single = isinstance(found, Tensor)
        pieces = [found] if single else list(found)
        results = results or [each.new_empty(len(candidates), *each.shape[1:]) for each in pieces]
        for result, piece in zip(results, pieces, strict=True):
            result[some] = piece
    return results[0] if single else tuple(results)


def _operations(subject: Problem | Tensor) -> float:
    """Of a candidate, roughly."""
    if isinstance(subject, Tensor):
        return 20.0 * subject.shape[1] ** 3
    b, (features, stride) = subject.candidates.shape[1], (subject.features, subject.features.stride(1))
    products = 2.0 * features.shape[1] * (1 if stride == 1 else SCATTERED)
    return b * b * (products + 20.0 * b)
