"""What goes wrong with the recorder says what to do, and evaluation is not taken for training."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from recorder_cases import BATCH_SIZE, N_ROWS, Classifier, problem, sampler_of
from saln import SpectralBatchSampler, SuperBatch
from saln.sampling.refresh import Refresh


def test_an_epoch_without_a_record():
    sampler = sampler_of("jest")
    list(sampler)
    with pytest.raises(RuntimeError, match=r"jest reads losses, and in a whole epoch nothing was recorded: .*with"):
        list(sampler)


def test_an_epoch_without_a_record_in_a_loader_with_workers():
    loader = DataLoader(TensorDataset(*problem()), batch_sampler=sampler_of("gradient_logdet"), num_workers=1)
    list(loader)
    with pytest.raises(RuntimeError, match="gradient_logdet reads residuals"):
        list(loader)


def test_given_losses_need_no_record():
    sampler = SpectralBatchSampler(SuperBatch(problem()[0], losses=torch.rand(N_ROWS)), 8, selector="infobatch")
    assert len([*sampler, *sampler]) == 30


def test_a_refresh_of_losses_needs_no_record():
    x, _ = problem()
    refresh = Refresh(lambda model, rows: SuperBatch(x[rows], losses=rows.float()), nn.Linear(1, 1), every=5)
    sampler = SpectralBatchSampler(x, BATCH_SIZE, selector="infobatch", refresh=refresh, ahead=1)
    assert len([*sampler, *sampler]) == 30


def test_a_wrong_number_of_rows():
    sampler = sampler_of("jest")
    walk = iter(sampler)
    next(walk)
    with pytest.raises(ValueError, match="5 rows came to be recorded, want 8, those of the next batch served"):
        sampler.recorder.record(torch.zeros(5))
    sampler.recorder.record(torch.zeros(8))  # the batch is still there
    with pytest.raises(ValueError, match="no batch is left to record"):
        sampler.recorder.record(torch.zeros(8))
    with pytest.raises(ValueError, match="indices are 3, want 8, one a row"):
        sampler.recorder.record(torch.zeros(8), indices=[1, 2, 3])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"losses": torch.tensor(0.5)}, r"losses has shape \[\], want \[B\], one row a sample"),
        ({"losses": torch.zeros(8, 3)}, r"losses has shape \[8, 3\], want \[B\]"),
        ({"losses": torch.zeros(8, dtype=torch.int64)}, "losses has dtype torch.int64, want floating numbers"),
        (
            {"losses": torch.zeros(8)},
            "residuals are left out, want them recorded beside losses: the selector reads",
        ),
        ({"residuals": torch.zeros(7, 3)}, r"residuals has shape \[7, 3\], want \[8, n\]"),
        (
            {"residuals": torch.zeros(8, 3), "activations": torch.zeros(8)},
            r"activations has shape \[8\], want \[8, n\]",
        ),
        ({"residuals": torch.zeros(8, 3)}, "activations are left out, want them recorded .* activations=True"),
        ({"indices": [500], "losses": torch.zeros(1)}, "indices has 500, which is not among the sampler's"),
    ],
)
def test_what_does_not_fit(arguments, message):
    sampler = sampler_of("gradient_logdet", activations=True)
    next(iter(sampler))
    given = {"losses": torch.zeros(8), **arguments}
    if "indices" in given:
        given |= {"residuals": torch.zeros(1, 3), "activations": torch.zeros(1, 2)}
    with pytest.raises(ValueError, match=message):
        sampler.recorder.record(**given)


def test_another_width_than_before():
    sampler = sampler_of("gradient_logdet")
    walk = iter(sampler)
    next(walk), next(walk)
    sampler.recorder.record(torch.zeros(8), residuals=torch.zeros(8, 3))
    with pytest.raises(ValueError, match="residuals has 4 columns, want 3 as before"):
        sampler.recorder.record(torch.zeros(8), residuals=torch.zeros(8, 4))
    x, _ = problem()
    sampler = SpectralBatchSampler(SuperBatch(x, residuals=torch.ones(N_ROWS, 2)), 8, selector="gradient_logdet")
    next(iter(sampler))
    with pytest.raises(ValueError, match="residuals has 3 columns, want 2 as those that the sampler was given"):
        sampler.recorder.record(torch.zeros(8), residuals=torch.zeros(8, 3))


def test_batches_ahead_are_refused():
    with pytest.raises(ValueError, match="ahead is 2, want 0: infobatch chooses by what training has recorded"):
        next(iter(sampler_of("infobatch", ahead=2)))
    x, _ = problem()
    sampler = SpectralBatchSampler(SuperBatch(x, losses=torch.rand(N_ROWS)), 8, selector="infobatch", ahead=2)
    next(iter(sampler))
    with pytest.raises(ValueError, match="ahead is 2"):
        sampler.recorder.record(torch.zeros(8))
    sampler._serving.discard_ahead()


def test_reference_losses_need_labels():
    sampler = SpectralBatchSampler(problem()[0], 8, selector="rho_loss")
    with pytest.raises(ValueError, match="rho_loss reads reference_losses, and there are no labels to work them out"):
        next(iter(sampler))
    given = SuperBatch(problem()[0], reference_losses=torch.zeros(N_ROWS))
    assert len(next(iter(SpectralBatchSampler(given, 8, selector="rho_loss")))) == 8


def test_memories_on_several_ranks_are_refused():
    sampler = sampler_of("guard:jest", rank=0, world_size=2)
    with pytest.raises(ValueError, match="guard has a memory, so that all 2 ranks choose all batches"):
        next(iter(sampler))
    assert len(next(iter(sampler_of("jest", rank=0, world_size=2)))) == 8


def test_labels_that_are_no_columns():
    x, y = problem()
    sampler = SpectralBatchSampler(x, 8, labels=y + 1, selector="infobatch")
    model = Classifier()
    batch = next(iter(sampler))
    with pytest.raises(ValueError, match="labels go from 1 to 3, want 0 to 2"), sampler.recorder(model):
        model(x[batch])
    sampler = SpectralBatchSampler(x, 8, selector="infobatch")
    batch = next(iter(sampler))
    with pytest.raises(ValueError, match="no labels to compare logits with"), sampler.recorder(model):
        model(x[batch])


def test_evaluation_is_not_taken_for_a_batch():
    sampler, model = sampler_of("infobatch"), Classifier()
    x, _ = problem()
    walk = iter(sampler)
    batch = next(walk)
    with torch.no_grad(), sampler.recorder(model):
        model(x[:3])
    assert sampler.recorder.n_records == 0
    with torch.no_grad(), sampler.recorder(model, indices=range(20)):
        model(x[:20])
    assert sampler.recorder.values("losses").isfinite().sum() == 20
    with sampler.recorder(model):
        model(x[batch])
    assert sampler.recorder.values("losses").isfinite().sum() == len({*batch, *range(20)})


def test_an_error_in_the_forward_pass_records_nothing():
    sampler, model = sampler_of("infobatch"), Classifier()
    batch = next(iter(sampler))
    with pytest.raises(TypeError), sampler.recorder(model):
        model(problem()[0][batch]).backward("no gradient")
    assert sampler.recorder.n_records == 0
    assert not model.head._forward_hooks
    with sampler.recorder(model):
        model(problem()[0][batch])
    assert sampler.recorder.n_records == 1
