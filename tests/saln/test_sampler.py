"""The batch sampler by itself: sizes, epochs, determinism, what it offers the selector, what it refuses."""

import pytest
import torch
from torch.utils.data import BatchSampler, DistributedSampler, RandomSampler

import saln_kernels
from saln import SpectralBatchSampler, SuperBatch
from saln.selectors import JEST, SALN, Auto, SpectralCandidates, Uniform


def features(rows: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, 6, generator=torch.Generator().manual_seed(seed))


def make(rows: int = 100, batch_size: int = 4, **options) -> SpectralBatchSampler:
    if "selector" not in options:
        options = {"selector": "spectral_candidates", "n_candidates": 8, **options}
    return SpectralBatchSampler(features(rows), batch_size, **options)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize(
    ("rows", "batch_size", "filter_ratio", "passes", "sizes"),
    [
        (100, 4, 0.8, None, [4] * 25),
        (103, 4, 0.8, None, [4] * 25 + [3]),
        (3, 4, 0.8, None, [3]),
        (10, 4, 0.0, None, [4, 4, 2]),
        (21, 3, 0.5, None, [3] * 7),
        (50, 7, 0.3, None, [7] * 7 + [1]),
        (0, 4, 0.8, None, []),
        (100, 4, 0.8, 1, [4] * 5),
        (103, 4, 0.8, 2, [4] * 10),
        (103, 4, 0.8, 9, [4] * 25 + [3]),  # never longer than a plain loader's
        (7, 1, 0.9, 1, [1]),
        (10, 4, 0.0, 1, [4, 4, 2]),
    ],
)
def test_len_and_sizes_are_a_plain_loader_s_unless_an_epoch_is_to_be_shorter(
    rows, batch_size, filter_ratio, passes, sizes, drop_last
):
    sampler = make(rows, batch_size, filter_ratio=filter_ratio, passes=passes, drop_last=drop_last)
    wanted = [size for size in sizes if size == batch_size] if drop_last else sizes
    if passes is None:
        plain = BatchSampler(range(rows), batch_size, drop_last)
        assert [len(batch) for batch in plain] == wanted
    assert sampler.batch_size == batch_size
    for _ in range(3):
        assert len(sampler) == len(wanted)
        walked = []
        for batch in sampler:
            assert len(sampler) == len(wanted)
            walked.append(batch)
        assert [len(batch) for batch in walked] == wanted
        for batch in walked:
            assert all(type(index) is int for index in batch)
            assert len(set(batch)) == len(batch)
            assert set(batch) <= set(range(rows))
        flat = [index for batch in walked for index in batch]
        assert passes != 1 or len(set(flat)) == len(flat)


def test_an_epoch_without_filtering_covers_the_dataset_and_epochs_differ():
    sampler = make(50, 5, filter_ratio=0.0)
    epochs = [list(sampler) for _ in range(3)]
    for batches in epochs:
        assert sorted(index for batch in batches for index in batch) == list(range(50))
    assert epochs[0] != epochs[1] != epochs[2]


def test_every_batch_is_the_selector_s_choice_of_its_super_batch():
    data = SuperBatch(features(60), labels=torch.arange(60) % 3)
    seen = []

    class Recorder(Uniform):
        def select(self, super_batch, size, **options):
            rows = super().select(super_batch, size, **options)
            seen.append((super_batch, rows))
            return rows

    sampler = SpectralBatchSampler(data, 4, selector=Recorder())
    batches = list(sampler)
    assert len(seen) == len(batches) == 15
    for step, (super_batch, rows) in enumerate(seen):
        offered = sampler.order.super_batch(0, step)
        assert len(offered) == 20
        assert torch.equal(super_batch.indices, offered)
        assert torch.equal(super_batch.features, data.features[offered])
        assert torch.equal(super_batch.labels, data.labels[offered])
        assert batches[step] == offered[rows].tolist()


def offers(sampler: SpectralBatchSampler, epoch: int = 0) -> torch.Tensor:
    """How often an epoch offers each row."""
    rows = torch.cat([sampler.order.super_batch(epoch, number) for number in range(sampler.n_batches)])
    return torch.bincount(rows, minlength=sampler.order.n_rows)


