"""select_data with TRL's SFTTrainer."""

import pytest

from integration_cases.runs import launch


def test_fine_tuning_keeps_its_steps_and_packing_is_refused(tmp_path):
    ((trained, told),) = launch("with_trl.fine_tuned", tmp_path)
    assert {steps for steps, _, _ in trained.values()} == {16}
    assert len({rate for _, rate, _ in trained.values()}) == 1
    weights = {name: weight for name, (_, _, weight) in trained.items()}
    assert weights["alike"] == pytest.approx(weights["uniform"], rel=1e-5)
    assert len({tuple(weights[name]) for name in ("plain", "uniform", "saln", "infobatch")}) == 4
    assert told.startswith("ValueError: the arguments' packing is True, want False: it puts several samples into one")
