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
