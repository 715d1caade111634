"""What builds on spectra step by step: lowest degree, GSTDS, grown candidates, joint growth, consecutive batches."""

import pytest
import torch

import saln_kernels
from saln import SuperBatch
from saln.selectors import GSTDS, SALN, ConsecutiveCandidates, JointGrowth, LowestDegree, SpectralCandidates
from saln.selectors.jest import chunk_sizes
from saln.selectors.support.schedule import Schedule
from selector_cases import assert_drawn_with, cloud, generator


def unit(x: torch.Tensor) -> torch.Tensor:
    return x / x.norm(dim=1, keepdim=True)


@pytest.mark.parametrize("negative", ["clamp", "keep"])
@pytest.mark.parametrize("similarity", ["cosine", "linear"])
def test_lowest_degree_is_the_smallest_row_sums(negative, similarity):
    x = cloud(30, 4, 0)
    points = unit(x) if similarity == "cosine" else x
    weights = (points @ points.T).fill_diagonal_(0)
    degrees = (weights.clamp_min(0) if negative == "clamp" else weights).sum(dim=1)
    rows = LowestDegree(similarity=similarity, negative=negative).select(SuperBatch(x), 9)
    assert rows.tolist() == degrees.argsort()[:9].tolist()


def test_lowest_degree_and_saln_often_agree():
    """The reason for the ablation: |v| goes with a low degree."""
    shared = 0
    for seed in range(10):
        super_batch = SuperBatch(cloud(60, 5, seed) + 0.5)
        chosen = [set(selector.select(super_batch, 12).tolist()) for selector in (SALN(), LowestDegree())]
        shared += len(chosen[0] & chosen[1])
    assert shared / 120 > 2 * 12 / 60


def test_gstds_goes_from_uniform_to_saln():
    super_batch = SuperBatch(cloud(40, 5, 0))
    gstds = GSTDS("both_ends", ratio=Schedule(0.0, 0.9))
    assert gstds.kept(40) == 40
    source = generator(0)
    small = SuperBatch(super_batch.features[:5])
    assert_drawn_with({(row,): 0.2 for row in range(5)}, lambda: gstds.select(small, 1, generator=source), 1500)
    gstds.progress = 0.5
    assert gstds.kept(40) == 22
    kept = set(SALN("both_ends").select(super_batch, 22).tolist())
    drawn = [set(gstds.select(super_batch, 8, generator=source).tolist()) for _ in range(30)]
    assert all(rows <= kept for rows in drawn)
    assert set().union(*drawn) == kept
    gstds.progress = 1.0
    assert gstds.kept(40) == 4
    for size in (4, 8):
        rows = gstds.select(super_batch, size, generator=source)
        assert set(rows.tolist()) == set(SALN("both_ends").select(super_batch, size).tolist())


@pytest.fixture
def scored(monkeypatch):
    """Every call of score_batches: its features, candidates and scores."""
    calls = []
    real = saln_kernels.score_batches

    def spy(features, candidates, *args, **kwargs):
        scores = real(features, candidates, *args, **kwargs)
        calls.append((features, candidates, scores))
        return scores

    monkeypatch.setattr(saln_kernels, "score_batches", spy)
    return calls


def test_joint_growth_takes_the_best_extension_at_every_step_in_one_call_each(scored):
    x = cloud(50, 12, 0, torch.float32)
    rows = JointGrowth(300, n_chunks=4, criterion="logdet").select(SuperBatch(x), 10, generator=generator(0))
    assert len(scored) == 4
    chosen: list[int] = []
    for (_, candidates, scores), chunk in zip(scored, chunk_sizes(10, 4), strict=True):
        n = len(chosen)
        assert candidates.shape == (300, n + chunk)
        assert (candidates[:, :n] == torch.tensor(chosen, dtype=torch.int64)).all()
        assert all(len(set(each)) == n + chunk for each in candidates.tolist())
        chosen = candidates[scores.argmax()].tolist()
    assert rows.tolist() == chosen


def test_one_chunk_is_spectral_candidates():
    super_batch = SuperBatch(cloud(40, 8, 0))
    rows = JointGrowth(100, n_chunks=1).select(super_batch, 6, generator=generator(3))
    whole = SpectralCandidates(100).select(super_batch, 6, generator=generator(3))
    assert sorted(rows.tolist()) == sorted(whole.tolist())


