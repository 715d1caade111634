"""Which backend serves a call on a GPU, decided without one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import saln_kernels
from saln_kernels.backends import cuda, dispatch, native, triton

GPU = torch.device("cuda", 0)
ALL = cuda.Build("0", "13.0", ("80", "90a"), "")


@pytest.fixture
def built(cpu: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A CUDA library that is loaded, and a GPU it was built for."""
    monkeypatch.setattr(cuda, "loaded", lambda: ALL)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: (9, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "H100")
    cuda.unserved.cache_clear()
    yield
    cuda.unserved.cache_clear()


def test_cuda_first(built: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "_no_triton", lambda: None)
    assert dispatch.serving(None, GPU) is native.OPS
    assert dispatch.serving("cuda", GPU) is native.OPS
    status = {row.name: row for row in dispatch.table()}
    assert status["cuda"].serves
    assert "H100 (sm_90)" in status["cuda"].reason


def test_triton_where_the_library_does_not_fit(built: None, monkeypatch: pytest.MonkeyPatch) -> None:
    ops = object()
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: (12, 0))
    monkeypatch.setattr(dispatch, "_no_triton", lambda: None)
    monkeypatch.setattr(triton, "OPS", ops)
    assert dispatch.serving(None, GPU) is ops
    with pytest.raises(RuntimeError, match=r"backend='cuda': _cuda\.so holds code for sm_80, sm_90a, and H100 is"):
        dispatch.serving("cuda", GPU)
    assert not {row.name: row for row in dispatch.table()}["cuda"].serves


def test_both_reasons_where_nothing_fits(cpu: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "_no_cuda", lambda index: "not built: build it")
    monkeypatch.setattr(dispatch, "_no_triton", lambda: "not installed: pip install triton")
    wanted = "on cuda:0, .* cuda: not built: build it. triton: not installed: pip install triton. .*backend='reference'"
    with pytest.raises(RuntimeError, match=wanted):
        dispatch.serving(None, GPU)
    with pytest.raises(RuntimeError, match="backend='triton': not installed"):
        dispatch.serving("triton", GPU)


def test_a_missing_library_says_how_to_build(cpu: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "LIBRARY", cuda.LIBRARY.with_name("absent.so"))
    said = cuda.load()
    assert "absent.so is not built" in str(said)
    assert "SALN_CUDA=1 pip install --no-build-isolation -e ." in str(said)


def test_a_package_may_have_the_library(cpu: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where there is none beside the op library; of another version it is refused, with what to install."""
    package = tmp_path / cuda.PACKAGE
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(cuda, "LIBRARY", tmp_path / "absent.so")
    assert "absent.so is not built): `pip install saln-kernels-cu13==" in str(cuda.load())
    theirs = package / "_cuda.so"
    theirs.write_bytes(b'saln_cuda_build {"version": "0", "nvcc": "13.0", "archs": "80 90a", "ptx": ""}')
    assert cuda.library() == theirs
    version = saln_kernels.__version__
    assert str(cuda.load()) == (
        f"_cuda.so is of saln_kernels 0, not {version}: `pip install saln-kernels-cu13=={version}`"
    )
    ours = tmp_path / "beside.so"
    ours.touch()
    monkeypatch.setattr(cuda, "LIBRARY", ours)
    assert cuda.library() == ours


def test_a_library_that_does_not_load_says_so(cpu: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "_cuda.so"
    said = b'saln_cuda_build {"version": "%s", "nvcc": "", "archs": "", "ptx": ""}'
    broken.write_bytes(b"no library " + said % saln_kernels.__version__.encode())
    monkeypatch.setattr(cuda, "LIBRARY", broken)
    assert "does not load" in str(cuda.load())


def test_a_stale_library_is_not_loaded(cpu: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stale = tmp_path / "_cuda.so"
    said = b'saln_cuda_build {"version": "0", "nvcc": "13.0", "archs": "80 90a", "ptx": ""}'
    stale.write_bytes(bytes(100) + said + bytes(100))
    assert cuda.read(stale) == ALL
    monkeypatch.setattr(cuda, "LIBRARY", stale)
    monkeypatch.setattr(torch.ops, "load_library", lambda path: pytest.fail("loaded"))
    assert "_cuda.so is of saln_kernels 0, not" in str(cuda.load())
