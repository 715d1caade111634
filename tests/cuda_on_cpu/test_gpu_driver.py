"""Calls sent to one process that lives on, as on a GPU."""

import pytest
import torch

from cases import make
from cuda_on_cpu.on_gpu import driver
from cuda_on_cpu.simulator import Call, simulate, simulator
from programs import SETTINGS


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> str:
    """The one for the CPU in its place."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    return str(simulator("address"))


def test_calls_go_to_one_process(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = [Call(make(b, 7, count=2).problem, "eigh", k=2) for b in (5, 9)]
    wanted = simulate(*calls)
    monkeypatch.setenv("SALN_GPU_DRIVER", program)
    found = [*simulate(*calls), *simulate(calls[0])]
    assert [result.kernel for result in found] == ["registers32"] * 3
    for result, other in zip(found, [*wanted, wanted[0]], strict=True):
        assert torch.equal(result.values, other.values)
        assert torch.equal(result.vectors, other.vectors)
    assert driver(program) is driver(program)


def test_a_process_that_ends_is_replaced(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALN_GPU_DRIVER", program)
    call = Call(make(5, 7).problem, "gram")
    wild = Call(make(5, 7).problem, "gram", criterion="unheard of")
    with pytest.raises(AssertionError, match=r"(?s)status -6: .*gram, b 5.*unheard of"):
        simulate(wild)
    assert simulate(call)[0].kernel == "registers32"
