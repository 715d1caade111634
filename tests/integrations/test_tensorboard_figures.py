"""Figures of selection in TensorBoard: right, and from every trainer."""

import time
from collections import defaultdict

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from integration_cases.runs import launch
from saln import SpectralBatchSampler, SuperBatch
from saln.integrations.tensorboard import SelectionLog
from saln.sampling.refresh import Refresh
from saln.selectors import RHOLoss, Uniform
from saln_kernels import score_batches

N_ROWS, BATCH_SIZE, EVERY = 100, 3, 5  # 10 batches in one pass of super-batches of 10 rows


class Writer:
    """Keeps what is written: by tag, the steps and values."""

    def __init__(self) -> None:
        self.scalars, self.histograms = defaultdict(dict), defaultdict(dict)

    def add_scalar(self, tag, value, step):
        self.scalars[tag.removeprefix("saln/")][step] = value

    def add_histogram(self, tag, values, step):
        self.histograms[tag.removeprefix("saln/")][step] = values


def samples(seed: int = 0) -> SuperBatch:
    source = torch.Generator().manual_seed(seed)
    return SuperBatch(
        torch.randn(N_ROWS, 6, generator=source),
        losses=torch.rand(N_ROWS, generator=source),
        reference_losses=torch.zeros(N_ROWS),
        labels=torch.randint(4, (N_ROWS,), generator=source) * 10,
    )


def make(**options) -> SpectralBatchSampler:
    options = {"selector": "spectral_candidates", "passes": 1, **options}
    return SpectralBatchSampler(samples(), BATCH_SIZE, filter_ratio=0.7, **options)


def trained(sampler: SpectralBatchSampler, n_epochs: int = 2, **options) -> tuple[Writer, list[list[list[int]]]]:
    """What is written of a run, and its batches."""
    writer, epochs = Writer(), []
    log = SelectionLog(sampler, writer, every=EVERY, **options)
    for epoch in range(n_epochs):
        epochs.append([])
        for batch in sampler:
            epochs[-1].append(batch)
            log.update(epoch, len(epochs[-1]))
    return writer, epochs


def test_scores_are_those_of_the_batches_and_of_random_ones_beside():
    writer, epochs = trained(make(n_candidates=64))
    features = samples().features
    batches = [batch for epoch in epochs for batch in epoch]
    means = {name: 0.0 for name in ("served", "random")}
    for n, step in enumerate(sorted(writer.histograms["score/served"])):
        assert step == EVERY * (n + 1)
        window = torch.tensor(batches[EVERY * n : EVERY * (n + 1)])
        own = score_batches(features, window, "effective_rank", similarity="cosine")
        assert torch.equal(writer.histograms["score/served"][step], own)
        for name in means:
            assert writer.scalars[f"score/{name}_mean"][step] == writer.histograms[f"score/{name}"][step].mean()
            means[name] += writer.scalars[f"score/{name}_mean"][step]
        assert len(writer.histograms["score/random"][step]) == EVERY
    assert means["served"] > means["random"]


def test_random_batches_come_from_the_same_super_batches():
    """Where a super-batch has no more rows than the batch, both are the same."""
    writer, _ = trained(SpectralBatchSampler(samples(), 9, filter_ratio=0.0, selector=Uniform()))
    for step, scores in writer.histograms["score/served"].items():
        assert torch.allclose(scores, writer.histograms["score/random"][step])


def test_coverage_counts_samples_and_classes():
    writer, epochs = trained(make(selector=Uniform()))
    labels = samples().labels
    seen: set[int] = set()
    for epoch, batches in enumerate(epochs):
        of_epoch: list[int] = []
        for n in range(0, len(batches) - EVERY + 1, EVERY):
            flat = [index for batch in batches[n : n + EVERY] for index in batch]
            seen |= set(flat)
            of_epoch += labels[flat].tolist()
            step = 10 * epoch + n + EVERY
            shares = {label: of_epoch.count(label) / len(of_epoch) for label in (0, 10, 20, 30)}
            there = {label: (labels == label).double().mean().item() for label in shares}
            least = min(shares[label] / there[label] for label in shares)
            assert writer.scalars["coverage/samples"][step] == pytest.approx(len(seen) / N_ROWS)
            assert writer.scalars["coverage/least_class"][step] == pytest.approx(least)
            assert writer.scalars["coverage/classes"][step] == sum(share > 0 for share in shares.values()) / 4
    assert len(writer.scalars["coverage/classes"]) == 4


def test_a_selector_that_abstains_covers_every_sample_in_an_epoch():
    sampler = make(selector="auto", passes=None)
    writer, _ = trained(sampler, 3)
    n_batches = len(sampler)
    assert n_batches == 34
    for step, share in writer.scalars["coverage/samples"].items():
        assert share == pytest.approx(min(1.0, step * BATCH_SIZE / N_ROWS))


def test_what_the_default_says_of_itself():
    sampler = SpectralBatchSampler(samples().features.repeat(2, 1), BATCH_SIZE)
    writer, epochs = trained(sampler, n_epochs=1)
    assert set(writer.scalars["selector/near_copies"].values()) == {0.5}
    assert max(writer.scalars["selector/batches_features"].values()) == len(epochs[0]) // EVERY * EVERY


