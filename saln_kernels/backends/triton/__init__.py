"""The Triton backend: the ops of docs/design.md on NVIDIA GPUs without a CUDA build of this package.

One kernel does a candidate from the gather to the result, one program a candidate, so that nothing of size C b d or
C b^2 is written but what was asked for; scratch grows with the programs in flight alone. It serves b up to 128, and
not the greedy functions. Solvers: always exact, also where "randomized" is asked for, whose answer it is at least as
good as; the bounds are then those of rounding. Importing this package defines the ops, and loads neither Triton nor a
compiler.

Options are told to a kernel when it runs, not compiled into it (`device/codes.py`), so that few are compiled. It has
been interpreted on the CPU, compiled for compute capability 8.0, 9.0, 10.0 and 12.0, and tried on an H200, where some
tests of 20 configurations were right and it took three to five times the CUDA kernels' time;
`python -m tools.triton_compiled` prints registers, spills, shared memory and instructions of its configurations.
"""

import importlib.util
from typing import Any

import torch
from torch import Tensor

from saln_kernels.backends.protocol import Ops
from saln_kernels.backends.triton import ops
from saln_kernels.backends.triton.shapes import LARGEST
from saln_kernels.matrices import Problem
from saln_kernels.tracing import constant


# torch.compile can trace neither questions to the driver nor packages being looked for.
@constant
def missing() -> str | None:
    """None where this backend can serve calls, else why it cannot and what to do."""
    if importlib.util.find_spec("triton") is None:
        return "the package triton is not installed: pip install triton"
    if not torch.cuda.is_available() and not ops.INTERPRETED:
        return (
            "no CUDA device is available to torch; move to a machine with one, or set TRITON_INTERPRET=1 before "
            "Python starts, which interprets the kernels on the CPU, slowly"
        )
    return None


class Triton(Ops):
    """The ops of the namespace `saln_triton`.

    Raises
    ------
    RuntimeError
        Triton or a CUDA device is missing, or there is no kernel for the op.
    ValueError
        b is larger than 128, or the tensors are on another device.
    """

    def call(self, name: str, subject: Problem | Tensor, *arguments: Any, **solver: Any) -> Any:
        if name not in ops.NAMES:
            raise RuntimeError(
                f"backend='triton' has no {name}: build the CUDA library, move the tensors to the CPU, or pass "
                "backend='reference', which runs plain torch in float64 on any device"
            )
        op = getattr(getattr(torch.ops, ops.NAMESPACE), name)
        if isinstance(subject, Problem):
            _check("candidates", subject.candidates, subject.features.device)
            return op(*subject, *arguments, **solver)
        _check("matrices", subject, subject.device)
        return op(subject, *arguments)


OPS = Triton()


def _check(name: str, tensor: Tensor, device: torch.device) -> None:
    b = tensor.shape[1]
    if b > LARGEST:
        raise ValueError(
            f"{name} has shape {list(tensor.shape)}, b = {b}; backend='triton' serves b up to {LARGEST}: build the "
            "CUDA library, which serves larger b, or pass backend='reference', slow"
        )
    reason = missing()
    if reason is not None:
        raise RuntimeError(f"backend='triton': {reason}")
    wanted = "cpu" if ops.INTERPRETED else "cuda"
    if device.type not in (wanted, "meta"):
        why = ", since TRITON_INTERPRET is set" if wanted == "cpu" else ""
        raise ValueError(f"backend='triton' came with tensors on {device}; wanted tensors on {wanted}{why}")
