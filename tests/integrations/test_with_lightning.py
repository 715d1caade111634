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


def test_misuse_is_told(tmp_path):
    for told in launch("with_lightning.misuse", tmp_path, n=2):
        assert "ValueError: use_distributed_sampler is True" in told["with the callback"]
        assert "Trainer(use_distributed_sampler=False)" in told["with the callback"]
        assert "TypeError: features is a " in told["without"]
        assert "Trainer(use_distributed_sampler=False)" in told["without"]
        assert "TypeError: Trying to inject a modified sampler" in told["in the hook"]  # Lightning's own
        assert "ValueError: no sampler: give SpectralSelection" in told["no sampler"]
        assert "NotImplementedError: SpectralDataModule wants make_batch_sampler" in told["not written"]
