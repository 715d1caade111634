"""build_info: what is installed."""

import json

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
    verdicts = [f"{name} {'serves' if found.serves else 'does not serve'}: " for name, found in status.items()]
    for words in (info.version, info.torch, info.cpu_isa_in_use, *verdicts):
        assert words in " ".join(str(info).split())


def test_build_info_without_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "LIBRARY", native.LIBRARY.with_name("absent.so"))
    monkeypatch.setattr(native, "_missing", native.load())
    info = saln_kernels.build_info()
    assert not info.backends[0].serves
    assert "does not serve" in str(info)
    assert any("pip install --no-build-isolation -e ." in text for text in info.missing)
