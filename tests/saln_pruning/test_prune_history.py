"""What a training records for `prune`: by hand, around the model, by a sampler's recorder; saved and read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import saln
from recorder_cases import N_ROWS, Classifier, problem, sampler_of
from saln.datasets import DataError


def train(history: saln.History, epochs: int = 3) -> list[torch.Tensor]:
    """A loop with one line more; the logits of every epoch, by row, as the training saw them."""
    x, labels = problem()
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(x.shape[1], 5), nn.Tanh(), nn.Linear(5, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    seen = []
    for epoch in range(epochs):
        logits_of = torch.empty(N_ROWS, 3)
        for rows in torch.randperm(N_ROWS, generator=torch.Generator().manual_seed(epoch)).split(8):
            with history(model, rows, labels[rows]):
                logits = model(x[rows])
            logits_of[rows] = logits.detach()
            optimizer.zero_grad()
            F.cross_entropy(logits, labels[rows]).backward()
            optimizer.step()
        seen.append(logits_of)
    return seen


def test_it_counts_what_the_training_saw() -> None:
    history = saln.History(N_ROWS, early=2)
    seen, labels = train(history), problem()[1]
    lengths = [(logits.softmax(dim=1) - F.one_hot(labels, 3)).norm(dim=1) for logits in seen]
    torch.testing.assert_close(history.el2n(), (lengths[0] + lengths[1]) / 2)
    right = [logits.argmax(dim=1) == labels for logits in seen]
    events = (right[0] & ~right[1]).float() + (right[1] & ~right[2])
    wanted = torch.where(right[0] | right[1] | right[2], events, torch.inf)
    torch.testing.assert_close(history.forgetting(), wanted)
    assert wanted[wanted.isfinite()].sum() > 0  # something was forgotten


def test_it_is_saved_and_gone_on_with(tmp_path: Path) -> None:
    history = saln.History(N_ROWS, early=2)
    train(history, epochs=2)
    history.save(tmp_path / "run.npz")
    found = saln.History.load(tmp_path / "run.npz")
    torch.testing.assert_close(found.el2n(), history.el2n())
    for each in (history, found):
        each.record(torch.arange(4), torch.tensor([[0.9, -0.9, 0.0]]).expand(4, 3))
    assert torch.equal(found.forgetting(), history.forgetting())
    assert found.forgetting()[:4].sum() > 0
    x = torch.zeros(N_ROWS, 1)
    kept = saln.prune(x, keep=10, method="el2n", history=tmp_path / "run.npz")
    assert torch.equal(kept, saln.prune(x, keep=10, method="el2n", history=found))


def test_a_row_that_is_not_finite_does_not_count() -> None:
    history = saln.History(2)
    history.record(torch.tensor([0, 1]), torch.tensor([[-0.1, 0.1], [0.2, -0.2]]))
    history.record(torch.tensor([0, 1]), torch.tensor([[torch.nan, 0.1], [0.8, -0.8]]))
    assert history.n_records.tolist() == [1, 2]
    assert history.forgetting().tolist() == [0, 1]
    torch.testing.assert_close(history.el2n(), torch.tensor([0.1, 0.5]) * 2**0.5)


def test_a_recorder_lets_it_watch() -> None:
    sampler, model = sampler_of("gradient_logdet"), Classifier()
    history, wanted = saln.History(N_ROWS), saln.History(N_ROWS)
    sampler.recorder.watch(history)
    x, labels = problem()
    for batch in sampler:
        with sampler.recorder(model):
            logits = model(x[batch])
        wanted.record(torch.tensor(batch), logits.softmax(dim=1) - F.one_hot(labels[batch], 3))
    assert wanted.n_records.sum() >= N_ROWS / 2
    torch.testing.assert_close(history.el2n(), wanted.el2n(), equal_nan=True)
    torch.testing.assert_close(history.forgetting(), wanted.forgetting(), equal_nan=True)


def test_what_it_counted_is_in_the_sampler_s_state() -> None:
    x = problem()[0]
    sampler, model, history = sampler_of("gradient_logdet"), Classifier(), saln.History(N_ROWS)
    sampler.recorder.watch(history)
    for batch in sampler:
        with sampler.recorder(model):
            model(x[batch])
    other, copy = sampler_of("gradient_logdet"), saln.History(N_ROWS)
    with pytest.raises(ValueError, match="the state holds what 1 listeners heard, want 0"):
        other.load_state_dict(sampler.state_dict())
    other.recorder.watch(copy)
    other.load_state_dict(sampler.state_dict())
    torch.testing.assert_close(copy.el2n(), history.el2n(), equal_nan=True)
    with pytest.raises(ValueError, match="residuals are left out"):
        copy.hear(torch.arange(2), {"losses": torch.zeros(2)}, torch.ones(2, dtype=torch.bool))


def test_a_recorder_that_keeps_no_residuals_says_so() -> None:
    with pytest.raises(ValueError, match="a history needs residuals, and the selector reads none: count in the loop"):
        sampler_of("uniform").recorder.watch(saln.History(N_ROWS))
    with pytest.raises(ValueError, match=f"history is of 7 rows, want {N_ROWS}"):
        sampler_of("gradient_logdet").recorder.watch(saln.History(7))


def test_wrong_arguments_and_files_are_named(tmp_path: Path) -> None:
    history = saln.History(4)
    with pytest.raises(ValueError, match=r"rows are \[3\] and residuals \[2, 2\], want \[B\] and \[B, C\]"):
        history.record(torch.arange(3), torch.zeros(2, 2))
    with pytest.raises(ValueError, match="early is 0, want at least 1"):
        saln.History(4, early=0)
    with pytest.raises(ValueError, match=r"unknown ending '.pt' of a history; wanted .npz"):
        history.save(tmp_path / "run.pt")
    with pytest.raises(DataError, match=r"none\.npz: no such file"):
        saln.History.load(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(
        DataError, match=r"other\.npz: holds no 'n_records'; wanted a file that saln.History.save wrote"
    ):
        saln.History.load(tmp_path / "other.npz")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(DataError, match=r"broken\.npz: cannot be read"):
        saln.History.load(tmp_path / "broken.npz")
