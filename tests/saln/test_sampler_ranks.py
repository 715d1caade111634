"""Ranks: two and four processes serve what one alone would, no batch twice, and say so where they do not agree."""

import pytest
import torch

from rank_cases import SELECTORS, epochs, everything, make, run_ranks, scored_candidates
from saln import SpectralBatchSampler
from saln.sampling.ranks import Ranks


@pytest.fixture(scope="module", params=[2, 4])
def ranks(request, tmp_path_factory):
    return run_ranks(everything, request.param, tmp_path_factory.mktemp("ranks"))


def interleaved(per_rank: list[list[list[int]]]) -> list[list[int]]:
    return [batch for together in zip(*per_rank, strict=True) for batch in together]


@pytest.mark.parametrize("name", SELECTORS)
def test_ranks_serve_together_what_one_serves_alone(ranks, name):
    for epoch, alone in enumerate(epochs(make(name), 2)):
        together = interleaved([each[name][epoch] for each in ranks])
        assert together == alone[: len(together)]
        assert len(alone) - len(together) == 17 % len(ranks) == ranks[0]["sizes"][1]
        flat = [index for batch in together for index in batch]
        assert len(flat) == len(set(flat))
    assert all(each["sizes"] == (17 // len(ranks), 17 % len(ranks)) for each in ranks)


@pytest.mark.parametrize("name", ["spectral_candidates", "consecutive_candidates", "curriculum"])
def test_a_rank_scores_its_share_of_the_candidates(ranks, name):
    """Those of its own batches; where the selector has a memory, a share of those of every batch."""
    with scored_candidates() as counts:
        epochs(make(name), 2)
    scored = [each[f"{name} scored"] for each in ranks]
    assert sum(scored) == sum(counts)  # the batch that the ranks' tail leaves out is the whole of the rows left
    assert max(scored) <= sum(counts) / len(ranks) + len(counts)


@pytest.mark.parametrize("name", SELECTORS)
def test_ranks_resume_exactly_and_save_the_same(ranks, name):
    alone = epochs(make(name), 3)[2]
    together = interleaved([each[f"{name} resumed"] for each in ranks])
    assert together == alone[: len(together)]
    assert len(together) == len(alone) - 17 % len(ranks)
    assert all(each[f"{name} state"] == ranks[0][f"{name} state"] for each in ranks)
    with pytest.raises(ValueError, match=f"saved with world_size {len(ranks)}, this sampler has 1"):
        make(name).load_state_dict(ranks[0][f"{name} state"])


@pytest.mark.parametrize("lag", [0, 1, 4])
def test_refreshed_values_are_the_same_on_every_rank(ranks, lag):
    """A selector with a memory looks at all of them; each rank worked out a share."""
    batches = interleaved([each[f"live {lag}"][0] for each in ranks])
    per_epoch = 17 - 17 % len(ranks)
    for epoch in range(3):
        flat = [index for batch in batches[epoch * per_epoch : (epoch + 1) * per_epoch] for index in batch]
        assert len(flat) == len(set(flat)) == 3 * per_epoch
    for each in ranks:
        for name in ("features", "losses"):
            assert torch.equal(getattr(each[f"live {lag}"][1], name), getattr(ranks[0][f"live {lag}"][1], name))


def test_ranks_that_do_not_agree_are_told(ranks):
    order = ", ".join(str(rank) for rank in range(len(ranks)))
    for each in ranks:
        assert f"do not agree, so that they would serve samples twice (by rank, seed: {order})" in each["other seed"]
        assert "checksum of the features: " in each["other features"]
        assert "epoch and step: (0, 0), (1, 0)" in each["other epoch"]


def test_rank_and_world_size_may_be_given():
    alone = epochs(make("guard"), 2)
    for world_size in (1, 2, 3, 17):
        shares = [epochs(make("guard", rank=rank, world_size=world_size), 2) for rank in range(world_size)]
        for epoch in range(2):
            together = interleaved([each[epoch] for each in shares])
            assert together == alone[epoch][: len(together)]
    with pytest.raises(ValueError, match="an epoch has 17 batches, want at least 18, one a rank"):
        iter(make("guard", rank=0, world_size=18))
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

    sampler = SpectralBatchSampler(torch.eye(12), 2, n_candidates=2, filter_ratio=0, rank=0, world_size=2)
    assert len(list(BatchSamplerShard(sampler))) == 3
    BatchSamplerShard.__module__ = "accelerate.data_loader"
    with pytest.raises(RuntimeError, match=r"sharded twice.*saln\.integrations\.accelerate\.prepare_loader"):
        next(iter(BatchSamplerShard(sampler)))