def test_a_selector_that_abstains_serves_every_row_exactly_once_in_an_epoch():
    """The default on data with neither copies nor labels to doubt: a plain shuffled epoch, its short last batch too."""
    for rows in (3200, 103):
        sampler = SpectralBatchSampler(features(rows), 4)
        assert isinstance(sampler.selector, Auto)
        assert sampler.selector.abstains
        epochs = [list(sampler) for _ in range(2)]
        for batches in epochs:
            assert len(batches) == -(-rows // 4)
            assert sorted(index for batch in batches for index in batch) == list(range(rows))
        assert epochs[0] != epochs[1]
        assert not sampler.has_memory


def test_every_row_is_offered_equally_often():
    assert offers(make(3200, 64)).tolist() == [5] * 3200  # 50 batches from 5 passes of 10 super-batches of 320
    uneven = offers(make(3333, 64))  # a last pass is broken off
    assert set(uneven.tolist()) == {5, 6}
    assert offers(make(3333, 64, passes=1)).tolist() == [1] * 3333


def test_a_step_is_one_call_that_scores_all_candidates(monkeypatch):
    calls = []
    real = saln_kernels.score_batches

    def spy(rows, candidates, *args, **kwargs):
        calls.append(tuple(candidates.shape))
        return real(rows, candidates, *args, **kwargs)

    monkeypatch.setattr(saln_kernels, "score_batches", spy)
    sampler = SpectralBatchSampler(features(100), 4, selector="spectral_candidates", n_candidates=33)
    walk = iter(sampler)
    next(walk)
    assert calls == [(33, 4)]
    list(walk)
    assert calls == [(33, 4)] * len(sampler)


def test_better_scores_than_chance():
    """Chosen batches have a higher effective rank than the same sampler's with a uniform choice."""
    data = features(400)
    ranks = {}
    spectral = {"selector": "spectral_candidates", "n_candidates": 200}
    for name, options in {"spectral": spectral, "uniform": {"selector": Uniform()}}.items():
        batches = torch.tensor(list(SpectralBatchSampler(data, 4, **options)))
        ranks[name] = saln_kernels.score_batches(data, batches, similarity="cosine").mean().item()
    assert ranks["spectral"] > ranks["uniform"] + 0.2


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"choice": "softmax", "temperature": 0.1},
        {"candidates": "stratified", "labels": torch.arange(100) % 4},
        {"selector": Uniform()},
        {"selector": SALN()},
    ],
)
def test_batches_follow_from_seed_epoch_and_step(options):
    first, second = make(seed=3, **options), make(seed=3, **options)
    epochs = [list(first) for _ in range(3)]
    second.set_epoch(2)
    torch.manual_seed(99)  # no state of torch's own is used
    assert list(second) == epochs[2]
    assert [second.batch_at(1, step) for step in reversed(range(len(second)))] == epochs[1][::-1]
    assert list(make(seed=4, **options)) != epochs[0]
    assert make(**options).batch_at(0, 1) != make(**options).batch_at(1, 0)


def test_every_step_of_every_epoch_and_seed_draws_from_a_stream_of_its_own():
    streams = []

    class Recorder(Uniform):
        def select(self, super_batch, size, **options):
            streams.append(options["generator"].initial_seed())
            return super().select(super_batch, size, **options)

    for seed in range(3):
        sampler = make(seed=seed, selector=Recorder())
        for _ in range(4):
            list(sampler)
    assert len(set(streams)) == len(streams) == 3 * 4 * 25


def test_stratified_candidates_need_and_keep_the_labels():
    labels = (torch.arange(200) % 4 == 0).long()
    sampler = make(200, 8, candidates="stratified", labels=labels, filter_ratio=0.5)
    for step, batch in enumerate(sampler):
        offered = labels[sampler.order.super_batch(0, step)]
        assert abs(labels[batch].sum().item() - 8 * offered.double().mean().item()) < 1
    with pytest.raises(ValueError, match="spectral_candidates needs labels"):
        next(iter(make(candidates="stratified")))
    with pytest.raises(ValueError, match="labels are given twice"):
        SpectralBatchSampler(SuperBatch(features(10)), 2, labels=torch.arange(10))


def test_a_super_batch_brings_losses_and_dataset_indices():
    losses = torch.zeros(100)
    losses[::10] = 50.0
    data = SuperBatch(features(100), losses=losses, reference_losses=torch.zeros(100), indices=torch.arange(100) + 1000)
    jest = JEST(first_chunk="learnability")
    chosen = {index for batch in SpectralBatchSampler(data, 10, filter_ratio=0.0, selector=jest) for index in batch}
    assert chosen == set(range(1000, 1100))
    whole = SpectralBatchSampler(data, 10, filter_ratio=0.9, selector=jest)
    assert sorted(next(iter(whole))) == list(range(1000, 1100, 10))


def test_rows_that_are_not_finite_are_counted_and_never_come():
    data = features(103)
    data[7, 1] = torch.nan
    losses = torch.zeros(103)
    losses[50] = torch.inf
    with pytest.warns(UserWarning, match="2 of 103 samples have values that are not finite"):
        sampler = SpectralBatchSampler(SuperBatch(data, losses=losses), 10, filter_ratio=0.0, selector=Uniform())
    assert sampler.n_left_out == 2
    assert len(sampler) == 11
    assert sorted(index for batch in sampler for index in batch) == sorted(set(range(103)) - {7, 50})


