"""The batch sampler with the Hugging Face Trainer, on one process and on two."""

import pytest

from integration_cases.runs import SEEDS, expected, launch


@pytest.mark.parametrize("n", [1, 2])
def test_interrupted_runs_go_on_exactly_in_new_processes(n, tmp_path):
    first = launch("with_transformers.interrupt", tmp_path, n=n)
    rest = launch("with_transformers.resume", tmp_path, n=n)
    for seed in SEEDS:
        for rank in range(n):
            assert first[rank][seed]
            assert rest[rank][seed]
            assert first[rank][seed] + rest[rank][seed] == expected(seed, rank, n)


def test_misuse_is_told(tmp_path):
    (told,) = launch("with_transformers.misuse", tmp_path)
    assert told["ignored"].startswith("ValueError: ignore_data_skip is True, want False")
    assert "is not there, and without it the selector's memory is lost" in told["no state"]
    assert "batch_size is 3, the arguments' per_device_train_batch_size 7" in told["batch size"]


def test_skipping_chooses_nothing_that_is_not_trained_on(tmp_path):
    ((batches, n_chosen),) = launch("with_transformers.skipping", tmp_path)
    assert batches == expected(0)[-len(batches) :]
    assert n_chosen == len(batches) == 2
