"""Which backend serves a call, and why the others do not."""

from typing import Any, NamedTuple

import torch

from saln_kernels.backends import cuda, native, reference, triton
from saln_kernels.backends.protocol import Ops
from saln_kernels.tracing import constant

NAMES = ("cpu", "cuda", "triton", "reference")


class Status(NamedTuple):
    """Whether a backend can serve calls here."""

    name: str
    serves: bool
    reason: str  # what it runs on, or why it does not serve and what to do


def serving(backend: Any, device: torch.device) -> Ops:
    """The ops that serve tensors on a device; raises, saying what to do, where nothing does.

    backend is None, one of `NAMES`, or the ops themselves.
    """
    if backend is None:
        if device.type == "cpu":
            native.require()
            return native.OPS
        if device.type == "cuda":
            return _on_gpu(device)
        raise RuntimeError(f"no backend of saln_kernels runs on {device}; move the tensors to the CPU or a CUDA device")
    if backend == "reference":
        return reference.OPS
    if backend == "cpu":
        if device.type != "cpu":
            raise ValueError(f"backend='cpu' came with tensors on {device}; wanted tensors on the CPU")
        native.require()
        return native.OPS
    if backend == "cuda":
        if device.type != "cuda":
            raise ValueError(f"backend='cuda' came with tensors on {device}; wanted tensors on a CUDA device")
        reason = _no_cuda(device.index)
        if reason is not None:
            raise RuntimeError(f"backend='cuda': {reason}")
        return native.OPS
    if backend == "triton":
        reason = _no_triton()
        if reason is not None:
            raise RuntimeError(f"backend='triton': {reason}")
        return triton.OPS
    if isinstance(backend, Ops):
        return backend
    text = f"backend is {backend!r}; wanted None or one of {', '.join(map(repr, NAMES))}"
    raise ValueError(text) if isinstance(backend, str) else TypeError(text)


def _on_gpu(device: torch.device) -> Ops:
    no_cuda = _no_cuda(device.index)
    if no_cuda is None:
        return native.OPS
    no_triton = _no_triton()
    if no_triton is None:
        return triton.OPS
    raise RuntimeError(
        f"the tensors are on {device}, and neither backend for GPUs serves them. cuda: {no_cuda}. triton: {no_triton}. "
        "Else move the tensors to the CPU, or pass backend='reference', which runs plain torch in float64 on any device"
    )


# torch.compile cannot trace questions to the driver, nor packages being looked for.
@constant
def _no_cuda(index: int) -> str | None:
    return native.missing() or cuda.unserved(index)


@constant
def _no_triton() -> str | None:
    return triton.missing()


def table() -> tuple[Status, ...]:
    """Every backend, whether it serves calls here, and why not."""
    missing, no_triton = native.missing(), _no_triton()
    return (
        Status("cpu", missing is None, missing or "native code, tensors on the CPU"),
        _cuda_status(),
        Status("triton", no_triton is None, no_triton or "Triton kernels, tensors on GPUs without native code"),
        Status("reference", True, "plain torch in float64, slow, tensors on any device"),
    )


def _cuda_status() -> Status:
    build, gpus = cuda.build(), cuda.gpus()
    if build is None:
        return Status("cuda", False, str(native.missing() or cuda.missing()))
    if not gpus:
        return Status("cuda", False, f"built for {build}, but {cuda.no_gpu()}")
    reasons = [cuda.unserved(index) for index in range(len(gpus))]
    served = [gpu for gpu, reason in zip(gpus, reasons, strict=True) if reason is None]
    if not served:
        return Status("cuda", False, "; ".join(str(reason) for reason in reasons))
    return Status("cuda", True, f"native code for {build}, tensors on {', '.join(served)}")
