"""The batch sampler with Lightning: fit, resume, two processes."""

import pytest

from integration_cases import weighted
from integration_cases.runs import BATCH_SIZE, N_EPOCHS, SEEDS, expected, launch, make_sampler, samples, stop_of
from saln import SpectralBatchSampler


@pytest.mark.parametrize("n", [1, 2])
def test_interrupted_runs_go_on_exactly_in_new_processes(n, tmp_path):
    first = launch("with_lightning.interrupt", tmp_path, n=n)
    rest = launch("with_lightning.resume", tmp_path, n=n)
    for seed in SEEDS:
        for rank in range(n):
            assert len(first[rank][seed]) == stop_of(seed, n)
            assert first[rank][seed] + rest[rank][seed] == expected(seed, rank, n)


def test_what_lightning_stops_and_saves_by_itself_goes_on_exactly(tmp_path):
    """Of a stop by max_steps Lightning thinks that it ends an epoch."""
    (runs,) = launch("with_lightning.in_parts", tmp_path)
    for name, batches in runs.items():
        assert batches == expected(int(name.split()[0])), name


def test_a_limit_of_batches_makes_every_epoch_the_beginning_of_one(tmp_path):
    (runs,) = launch("with_lightning.limited", tmp_path)
    for name, batches in runs.items():
        sampler, wanted = make_sampler(int(name.split()[0])), []
        for epoch in range(N_EPOCHS):
            sampler.set_epoch(epoch)
            walk = iter(sampler)
            wanted += [next(walk), next(walk)]
        assert batches == wanted, name


def test_a_second_fit_without_a_checkpoint_begins_the_next_epoch(tmp_path):
    (runs,) = launch("with_lightning.fitted_twice", tmp_path)
    for seed, batches in zip((0, 5), runs, strict=True):
        n = len(make_sampler(seed))
        assert batches[:4] == expected(seed)[:4]
        assert batches[4:] == expected(seed)[n : n + 2] or make_sampler(seed).has_memory


@pytest.mark.parametrize("n", [1, 2])
def test_steps_and_schedules_are_those_without_selection(n, tmp_path):
    for with_one, without, with_three, without_three in launch("with_lightning.schedules", tmp_path, n=n):
        assert len(without) == N_EPOCHS * -(-16 // n)
        assert len(without_three) == N_EPOCHS * -(-16 // n // 3)
        assert with_one == without
        assert with_three == without_three


@pytest.mark.parametrize("n", [1, 2])
def test_weights_are_applied(n, tmp_path):
    for trained in launch("with_lightning.weighted_training", tmp_path, n=n):
        for name, weight in trained.items():
            assert weighted.differs(weight, weighted.by_hand(name, n)) < 1e-10
            assert weighted.differs(weight, weighted.by_hand(name, n, weighted=False)) > 1e-3


def test_misuse_is_told(tmp_path):
    for told in launch("with_lightning.misuse", tmp_path, n=2):
        assert "ValueError: use_distributed_sampler is True" in told["with the callback"]
        assert "Trainer(use_distributed_sampler=False)" in told["with the callback"]
        assert "TypeError: features is a " in told["without"]
        assert "Trainer(use_distributed_sampler=False)" in told["without"]
        assert "TypeError: Trying to inject a modified sampler" in told["in the hook"]  # Lightning's own
        assert "ValueError: the selector infobatch gives weights" in told["weights"]
        assert "batch_weights(self.trainer), and say weights_applied=True" in told["weights"]
        assert "features is a UnrepeatedDistributedSampler" in told["predict"]
        assert "as Lightning's Trainer.predict" in told["predict"]
    (told,) = launch("with_lightning.other_misuse", tmp_path)
    assert "ValueError: the dataset has 48 samples and the batch sampler features of 47" in told["length"]
    assert "features is a SequentialSampler" in told["predict"]
    assert "as Lightning's Trainer.predict does" in told["predict"]
    assert "use_distributed_sampler" not in told["predict"]
    assert "ValueError: overfit_batches is 2, want 0" in told["overfit"]
    assert "TypeError: data is a Hook, want a DataLoader or a LightningDataModule" in told["module"]
    assert "give trainer.fit what select_data returned" in told["not given"]
    assert "the loader has a SpectralBatchSampler already" in told["selects already"]
    assert "ValueError: the selector infobatch gives weights" in told["weights"]


def test_select_data_chooses_as_a_sampler_does(tmp_path):
    (runs,) = launch("with_lightning.selected_data_modules", tmp_path)
    sampler = SpectralBatchSampler(samples(), BATCH_SIZE, selector="saln", filter_ratio=0.4, seed=1)
    wanted = [batch for _ in range(N_EPOCHS) for batch in sampler]
    for batches in runs:
        assert batches == wanted
