"""The batch sampler with the Hugging Face Trainer, on one process and on two."""

import pytest

from integration_cases import weighted
from integration_cases.runs import N_EPOCHS, SEEDS, expected, launch


@pytest.mark.parametrize("n", [1, 2])
def test_interrupted_runs_go_on_exactly_in_new_processes(n, tmp_path):
    first = launch("with_transformers.interrupt", tmp_path, n=n)
    rest = launch("with_transformers.resume", tmp_path, n=n)
    for seed in SEEDS:
        for rank in range(n):
            assert first[rank][seed]
            assert rest[rank][seed]
            assert first[rank][seed] + rest[rank][seed] == expected(seed, rank, n)


def test_a_stop_by_max_steps_goes_on_exactly(tmp_path):
    (runs,) = launch("with_transformers.in_parts", tmp_path)
    for name, batches in runs.items():
        assert batches == expected(int(name.split()[0])), name


@pytest.mark.parametrize("n", [1, 2])
def test_steps_and_schedules_are_those_without_selection(n, tmp_path):
    for with_one, without, with_three, without_three in launch("with_transformers.schedules", tmp_path, n=n):
        assert len(without) == N_EPOCHS * -(-16 // n)
        assert len(without_three) == N_EPOCHS * -(-16 // n // 3)
        assert with_one == without
        assert with_three == without_three


@pytest.mark.parametrize("n", [1, 2])
def test_weights_are_applied_in_training_alone(n, tmp_path):
    for trained in launch("with_transformers.weighted_training", tmp_path, n=n):
        for name, (weight, evaluated, loss) in trained.items():
            selector, per_step = name.split()[0], int(name.split()[1]) * n
            assert weighted.differs(weight, weighted.by_hand(selector, per_step, over_batches=False)) < 1e-10
            unweighted = weighted.by_hand(selector, per_step, weighted=False, over_batches=False)
            assert weighted.differs(weight, unweighted) > 1e-3
            assert evaluated == pytest.approx(loss, rel=1e-5) or n > 1  # two processes have an odd batch to share


def test_what_methods_read_is_recorded_of_training_alone(tmp_path):
    (found,) = launch("with_transformers.recorded", tmp_path)
    n_steps = N_EPOCHS * 16
    for name in ("jest", "gradient_logdet", "infobatch"):
        n_records, age = found[name]
        assert n_records == n_steps
        assert age > 1
    assert found["uniform"] == found["given"] == (0, None)


def test_epochs_ended_early_keep_their_weights_and_are_not_resumed_wrongly(tmp_path):
    ((weights, told),) = launch("with_transformers.ended_early", tmp_path)
    sampler, wanted = weighted.make("infobatch"), []
    for epoch in range(N_EPOCHS):
        sampler.set_epoch(epoch)
        walk = iter(sampler)
        for step in range(5):
            next(walk)
            wanted.append(sampler.served_at(epoch, step).weights.tolist())
    assert weights == wanted
    assert "after 2 batches of epoch 1, and the Trainer would go on after 7 of epoch 0" in told


def test_misuse_is_told(tmp_path):
    (told,) = launch("with_transformers.misuse", tmp_path)
    assert told["length"].startswith("ValueError: the dataset has 48 samples and the batch sampler features of 47")
    assert "ValueError: the selector infobatch gives weights" in told["weights"]
    assert "give sample_losses, a function" in told["weights"]
    assert "so does compute_loss_func or label_smoothing_factor" in told["two losses"]
    assert told["ignored"].startswith("ValueError: ignore_data_skip is True, want False")
    assert "is not there, and without it the selector's memory is lost" in told["no state"]
    assert "batch_size is 3, the arguments' train_batch_size 7" in told["batch size"]
    assert "trains on selected data already" in told["twice"]


def test_trainings_that_selection_does_not_fit_are_refused_before_they_begin(tmp_path):
    (told,) = launch("with_transformers.refused", tmp_path)
    assert "train_dataset is None, want the dataset that the features are of" in told["none"]
    assert "the dataset is a Stream, which gives samples in its own order" in told["iterable"]
    assert told["length"].startswith("ValueError: the dataset has 9 samples and the batch sampler features of 47")
    assert "packing is True, want False: it puts several samples into one" in told["packing"]
    assert "train_sampling_strategy is 'group_by_length', want 'random'" in told["by length"]
    assert "auto_find_batch_size is True, want False" in told["batch size"]
    assert told["fine"] == "no error"


def test_skipping_chooses_nothing_that_is_not_trained_on(tmp_path):
    ((batches, n_chosen),) = launch("with_transformers.skipping", tmp_path)
    assert batches == expected(0)[-len(batches) :]
    assert n_chosen == len(batches) > 0
