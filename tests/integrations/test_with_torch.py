"""The batch sampler in torchdata's stateful loader and in plain DistributedDataParallel: resumed in new processes."""

import pytest

from integration_cases.runs import SEEDS, expected, launch, stop_of


def test_a_stateful_loader_goes_on_exactly(tmp_path):
    from integration_cases.with_torch import STATEFUL_RUNS

    (first,) = launch("with_torch.interrupt_stateful", tmp_path)
    (rest,) = launch("with_torch.resume_stateful", tmp_path)
    for run, (seed, _) in enumerate(STATEFUL_RUNS):
        assert len(first[run]) == stop_of(seed)
        assert first[run] + rest[run] == expected(seed)


@pytest.mark.parametrize("n", [2, 4])
def test_plain_ddp_goes_on_exactly(n, tmp_path):
    first = launch("with_torch.interrupt_ddp", tmp_path, n=n)
    rest = launch("with_torch.resume_ddp", tmp_path, n=n)
    for seed in SEEDS:
        for rank in range(n):
            assert len(first[rank][seed]) == stop_of(seed, n)
            assert first[rank][seed] + rest[rank][seed] == expected(seed, rank, n)
