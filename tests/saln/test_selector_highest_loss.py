"""The highest losses, against a sort."""

import torch

from saln import make_selector
from selector_cases import by_losses, generator


def test_it_is_a_sort_by_loss():
    losses = torch.rand(30, generator=generator(0))
    rows = make_selector("highest_loss").select(by_losses(losses), 7)
    assert losses[rows].tolist() == sorted(losses.tolist(), reverse=True)[:7]