def effective_rank(x: torch.Tensor, rows: torch.Tensor) -> float:
    return float(saln_kernels.score_batches(x, rows.unsqueeze(0), similarity="cosine"))


def test_growth_finds_better_batches_than_as_many_whole_candidates():
    """At equal numbers of candidates scored."""
    x = cloud(100, 16, 1)
    for seed in range(3):
        grown = JointGrowth(100, n_chunks=8).select(SuperBatch(x), 16, generator=generator(seed))
        whole = SpectralCandidates(800).select(SuperBatch(x), 16, generator=generator(seed))
        from_pools = SpectralCandidates(200, candidates="grown").select(SuperBatch(x), 16, generator=generator(seed))
        assert effective_rank(x, grown) > effective_rank(x, whole) + 0.1
        assert effective_rank(x, from_pools) > effective_rank(x, whole) + 0.1


def test_grown_candidates_are_the_log_det_choice_of_their_pools(monkeypatch, scored):
    x = cloud(30, 6, 0)
    pools = []
    real = saln_kernels.greedy_logdet
    monkeypatch.setattr(
        saln_kernels, "greedy_logdet", lambda *args, **kwargs: pools.append(args) or real(*args, **kwargs)
    )
    rows = SpectralCandidates(20, candidates="grown", growth=3.0).select(SuperBatch(x), 5, generator=generator(0))
    (_, offered, size), (_, candidates, scores) = pools[0], scored[0]
    assert offered.shape == (20, 15)
    chosen = offered.gather(1, real(x, offered, size, similarity="cosine", sigma=0.1**0.5).positions)
    assert torch.equal(chosen, candidates)
    assert torch.equal(rows, candidates[scores.argmax()])
    with pytest.raises(ValueError, match=r"growth is 1\.0, want a number above 1"):
        SpectralCandidates(growth=1.0)


def overlap_by_svd(x: torch.Tensor, batch: list[int], served: list[list[int]], k: int) -> float:
    def directions(rows: list[int]) -> torch.Tensor:
        return torch.linalg.svd(unit(x[rows]), full_matrices=False).Vh[:k]

    past = directions([row for rows in served for row in rows])
    return float((directions(batch) @ past.T).square().sum() / k)


def test_consecutive_candidates_score_less_overlap_with_what_was_served(scored):
    x = cloud(40, 12, 0)
    selector = ConsecutiveCandidates(80, penalty=2.0, memory=2, n_directions=3)
    served: list[list[int]] = []
    for step in range(4):
        rows = selector.select(SuperBatch(x), 6, generator=generator(step))
        _, candidates, scores = scored[-1]
        scores = scores.double()
        wanted = (scores - scores.mean()) / scores.std(correction=0)
        if served:
            overlaps = torch.tensor([overlap_by_svd(x, batch, served[-2:], 3) for batch in candidates.tolist()])
            wanted = wanted - 2.0 * (overlaps - overlaps.mean()) / overlaps.std(correction=0)
        assert rows.tolist() == candidates[wanted.argmax()].tolist()
        served.append(rows.tolist())


def test_without_a_penalty_they_are_spectral_candidates():
    super_batch = SuperBatch(cloud(40, 8, 0))
    selector = ConsecutiveCandidates(50, penalty=0.0)
    for step in range(3):
        rows = selector.select(super_batch, 6, generator=generator(step))
        assert torch.equal(rows, SpectralCandidates(50).select(super_batch, 6, generator=generator(step)))


def test_reuse_is_avoided_where_it_is_penalised():
    super_batch = SuperBatch(cloud(40, 8, 0), indices=torch.arange(100, 140))

    def reused(penalty: float) -> int:
        selector, last, total = ConsecutiveCandidates(300, penalty=penalty, overlap="reuse", memory=1), set(), 0
        for step in range(8):
            rows = set(selector.select(super_batch, 10, generator=generator(step)).tolist())
            total += len(rows & last)
            last = rows
        return total

    assert reused(10.0) < 0.5 * reused(0.0)
    with pytest.raises(ValueError, match="consecutive_candidates needs indices"):
        ConsecutiveCandidates(overlap="reuse").select(SuperBatch(cloud(10, 3, 0)), 2)