class TestEpochs:
    """Which epoch a walk is of."""

    def test_walks_without_set_epoch_go_on(self):
        sampler = make()
        batches = [list(sampler) for _ in range(3)]
        assert [sampler.batch_at(epoch, 0) for epoch in range(3)] == [epoch[0] for epoch in batches]
        assert sampler.epoch == 3

    def test_a_walk_broken_off_is_followed_by_the_next_epoch(self):
        sampler = make()
        next(iter(sampler))
        assert next(iter(sampler)) == sampler.batch_at(1, 0)

    def test_iterators_that_are_never_used_count_for_nothing(self):
        sampler = make()
        iter(sampler)
        iter(sampler)
        assert next(iter(sampler)) == sampler.batch_at(0, 0)

    def test_set_epoch_reaches_it_through_the_child(self):
        sampler = make()
        sampler.sampler.set_epoch(7)
        assert sampler.epoch == 7
        assert sorted(sampler.sampler) == list(range(len(sampler.sampler))) == list(range(100))
        assert list(sampler.sampler) == sampler.order.epoch(7).tolist()
        assert next(iter(sampler)) == sampler.batch_at(7, 0)

    def test_the_same_epoch_can_be_walked_again(self):
        sampler = make()
        for walked in (len(sampler), 2):
            for _ in range(2):
                sampler.set_epoch(4)
                walk = iter(sampler)
                assert [next(walk) for _ in range(walked)] == [sampler.batch_at(4, step) for step in range(walked)]

    def test_set_epoch_just_after_the_first_batches_changes_nothing(self):
        """A loader with workers has drawn ahead when Lightning names the epoch."""
        sampler = make()
        walk = iter(sampler)
        next(walk)
        sampler.set_epoch(0)
        assert sampler.state_dict()["step"] == 1
        assert [sampler.batch_at(0, step) for step in range(1, 25)] == list(walk)
        assert sampler.epoch == 1
        assert next(iter(sampler)) == sampler.batch_at(1, 0)

    def test_an_epoch_named_during_a_walk_is_the_next(self):
        sampler = make()
        walk = iter(sampler)
        next(walk)
        sampler.set_epoch(6)
        assert len(list(walk)) == len(sampler) - 1
        assert sampler.epoch == 6
        assert next(iter(sampler)) == sampler.batch_at(6, 0)
        assert next(iter(sampler)) == sampler.batch_at(7, 0)

    def test_two_walks_at_once_keep_to_their_epochs_and_the_newer_is_the_state(self):
        sampler = make()
        older, newer = iter(sampler), iter(sampler)
        pairs = [(next(older), next(newer)) for _ in range(3)]
        assert pairs == [(sampler.batch_at(0, step), sampler.batch_at(1, step)) for step in range(3)]
        next(older)
        assert (sampler.state_dict()["epoch"], sampler.state_dict()["step"]) == (1, 3)


@pytest.mark.parametrize(
    ("inner", "advice"),
    [
        (
            DistributedSampler(range(10), num_replicas=2, rank=0),
            r"with Lightning, Trainer\(use_distributed_sampler=False\)$",
        ),
        (RandomSampler(range(10)), "Trainer.predict does, .*: give it a loader without this batch sampler$"),
        ([1, 2], r"features is a list, want a tensor \[N, d\], a SuperBatch or extracted features$"),
    ],
)
def test_made_anew_around_another_sampler_it_gives_the_advice(inner, advice):
    with pytest.raises(TypeError, match=advice):
        SpectralBatchSampler(inner, batch_size=4, drop_last=False)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"batch_size": 2.0}, ValueError, "batch_size"),
        ({"filter_ratio": 1.0}, ValueError, "filter_ratio is 1.0, want at least 0 and below 1"),
        ({"filter_ratio": -0.1}, ValueError, "filter_ratio is -0.1"),
        ({"seed": -1}, ValueError, "seed is -1"),
        ({"drop_last": 1}, ValueError, "drop_last"),
        ({"selector": Uniform(), "n_candidates": 3}, TypeError, "options n_candidates belong to the selector"),
        ({"selector": "spectral_candidates", "n_candidate": 3}, TypeError, "n_candidate"),
        ({"n_candidates": 3}, TypeError, "n_candidates"),
        ({"selector": "spectral_candidates", "choice": "best"}, ValueError, "choice is 'best'"),
        ({"selector": "spectral_candidate"}, ValueError, "did you mean 'spectral_candidates'"),
        ({"passes": 0}, ValueError, "passes is 0, want at least 1 or None"),
    ],
)
def test_a_bad_argument_is_refused_by_name(arguments, error, message):
    with pytest.raises(error, match=message):
        next(iter(SpectralBatchSampler(features(40), **{"batch_size": 4, **arguments})))


def test_positions_that_are_not_there():
    sampler = make()
    for step in (-1, 25):
        with pytest.raises(ValueError, match=f"number is {step}, want 0 to 24"):
            sampler.batch_at(0, step)
        with pytest.raises(ValueError, match="epoch is -1"):
            sampler.set_epoch(-1)
    with pytest.raises(ValueError, match="n_batches is 26, want 0 to 25"):
        sampler.skip(26)


def test_it_is_a_batch_sampler_and_knows_its_parts():
    sampler = make(batch_size=64)
    assert isinstance(sampler, BatchSampler)
    assert sampler.super_batch_size == 320
    assert isinstance(sampler.selector, SpectralCandidates)
    assert sampler.sampler.batch_sampler is sampler
