"""The batch sampler with Lightning: fit, resume, two processes."""

import pytest

from integration_cases.runs import SEEDS, expected, launch, stop_of


@pytest.mark.parametrize("n", [1, 2])
def test_interrupted_runs_go_on_exactly_in_new_processes(n, tmp_path):
    first = launch("with_lightning.interrupt", tmp_path, n=n)
    rest = launch("with_lightning.resume", tmp_path, n=n)
    for seed in SEEDS:
        for rank in range(n):
            assert len(first[rank][seed]) == stop_of(seed, n)
            assert first[rank][seed] + rest[rank][seed] == expected(seed, rank, n)
