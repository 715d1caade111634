"""build_info and plan."""

import json
from dataclasses import fields

import pytest
import torch

import saln_kernels
from saln_kernels.backends import native


def test_build_info(cpu: str) -> None:
    info = saln_kernels.build_info()
    assert info.version != "unknown"
    assert info.cpu_isa_in_use in info.cpu_isa_compiled
    assert "portable" in info.cpu_isa_compiled
    status = {backend.name: backend for backend in info.backends}
    assert status["cpu"].serves
    assert status["reference"].serves
    if not info.gpus:
        assert not status["cuda"].serves
        assert "PyTorch" in status["cuda"].reason or "not built" in status["cuda"].reason
    stored = json.loads(json.dumps(info.as_dict()))
    assert stored["torch"] == torch.__version__
    assert [backend["name"] for backend in stored["backends"]] == list(status)
    for word in (info.version, info.torch, info.cpu_isa_in_use, "cuda", "does not serve"):
        assert word in str(info)


def test_build_info_without_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "LIBRARY", native.LIBRARY.with_name("absent.so"))
    monkeypatch.setattr(native, "_reason", "not tried")
    info = saln_kernels.build_info()
    assert not info.backends[0].serves
    assert any("pip install --no-build-isolation -e ." in text for text in info.missing)


def meta(count: int, b: int, d: int, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.empty(32768, d, dtype=dtype, device="meta"), torch.empty(count, b, dtype=torch.int64, device="meta")


@pytest.mark.parametrize("what", ["gram", "eigvals", "eigh", "fiedler", "score"])
@pytest.mark.parametrize("b", [1, 32, 64, 256])
@pytest.mark.parametrize("solver", ["auto", "exact", "randomized"])
def test_plan(cpu: str, what: str, b: int, solver: str) -> None:
    found = saln_kernels.plan(*meta(4096, b, 512), min(8, b), what=what, solver=solver)
    assert found.flops > 0
    assert found.bytes > 0
    assert found.seconds > 0
    assert found.reason
    assert set(found.as_dict()) == {field.name for field in fields(found)}
    assert found.solver in str(found)
    if what in ("eigvals", "eigh") and solver == "exact":
        assert found.solver == "exact"


def test_plan_cost_grows_and_workspace_does_not(cpu: str) -> None:
    few, many = (saln_kernels.plan(*meta(count, 64, 512), 8) for count in (4096, 2 * 4096))
    assert many.flops == pytest.approx(2 * few.flops)
    assert many.workspace_bytes == few.workspace_bytes
    assert few.workspace_bytes < 64 * 2**20


@pytest.mark.parametrize(("b", "d"), [(1, 1), (32, 768), (64, 512), (100, 40), (256, 1024), (2000, 64)])
@pytest.mark.parametrize("what", ["gram", "eigvals", "eigh", "fiedler", "score"])
def test_cuda_plan(cpu: str, b: int, d: int, what: str) -> None:
    """Of any machine: what a kernel occupies fits an H100, and no prediction is below the floor."""
    found = saln_kernels.plan(*meta(4096, b, d, torch.bfloat16), min(8, b), what=what, backend="cuda")
    assert found.backend == "cuda"
    assert found.launch is not None
    assert 0 < found.launch.threads <= 1024
    assert found.launch.shared_bytes <= 227 * 1024
    assert 1 <= found.launch.blocks_per_multiprocessor <= 32
    assert found.launch.threads * found.launch.registers * found.launch.blocks_per_multiprocessor <= 65536
    assert found.floor_seconds is not None
    assert 0 < found.floor_seconds <= found.seconds
    assert found.floor_by
    assert found.workspace_bytes <= (64 if b <= 256 else 512) * 2**20
    assert str(found.launch) in str(found)
    assert json.loads(json.dumps(found.as_dict()))["launch"]["kernel"] == found.layout


def test_plan_backends(cpu: str) -> None:
    here = saln_kernels.plan(*meta(10, 64, 512), 8)
    assert (here.backend, here.launch, here.floor_seconds) == ("cpu", None, None)
    with pytest.raises(ValueError, match="backend is 'triton'; wanted None or one of 'cpu', 'cuda'"):
        saln_kernels.plan(*meta(10, 64, 512), 8, backend="triton")


def test_plan_takes_a_criterion(cpu: str) -> None:
    cheap = saln_kernels.plan(*meta(4096, 64, 512), criterion="vendi", q=2.0)
    dear = saln_kernels.plan(*meta(4096, 64, 512), criterion="vendi", q=1.0)
    assert cheap.flops <= dear.flops


def test_plan_refuses_what_calls_refuse(cpu: str) -> None:
    with pytest.raises(ValueError, match="k is 65; wanted 1 <= k <= 64"):
        saln_kernels.plan(*meta(10, 64, 512), 65)
    with pytest.raises(ValueError, match="what is 'svd'; wanted one of"):
        saln_kernels.plan(*meta(10, 64, 512), what="svd")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="criterion is 'entropy'"):
        saln_kernels.plan(*meta(10, 64, 512), criterion="entropy")
