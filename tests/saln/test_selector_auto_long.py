"""The default in long trainings.

As right labels were fitted it came back to wrong ones, from 3 to 18 % of what it chose in six epochs, and took some
samples whenever they were offered.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from saln import SpectralBatchSampler
from saln.selectors import Auto
from saln.selectors.support.trained import Trained

CLASSES = 4


def chosen(**options: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Which of the last batches' samples are wrong, how often each sample was chosen, and which are believed."""
    source = torch.Generator().manual_seed(0)
    truth = torch.arange(1000) % CLASSES
    x = torch.randn(1000, 8, generator=source) + 3 * F.one_hot(truth, 8)
    wrong = torch.rand(1000, generator=source) < 0.35
    y = torch.where(wrong, (truth + 1 + torch.randint(CLASSES - 1, (1000,), generator=source)) % CLASSES, truth)
    sampler = SpectralBatchSampler(x, 50, labels=y, selector=Auto(step_back=False, **options))
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 128), nn.ReLU(), nn.Linear(128, CLASSES))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    batches = []
    for rows in itertools.islice((batch for _ in itertools.count() for batch in sampler), 300):
        with sampler.recorder(model):
            loss = F.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        batches.append(rows)
    assert isinstance(sampler.selector, Auto)
    assert sampler.selector.known is not None
    times = torch.bincount(torch.tensor(batches).flatten(), minlength=1000)
    return wrong[torch.tensor(batches[-100:])], times, sampler.selector.known.quality > 0.5


def test_wrong_labels_stay_out_and_right_ones_come_in_turn():
    late, times, believed = chosen()
    assert late.float().mean() < 0.045  # of which a sixteenth of 35 %, 0.02, is drawn at random
    assert times.max() < 50  # 23 on average of those that are believed; 100 would be all
    assert times[believed].min() > 0


def test_by_memory_that_fades_and_repeats_that_count():
    assert chosen(forgetting=False)[0].float().mean() > 0.06
    assert chosen(repeats=False)[1].max() > 50


def test_a_copy_counts_for_the_others():
    trained = Trained(torch.tensor([0, 1, 0, 2]))
    residuals = torch.tensor([[3.0, 4.0], [torch.nan, 0.0]])
    trained.hear(torch.tensor([2, 3]), {"residuals": residuals}, torch.ones(2, dtype=torch.bool))
    assert trained.times(torch.arange(4)).tolist() == [1.0, 0.0, 1.0, 1.0]
    assert trained.square.item() == 25.0
    other = Trained(torch.tensor([0, 1, 0, 2]))
    other.load_state_dict(trained.state_dict())
    for each in (trained, other):
        each.hear(torch.tensor([0]), {"residuals": residuals[:1]}, torch.ones(1, dtype=torch.bool))
    assert torch.equal(trained.forgotten(torch.arange(4)), other.forgotten(torch.arange(4)))
    assert trained.forgotten(torch.arange(4))[2].item() == pytest.approx(1 - math.exp(-1 / 4))
    trained.clear()
    assert trained.times(torch.arange(4)).sum() == 0
    assert trained.square.isnan()
