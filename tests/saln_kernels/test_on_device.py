"""Tests of the kernels on another device move tensors there as they are."""

import pytest
import torch

import saln_kernels
from on_device import moved, on_device

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    "view",
    [
        torch.arange(12.0).view(3, 4).T,
        torch.arange(24.0).view(4, 6)[1:, 1::2],
        torch.arange(3.0).expand(5, 3),
        torch.arange(6)[2:2],
    ],
    ids=["transposed", "every other column", "expanded", "empty"],
)
def test_strides_move_too(view: torch.Tensor) -> None:
    found = moved(view, CPU)
    assert torch.equal(found, view)
    assert found.stride() == view.stride()
    assert found.untyped_storage().data_ptr() != view.untyped_storage().data_ptr() or view.numel() == 0


def test_results_come_back_under_their_names(cpu: str) -> None:
    call = on_device(saln_kernels.topk_eigh, CPU)
    found = call(torch.eye(3), candidates=torch.tensor([[0, 1]]), k=1)
    assert isinstance(found, saln_kernels.Eigh)
    assert found.values.item() == pytest.approx(1, rel=1e-6)


def test_gradients_come_back(cpu: str) -> None:
    features = torch.eye(3, requires_grad=True)
    on_device(saln_kernels.gram, CPU)(features, torch.tensor([[0, 1]])).sum().backward()
    assert features.grad is not None
