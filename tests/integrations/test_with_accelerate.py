"""The batch sampler with accelerate, on one process and on two."""

import pytest

from integration_cases import weighted
from integration_cases.runs import BATCH_SIZE, SEEDS, expected, launch, make_sampler, samples, stop_of
from saln import SpectralBatchSampler


@pytest.mark.parametrize("n", [1, 2])
def test_interrupted_runs_go_on_exactly_in_new_processes(n, tmp_path):
    first = launch("with_accelerate.interrupt", tmp_path, n=n)
    rest = launch("with_accelerate.resume", tmp_path, n=n)
    for seed in SEEDS:
        for rank in range(n):
            assert len(first[rank][seed]) == stop_of(seed, n)
            assert first[rank][seed] + rest[rank][seed] == expected(seed, rank, n)


def test_epochs_broken_off_go_on_exactly(tmp_path):
    (runs,) = launch("with_accelerate.limited", tmp_path)
    for seed, (whole, saved) in zip((0, 1, 3, 5), runs, strict=True):
        assert saved == whole
        assert whole[:2] == expected(seed)[:2]
        n = len(make_sampler(seed))
        assert whole[2:4] == expected(seed)[n : n + 2] or make_sampler(seed).has_memory


@pytest.mark.parametrize("n", [1, 2])
def test_weights_are_those_of_the_batch_that_came_out(n, tmp_path):
    for trained in launch("with_accelerate.weighted_training", tmp_path, n=n):
        for name, weight in trained.items():
            assert weighted.differs(weight, weighted.by_hand(name, n)) < 1e-10
            assert weighted.differs(weight, weighted.by_hand(name, n, weighted=False)) > 1e-3


def test_misuse_is_told_and_the_other_way_of_sharding_works(tmp_path):
    told = launch("with_accelerate.misuse", tmp_path, n=2)
    for rank in range(2):
        assert "RuntimeError: the batches would be sharded twice" in told[rank]["sharded twice"]
        assert "saln.integrations.accelerate.prepare_loader" in told[rank]["sharded twice"]
        assert f"rank 0 of 1, this process is {rank} of 2: leave rank and" in told[rank]["not its rank"]
        assert "TypeError: the loader's batch sampler is a BatchSampler, want" in told[rank]["no batch sampler"]
        assert "without skip_first_batches, which is not needed" in told[rank]["saved elsewhere"]
        for name in ("length", "length elsewhere"):
            assert "ValueError: the dataset has 48 samples and the batch sampler features of 47" in told[rank][name]
        assert "ValueError: the selector infobatch gives weights" in told[rank]["weights"]
        assert "loader.weights, and say weights_applied=True" in told[rank]["weights"]
        assert told[rank]["skipped"] == expected(0, rank, 2)[3:8]
        assert told[rank]["sharded by accelerate"] == expected(0, rank, 2)[:8]


def test_dispatching_one_rank_s_share_is_refused(tmp_path):
    (told,) = launch("with_accelerate.dispatched", tmp_path)
    assert "RuntimeError: the batches would be sharded twice" in told
    assert "accelerate's DataLoaderDispatcher shards it again" in told


@pytest.mark.parametrize("n", [1, 2])
def test_one_line_chooses_as_a_sampler_does_and_keeps_the_number_of_batches(n, tmp_path):
    for rank, (n_plain, n_chosen, batches, told) in enumerate(launch("with_accelerate.selected", tmp_path, n=n)):
        options = {"selector": "saln", "seed": 3, "filter_ratio": 0.4, "rank": rank, "world_size": n}
        sampler = SpectralBatchSampler(samples(), BATCH_SIZE, **options)
        assert n_chosen == n_plain
        assert batches == [batch for _ in range(2) for batch in sampler]
        assert "ValueError: the loader went through accelerator.prepare" in told["prepared"]
        assert "ValueError: the selector infobatch gives weights" in told["weights"]
        assert ("split_batches is True, want False" in told["split"]) == (n == 2)
