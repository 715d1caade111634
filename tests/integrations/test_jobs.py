"""Trainings as jobs of the pilot: with uniform they are the bare trainings, to the bit; what is reported, and when."""

import pytest

from integration_cases.jobs import N_STEPS, SLOW
from integration_cases.runs import launch


def test_plain_pytorch(tmp_path):
    ((by_job, bare, others),) = launch("jobs.in_plain_pytorch", tmp_path)
    reports, paused, weight = by_job
    assert weight == bare == others["mean"]
    assert [step for step, _ in reports] == [12, 24, 36, N_STEPS]
    assert all(set(metrics) == {"accuracy"} for _, metrics in reports)
    assert paused >= 4 * SLOW
    assert others["weighted"] != weight
    assert [step for step, _ in others["longer"]] == [18, 36, 54, 72]
    assert others["jest"] != others["gradients"] != reports
    assert (
        "loss gives a mean, and infobatch weights or reads single losses: want one loss per sample" in others["dropped"]
    )
    assert "ValueError: loss gives shape [3, 3], want [3], one per sample, or their mean" in others["wide"]
    assert others["epochs"] == "ValueError: epochs is 0, want at least 1"


def test_lightning(tmp_path):
    ((by_job, bare, others),) = launch("jobs.in_lightning", tmp_path)
    reports, paused, weight = by_job
    assert weight == bare
    assert [step for step, _ in reports] == [16, 32, N_STEPS - 3]
    assert [step for step, _ in others[2]] == [24, 48, 72, 96, 120, 2 * 68]  # 68 of 1.5 * 45 steps, two batches each
    assert all(set(metrics) == {"accuracy"} for _, metrics in reports)
    assert paused >= 4 * SLOW  # once before training, too
    assert others[0] == "RandomSampler"
    assert "the pilot's batch_size is 3, the training loader's 4: want the same" in others[1]


def test_transformers(tmp_path):
    ((by_job, bare, (told, weighted, alike, longer)),) = launch("jobs.in_transformers", tmp_path)
    reports, paused, weight = by_job
    assert weight == bare
    assert alike == pytest.approx(weight, rel=1e-5)
    assert weighted != weight
    assert [step for step, _ in longer] == [40, 60]
    assert [step for step, _ in reports] == [20, 40, N_STEPS]
    assert all(set(metrics) == {"all_accuracy", "all_loss", "few_accuracy", "few_loss"} for _, metrics in reports)
    assert paused >= 6 * SLOW
    assert "ValueError: the selector infobatch gives weights" in told
