"""Ranks: two and four processes serve what one alone would, no batch twice, and say so where they do not agree."""

import pytest
import torch

from rank_cases import BATCH_SIZE, SELECTORS, epochs, everything, make, run_ranks, scored_candidates
from saln import SpectralBatchSampler
from saln.sampling.ranks import Ranks

N_BATCHES = 28  # per epoch, of all ranks together


@pytest.fixture(scope="module", params=[2, 4])
def ranks(request, tmp_path_factory):
    return run_ranks(everything, request.param, tmp_path_factory.mktemp("ranks"))


def interleaved(per_rank: list[list[list[int]]]) -> list[list[int]]:
    return [batch for together in zip(*per_rank, strict=True) for batch in together]


@pytest.mark.parametrize("name", SELECTORS)
def test_ranks_serve_together_what_one_serves_alone(ranks, name):
    for epoch, alone in enumerate(epochs(make(name), 2)):
        assert interleaved([each[name][epoch] for each in ranks]) == alone
    assert all(each["size"] == N_BATCHES // len(ranks) for each in ranks)


@pytest.mark.parametrize("name", ["spectral_candidates", "consecutive_candidates", "curriculum"])
def test_a_rank_scores_its_share_of_the_candidates(ranks, name):
    """Those of its own batches; where the selector has a memory, a share of those of every batch."""
    with scored_candidates() as counts:
        epochs(make(name), 2)
    scored = [each[f"{name} scored"] for each in ranks]
    assert sum(scored) == sum(counts)
    assert max(scored) <= sum(counts) / len(ranks) + len(counts)


@pytest.mark.parametrize("name", SELECTORS)
def test_ranks_resume_exactly_and_save_the_same(ranks, name):
    alone = epochs(make(name), 3)[2]
    together = interleaved([each[f"{name} resumed"] for each in ranks])
    assert together == alone
    assert all(each[f"{name} state"] == ranks[0][f"{name} state"] for each in ranks)
    with pytest.raises(ValueError, match=f"saved with world_size {len(ranks)}, this sampler has 1"):
        make(name).load_state_dict(ranks[0][f"{name} state"])


@pytest.mark.parametrize("lag", [0, 1, 4])
def test_refreshed_values_are_the_same_on_every_rank(ranks, lag):
    """A selector with a memory looks at all of them; each rank worked out a share."""
    batches = interleaved([each[f"live {lag}"][0] for each in ranks])
    assert len(batches) == 3 * N_BATCHES
    assert all(len(batch) == len(set(batch)) for batch in batches)
    for each in ranks:
        for name in ("features", "losses"):
            assert torch.equal(getattr(each[f"live {lag}"][1], name), getattr(ranks[0][f"live {lag}"][1], name))


def test_each_rank_records_and_chooses_its_own(ranks):
    for rank, each in enumerate(ranks):
        recorded = each["recorded"]
        expected = {row: row + 100.0 * rank for batch in recorded["batches"] for row in batch}
        kept = recorded["losses"]
        assert {row: kept[row].item() for row in kept.isfinite().nonzero().squeeze(1).tolist()} == expected
        assert recorded["state"]["recorder"]["rank"] == rank
        assert recorded["by forward pass"]
    order = make("infobatch").order
    for number in range(2 * N_BATCHES // len(ranks)):
        epoch, step = divmod(number, N_BATCHES // len(ranks))
        for rank, each in enumerate(ranks):
            offered = order.super_batch(epoch, step * len(ranks) + rank).tolist()
            assert set(each["recorded"]["batches"][number]) <= set(offered)


def test_the_default_goes_by_what_each_rank_records(ranks):
    for each in ranks:
        assert each["default"]["from its own offers"]
        assert each["default"]["goes on"]
        assert each["default"]["by gradients"] > 0.9
    assert ranks[0]["default"]["batches"] != ranks[1]["default"]["batches"]


def test_ranks_that_all_choose_all_batches_do_not_record(ranks):
    for each in ranks:
        for given in (True, False):
            assert f"guard has a memory, so that all {len(ranks)} ranks" in each["recorded"][f"refused {given}"]
        assert f"every one of {len(ranks)} processes chooses all" in each["recorded"]["refused to shards"]


def test_ranks_that_do_not_agree_are_told(ranks):
    order = ", ".join(str(rank) for rank in range(len(ranks)))
    for each in ranks:
        assert f"do not agree, so that they would serve samples twice (by rank, seed: {order})" in each["other seed"]
        assert "checksum of the features: " in each["other features"]
        assert "epoch and step: (0, 0), (1, 0)" in each["other epoch"]


def test_rank_and_world_size_may_be_given():
    alone = epochs(make("guard"), 2)
    for world_size in (1, 2, 3, 17, 30):
        samplers = [make("guard", rank=rank, world_size=world_size) for rank in range(world_size)]
        shares = [epochs(each, 2) for each in samplers]
        for epoch in range(2):
            together = interleaved([each[epoch] for each in shares])
            assert together[:N_BATCHES] == alone[epoch]
            order = samplers[0].order.epoch(epoch).tolist()
            for number, batch in enumerate(together[N_BATCHES:]):  # a last round is filled with plain batches
                assert batch == order[number * BATCH_SIZE : (number + 1) * BATCH_SIZE]
    for world_size in (1, 3, 5):
        shares = [
            epochs(make("guard", rank=rank, world_size=world_size, drop_last=True), 1) for rank in range(world_size)
        ]
        together = interleaved([each[0] for each in shares])
        assert together == epochs(make("guard", drop_last=True), 1)[0][: 27 // world_size * world_size]
    with pytest.raises(ValueError, match="an epoch has 27 batches, want at least 28, one per rank"):
        iter(make("guard", rank=0, world_size=28, drop_last=True))
    for rank, world_size in ((2, 2), (-1, 2)):
        with pytest.raises(ValueError, match=f"rank is {rank} and world_size is 2, want 0 <= rank < world_size"):
            make("guard", rank=rank, world_size=world_size)
    with pytest.raises(ValueError, match="rank is 1 and world_size is None, want both or neither"):
        make("guard", rank=1)


def test_skipping_counts_this_rank_s_batches():
    sampler = make("portfolio", rank=1, world_size=3)
    whole = list(sampler)
    sampler.reset()
    sampler.skip(3)
    assert list(sampler) == whole[3:]
    assert sampler.state_dict()["world_size"] == 3


def test_shares_of_rows_are_a_partition():
    for n_rows in (0, 1, 5, 8, 13):
        for world_size in (1, 2, 4, 7):
            shares = [list(range(n_rows))[Ranks(rank, world_size).share_of(n_rows)] for rank in range(world_size)]
            assert [row for share in shares for row in share] == list(range(n_rows))


def test_a_stack_without_accelerate_is_left_alone():
    class BatchSamplerShard:
        def __init__(self, batch_sampler):
            self.batch_sampler = batch_sampler

        def __iter__(self):
            yield from self.batch_sampler

    sampler = SpectralBatchSampler(torch.eye(12), 2, filter_ratio=0, rank=0, world_size=2)
    assert len(list(BatchSamplerShard(sampler))) == 3
    BatchSamplerShard.__module__ = "accelerate.data_loader"
    with pytest.raises(RuntimeError, match=r"sharded twice.*saln\.integrations\.accelerate\.prepare_loader"):
        next(iter(BatchSamplerShard(sampler)))
