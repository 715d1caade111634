"""Where selection must help, the pilot says so, and where it cannot, it says that."""

from __future__ import annotations

import torch

from saln.datasets import Dataset
from saln.pilot.builtin import BuiltinConfig, BuiltinJob
from saln.pilot.judging.verdict import BETTER, GAIN, LOSS, NO_GAIN, STEPS_ONLY
from saln.pilot.output.words import answer
from saln.pilot.runner import run_pilot
from saln.pilot.training.methods import make_methods


def classes(n_classes: int, per_class: int, n_inputs: int, apart: float) -> Dataset:
    """Normal classes of equal size, their centres as far apart as `apart` says, in units of their spread."""
    generator = torch.Generator().manual_seed(7)
    centres = apart * torch.randn(n_classes, n_inputs, generator=generator)
    labels = torch.arange(n_classes).repeat_interleave(per_class)
    x = centres[labels] + torch.randn(labels.shape[0], n_inputs, generator=generator)
    return Dataset("classes", x, labels, None, tuple(map(str, range(n_classes))), features_given=True)


def test_duplicates_make_a_gain_on_the_clock() -> None:
    """Four rows of five are copies of one in fifty. k-center avoids them at a fraction of the cost of a wide step."""
    config = BuiltinConfig(duplicates=0.8, hidden=1536, steps=60, evaluations=30, reference_steps=1)
    result = run_pilot(BuiltinJob(classes(10, 300, 64, 0.4)), config, make_methods(["k_center"]))
    (verdict,) = result.verdicts
    found = result.kpis[1].against("final_accuracy")
    assert verdict.gain == GAIN
    assert verdict.outcome("final_accuracy") == BETTER
    assert found is not None
    assert found.low is not None
    assert found.low > 0.02
    assert "[+" in answer(verdict.answers[0])
    assert (result.decision.outcome, result.decision.method) == ("extend", "k_center")
    assert answer(verdict.answers[2]) in result.decision.reason
    assert "made worse" in result.decision.reason
    assert result.selections[1].copies_chosen < 0.5 < 0.75 < result.selections[0].copies_chosen


def test_wrong_labels_make_a_gain_at_equal_steps() -> None:
    """Two labels in five are wrong; a reference trained on other rows, as noisy, tells which. No clock is asked."""
    config = BuiltinConfig(
        label_noise=0.4, reference_share=0.4, batch_size=32, steps=80, learning_rate=0.005, evaluations=4
    )
    result = run_pilot(BuiltinJob(classes(4, 300, 50, 0.5)), config, make_methods(["rho_loss:temperature=1"]))
    (verdict,) = result.verdicts
    assert verdict.outcome("final_accuracy") == BETTER
    assert verdict.gain in (GAIN, STEPS_ONLY)
    assert result.selections[1].wrong_chosen < result.selections[0].wrong_chosen - 0.03


def test_the_default_finds_copies_and_wrong_labels_by_itself() -> None:
    """No reference, no losses. No clock is asked."""
    config = BuiltinConfig(label_noise=0.3, duplicates=0.6, steps=80, evaluations=8, reference_steps=1)
    result = run_pilot(BuiltinJob(classes(8, 800, 30, 0.6)), config, make_methods(["one_pass"]))
    (verdict,) = result.verdicts
    assert verdict.outcome("final_accuracy") == BETTER
    uniform, mine = result.selections
    assert mine.copies_chosen < uniform.copies_chosen / 2
    assert mine.wrong_chosen < uniform.wrong_chosen / 2


def test_the_default_leaves_clean_data_alone() -> None:
    """There is nothing to choose by, and the batches are uniform's own."""
    result = run_pilot(
        BuiltinJob(classes(4, 800, 20, 1.0)), BuiltinConfig(steps=60, evaluations=4), make_methods(["one_pass"])
    )
    (verdict,) = result.verdicts
    assert verdict.gain == NO_GAIN
    for seed in range(5):
        uniform, mine = (run for run in result.runs if run.seed == seed)
        assert torch.equal(uniform.chosen, mine.chosen)
        assert [point.score for point in uniform.curve] == [point.score for point in mine.curve]


def test_clean_equal_classes_show_no_gain() -> None:
    """All classes alike, every row as good as the next, and steps enough to learn all there is: nothing to choose."""
    config = BuiltinConfig(steps=80, evaluations=8)
    result = run_pilot(BuiltinJob(classes(4, 400, 20, 1.0)), config, make_methods(["rho_loss", "k_center", "jest"]))
    assert [verdict.gain for verdict in result.verdicts if verdict.gain not in (NO_GAIN, LOSS)] == []
    assert NO_GAIN in [verdict.gain for verdict in result.verdicts]
    assert result.decision.outcome != "adopt"