def test_losses_of_what_is_chosen():
    losses = samples().losses
    sampler = make(selector=RHOLoss())
    writer, epochs = trained(sampler, 1)
    step = EVERY
    chosen = losses[[index for batch in epochs[0][:EVERY] for index in batch]].double().mean()
    offered = losses[torch.cat([sampler.order.super_batch(0, n) for n in range(EVERY)])].double().mean()
    assert writer.scalars["loss/chosen_over_offered"][step] == pytest.approx((chosen / offered).item())
    assert chosen > 1.3 * offered


def test_overhead_is_what_training_waits_for():
    class Slow(Uniform):
        def select(self, super_batch, size, **options):
            time.sleep(0.05)
            return super().select(super_batch, size, **options)

    sampler = make(selector=Slow())
    writer, log_of = Writer(), {}
    log = SelectionLog(sampler, writer, every=3)
    begun = None
    for step, _ in enumerate(sampler):
        time.sleep(0.05)
        log.update(0, step + 1)
        log_of[step + 1] = time.perf_counter() - begun if begun else None
        begun = begun or time.perf_counter()
    for step, share in writer.scalars["overhead/share_of_step"].items():
        waited = sum(sampler.served_at(0, n).waited_seconds for n in range(max(1, step - 3), step))
        assert 0.05 * (2 if step == 3 else 3) <= waited
        assert 0.2 < share < 1
    assert all(seconds >= 0.05 for seconds in writer.scalars["overhead/seconds"].values())


@pytest.mark.parametrize("workers", [0, 2])
def test_staleness_counts_what_the_loader_asks_ahead(workers):
    model = nn.Linear(1, 1)
    refresh = Refresh(lambda model, indices: samples().features[indices], model, every=2)
    sampler = make(selector=Uniform(), refresh=refresh)
    loader = DataLoader(TensorDataset(torch.arange(N_ROWS)), batch_sampler=sampler, num_workers=workers)
    writer = Writer()
    log = SelectionLog(sampler, writer, every=1)
    for step, _ in enumerate(loader):
        log.update(0, step + 1)
    ahead = writer.scalars["read_ahead"]
    assert set(ahead) == set(range(1, 11))
    for step, most in writer.scalars["staleness/max"].items():
        assert most == sampler.served_at(0, step - 1).staleness + ahead[step]
    assert max(ahead.values()) == 2 * workers
    assert ahead[10] == 0


def test_ages_of_what_was_recorded():
    dataset = SuperBatch(samples().features, labels=samples().labels)
    sampler = SpectralBatchSampler(dataset, BATCH_SIZE, filter_ratio=0.7, selector="infobatch")
    writer = Writer()
    log = SelectionLog(sampler, writer, every=EVERY)
    for step, batch in enumerate(sampler):
        sampler.recorder.record(torch.rand(len(batch)))
        log.update(0, step + 1)
    for step, age in writer.scalars["recorded/age"].items():
        served = [sampler.served_at(0, n) for n in range(step - EVERY, step)]
        ages = [each.age for each in served if each.age is not None]
        assert age == pytest.approx(sum(ages) / len(ages))
        assert writer.scalars["recorded/unseen"][step] == pytest.approx(sum(each.unseen for each in served) / EVERY)
    unseen = list(writer.scalars["recorded/unseen"].values())
    assert unseen[0] > 0.9 > unseen[-1] > 0
    assert "recorded/age" not in trained(make())[0].scalars


def test_a_log_begun_after_a_resume_tells_of_what_came_since():
    whole, _ = trained(make(n_candidates=8))
    before = make(n_candidates=8)
    walk = iter(before)
    for _ in range(5):
        next(walk)
    writer = Writer()
    resumed = make(n_candidates=8)
    log = SelectionLog(resumed, writer, every=EVERY)  # before the state is restored, as trainers do
    resumed.load_state_dict(before.state_dict())
    for epoch, first in ((0, 5), (1, 0)):
        for n, _ in enumerate(resumed):
            log.update(epoch, first + n + 1)
    (step, scores), *_ = writer.histograms["score/served"].items()
    assert step == 10
    joined = torch.cat(list(whole.histograms["score/served"].values()))
    assert torch.equal(scores, joined[step - EVERY : step])


def test_only_rank_0_writes():
    writer, _ = trained(make(n_candidates=4, rank=1, world_size=2), 1)
    assert not writer.scalars
    writer, _ = trained(make(n_candidates=4, rank=0, world_size=2), 2)
    assert set(writer.scalars["coverage/samples"]) == {5, 10}


def test_a_bad_number_is_refused():
    with pytest.raises(ValueError, match="every is 0, want at least 1"):
        SelectionLog(make(), Writer(), every=0)


@pytest.mark.parametrize(("trainer", "steps"), [("accelerate", 16), ("lightning", 10), ("transformers", 48)])
def test_every_trainer_writes(trainer, steps, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    launch(f"with_{trainer}.logged", tmp_path)
    events = EventAccumulator(str(tmp_path / trainer))
    events.Reload()
    tags = events.Tags()
    assert set(tags["histograms"]) == {"saln/score/served", "saln/score/random"}
    assert {tag.split("/")[1] for tag in tags["scalars"]} == {"score", "loss", "coverage", "overhead", "read_ahead"}
    written = events.Scalars("saln/coverage/samples")
    assert [point.step for point in written] == list(range(5, steps + 1, 5))
    assert 0 < written[0].value < written[-1].value <= 1
