"""The plain torch of `saln_kernels.truth` as a backend: its float64 results in the result dtype."""

from typing import Any

from torch import Tensor

from saln_kernels.backends.protocol import Ops
from saln_kernels.matrices import Problem, result_dtype
from saln_kernels.truth import greedy, reference


class Reference(Ops):
    """Slow and always exact, on tensors anywhere; there is no solver to choose."""

    def call(self, name: str, subject: Problem | Tensor, *arguments: Any, **solver: Any) -> Any:
        function = getattr(reference, name, None) or getattr(greedy, name)
        features = subject.features if isinstance(subject, Problem) else subject
        dtype = result_dtype(features.dtype)
        found = function(subject, *arguments)
        if isinstance(found, Tensor):
            return found.to(dtype)
        return tuple(result.to(dtype) if result.is_floating_point() else result for result in found)


OPS = Reference()
