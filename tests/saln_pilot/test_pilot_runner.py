"""Equal terms, and verdicts that are right where the truth is known."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch

from pilot_cases import TINY, Clean, First, OneClass, blobs, mislabelled
from saln import SpectralBatchSampler
from saln.datasets import Dataset
from saln.pilot.builtin import BuiltinConfig, BuiltinJob
from saln.pilot.builtin.models import make_classifier
from saln.pilot.builtin.split import stratified_split
from saln.pilot.builtin.task import make_task
from saln.pilot.config import PilotError
from saln.pilot.judging.verdict import BETTER, EQUAL, WORSE
from saln.pilot.output.result import PilotResult
from saln.pilot.runner import run_pilot
from saln.pilot.training.methods import make_methods
from saln.pilot.training.run import Method, run_method
from saln.selectors import Offer

UNIFORM = Method("uniform", None)


@pytest.fixture(scope="module")
def compared() -> PilotResult:
    """Uniform, uniform under another name, uniform through the protocol, and a sabotage."""
    methods = [
        Method("sabotage", OneClass(), frozenset({"labels"})),
        UNIFORM,
        Method("uniform_too", None),
        Method("first", First(), frozenset({"features", "losses", "reference_losses"})),
    ]
    return run_pilot(BuiltinJob(blobs()), dataclasses.replace(TINY, seeds=5, steps=48), methods)


def test_a_seed_gives_every_method_the_same_start(compared: PilotResult) -> None:
    uniform, too, first = (compared.runs_of(name) for name in ("uniform", "uniform_too", "first"))
    for a, b, c in zip(uniform, too, first, strict=True):
        assert torch.equal(a.chosen, b.chosen)
        assert torch.equal(a.chosen, c.chosen)
        accuracies = [[point.score for point in run.curve] for run in (a, b, c)]
        assert accuracies[0] == accuracies[1] == accuracies[2]
    before = {run.curve[0].score for run in compared.runs if run.seed == 0}
    assert len(before) == 1
    assert not torch.equal(uniform[0].chosen, uniform[1].chosen)


def test_equal_steps_and_kept_samples(compared: PilotResult) -> None:
    for run in compared.runs:
        assert run.chosen.shape == (48, TINY.batch_size)
        assert [point.step for point in run.curve] == [0, 8, 16, 24, 32, 40, 48]
        assert all(row.unique().numel() == TINY.batch_size for row in run.chosen)


def test_verdicts_where_the_truth_is_known(compared: PilotResult) -> None:
    verdicts = {verdict.method: verdict for verdict in compared.verdicts}
    assert compared.methods[0] == "uniform"
    assert set(verdicts) == {"sabotage", "uniform_too", "first"}
    assert verdicts["uniform_too"].outcome("final_accuracy") == EQUAL
    assert verdicts["first"].outcome("final_accuracy") == EQUAL
    assert verdicts["sabotage"].outcome("final_accuracy") == WORSE
    # It never got to uniform's accuracy: no speed-up is known, and at most so much is said.
    clock = next(each.found for each in verdicts["sabotage"].answers if each.figure == "training_speed_up")
    assert (clock.missed, clock.low) == (5, None)
    assert verdicts["sabotage"].outcome("training_speed_up") != BETTER


def test_a_gain_is_called_a_gain() -> None:
    config = dataclasses.replace(TINY, seeds=5, steps=40, model="linear", learning_rate=0.03)
    result = run_pilot(BuiltinJob(mislabelled()), config, [UNIFORM, Method("clean", Clean(), frozenset({"features"}))])
    assert result.verdicts[0].outcome("final_accuracy") == BETTER
    found = result.kpis[1].against("final_accuracy")
    assert found is not None
    assert found.mean > 0.05


def test_one_seed_shows_nothing() -> None:
    config = dataclasses.replace(TINY, seeds=1)
    result = run_pilot(BuiltinJob(blobs()), config, [UNIFORM, Method("sabotage", OneClass(), frozenset({"labels"}))])
    assert result.verdicts[0].outcome("final_accuracy") == EQUAL
    assert any("One seed" in note for note in result.notes)


def test_setup_is_counted_for_those_who_need_it(compared: PilotResult) -> None:
    setup = {kpis.method: kpis.mean("setup_seconds") for kpis in compared.kpis}
    assert setup["uniform"] == setup["uniform_too"] == setup["sabotage"] == 0.0
    assert setup["first"] > 0.0
    overhead = {kpis.method: kpis.known("overhead") for kpis in compared.kpis}
    assert overhead["uniform"] < overhead["first"]


def test_selectors_see_what_they_ask_for() -> None:
    spy = First()
    task = make_task(blobs(), TINY, seed=0)
    run_method(Method("spy", spy, frozenset({"losses", "residuals", "reference_losses"})), task, TINY)
    seen = spy.seen[0]
    assert len(seen) == 72  # 288 rows in four super-batches, 80 wanted
    assert seen.losses is not None
    assert seen.residuals is not None
    assert seen.reference_losses is not None
    torch.testing.assert_close(seen.residuals.sum(dim=1), torch.zeros(72), atol=1e-5, rtol=0)
    assert seen.indices is not None
    offered = task.order.super_batch(0, 0)
    assert torch.equal(seen.indices, offered)
    assert torch.equal(seen.labels, task.labels_train[offered])
    # The loss at the initial weights, which depend on the seed alone.
    network = make_classifier("mlp", 8, TINY.hidden, 4, seed=0)
    logits = network(task.x_train[offered])
    losses = torch.nn.functional.cross_entropy(logits, task.labels_train[offered], reduction="none")
    torch.testing.assert_close(seen.losses, losses.detach())
    other = First()
    run_method(Method("other", other, frozenset({"features"})), task, TINY)
    assert other.seen[0].losses is None
    assert other.seen[0].reference_losses is None


def test_reference_rows_are_never_trained_or_tested_on() -> None:
    dataset = blobs()
    # Row numbers as inputs let every part be recognised.
    marked = dataclasses.replace(dataset, x=torch.arange(480.0).unsqueeze(1).repeat(1, 2), features_given=True)
    task = make_task(marked, TINY, seed=1)
    rows_train = task.features[:, 0].long()
    scale = task.features[:, 0].std()
    rows_test = (task.x_test[:, 0] * scale + task.features[:, 0].mean()).round().long()
    assert rows_train.unique().numel() == rows_train.numel()
    assert not set(rows_train.tolist()) & set(rows_test.tolist())
    held_out = 480 - rows_train.numel() - rows_test.numel()
    assert held_out == 4 * round(0.2 * 90)
    other = make_task(marked, TINY, seed=2)
    assert torch.equal(other.labels_test, task.labels_test)
    assert not torch.equal(other.features, task.features)


@pytest.mark.parametrize("method", ["one_pass", "spectral_candidates", "guard:max_reuse=2:uniform", "herding"])
def test_a_pilot_trains_on_the_batches_that_the_sampler_serves(method: str) -> None:
    """On rows with copies, so that `one_pass` has something to choose by, over more than an epoch."""
    few = blobs()
    dataset = dataclasses.replace(few, x=few.x.repeat_interleave(2, 0), labels=few.labels.repeat_interleave(2))
    config = dataclasses.replace(TINY, steps=30, batch_size=40)
    task = make_task(dataset, config, seed=1)
    task = dataclasses.replace(
        task, x_train=task.features, x_test=task.features[: len(task.x_test)]
    )  # what the whole dataset is looked at by
    (_, chosen) = make_methods([method])
    run = run_method(dataclasses.replace(chosen, needs=frozenset({"features"})), task, config)
    sampler = SpectralBatchSampler(
        task.samples(frozenset({"features"})),
        config.batch_size,
        filter_ratio=config.filter_ratio,
        selector=method,
        seed=task.order.seed,
        drop_last=True,
    )
    assert len(sampler) < config.steps
    served = [batch for _ in range(1 + config.steps // len(sampler)) for batch in sampler]
    assert run.chosen.tolist() == served[: config.steps]


def test_stratified_split_keeps_every_class() -> None:
    labels = torch.tensor([0] * 50 + [1] * 3 + [2])
    marked = stratified_split(labels, 0.2, torch.Generator().manual_seed(0))
    assert [int(marked[labels == value].sum()) for value in range(3)] == [10, 1, 0]


def test_uniform_is_given_as_long_as_every_method(compared: PilotResult) -> None:
    for longer in compared.longer:
        runs = [run for run in compared.runs if run.seed == longer.seed and run.method != "uniform"]
        for run in runs:
            for seconds in (run.final.seconds, run.total_seconds):
                assert longer.at(seconds).step >= 1
        assert list(longer.budgets) == sorted(longer.budgets)
    lead = compared.kpis[2].against("lead_in_own_training_time")
    assert compared.methods[2] == "uniform_too"
    assert lead is not None


def test_a_longer_run_begins_as_uniform_does() -> None:
    """After as many steps it is uniform's very run, and its shuffled epochs go on."""
    task = make_task(blobs(), TINY, seed=0)
    run, longer = (run_method(UNIFORM, task, TINY, stretch=stretch) for stretch in (1.0, 3.0))
    assert run is not None
    assert longer is not None
    assert torch.equal(longer.chosen[: TINY.steps], run.chosen)
    assert [point.step for point in longer.curve] == [0, 12, 24, 36, 48, 60, 72]
    assert longer.curve[2].score == run.final.score
    epoch = len(task.labels_train) // TINY.batch_size
    assert longer.chosen[epoch : 2 * epoch].unique().numel() == epoch * TINY.batch_size


def test_chosen_rows_are_rows_of_the_data_set(compared: PilotResult) -> None:
    dataset = blobs()
    run = compared.runs_of("sabotage")[1]
    rows = compared.chosen_rows(run)
    pool = compared.pools[1]
    assert torch.equal(dataset.labels[rows], pool.labels[run.chosen])
    assert not torch.isin(rows, pool.test_rows).any()
    assert not torch.isin(rows, pool.reference_rows).any()
    assert run.predicted.shape == pool.test_rows.shape
    right = (run.predicted == dataset.labels[pool.test_rows]).float().mean()
    assert float(right) == pytest.approx(run.final.score)


def test_registered_methods_run(compared: PilotResult) -> None:
    methods = make_methods(("saln", "jest", "spectral_candidates"))
    assert [method.name for method in methods] == ["uniform", "saln", "jest", "spectral_candidates"]
    assert methods[2].needs >= {"losses", "reference_losses"}
    config = dataclasses.replace(TINY, seeds=2, steps=4, evaluations=2)
    result = run_pilot(BuiltinJob(blobs()), config, methods)
    assert len(result.runs) == 8
    assert all(sum(each.spectrum) == pytest.approx(16, rel=1e-3) for each in result.selections)
    assert all(sum(each.class_share) == pytest.approx(1) for each in result.selections)


def test_same_settings_same_accuracies() -> None:
    config = dataclasses.replace(TINY, seeds=2, steps=6)
    methods = make_methods(("jest",))
    first, second = (run_pilot(BuiltinJob(blobs()), config, methods) for _ in range(2))
    assert [point.score for run in first.runs for point in run.curve] == [
        point.score for run in second.runs for point in run.curve
    ]
    assert all(torch.equal(a.chosen, b.chosen) for a, b in zip(first.runs, second.runs, strict=True))


def test_document_is_plain_json(compared: PilotResult) -> None:
    document = json.loads(json.dumps(compared.as_dict(), allow_nan=False))
    assert document["schema"] == "saln.pilot/4"
    assert set(document) == {
        "schema", "versions", "machine", "config", "data", "target", "kpis", "verdicts", "selections", "runs",
        "longer", "by_group", "gates", "gate_outcome", "stages", "costs", "pilot_seconds", "notes", "decision",
    }  # fmt: skip
    assert document["config"]["methods"] == ["uniform", "sabotage", "uniform_too", "first"]
    assert len(document["runs"]) == 20
    assert set(document["runs"][0]["curve"][0]) >= {"step", "score", "selection_seconds", "training_seconds"}
    assert {"torch", "python"} <= set(document["versions"])


class _Twice(First):
    def _choose(self, offer: Offer, size: int) -> torch.Tensor:
        return torch.zeros(size, dtype=torch.int64)


class _TooMany(First):
    def _choose(self, offer: Offer, size: int) -> torch.Tensor:
        return torch.arange(size + 1)


@pytest.mark.parametrize(("selector", "words"), [(_Twice(), "bad chose a sample twice"), (_TooMany(), "bad returned")])
def test_a_broken_selector_is_named(selector: First, words: str) -> None:
    method = Method("bad", selector)
    with pytest.raises(PilotError, match=words):
        run_pilot(BuiltinJob(blobs()), TINY, [UNIFORM, method])


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"seeds": 0}, "seeds"),
        ({"filter_ratio": 1.0}, "filter_ratio"),
        ({"model": "forest"}, "model"),
        ({"target": 2.0}, "target"),
        ({"methods": ()}, "methods"),
        ({"methods": ("uniform", "uniform")}, "methods"),
        ({"threads": 0}, "threads"),
    ],
)
def test_settings_are_checked(settings: dict[str, object], word: str) -> None:
    with pytest.raises(PilotError, match=word):
        BuiltinConfig(**settings)  # type: ignore[arg-type]


def test_too_little_data_is_said() -> None:
    dataset: Dataset = blobs(per_class=8)
    with pytest.raises(PilotError, match="batch_size"):
        run_pilot(BuiltinJob(dataset), dataclasses.replace(TINY, batch_size=64), [UNIFORM])
    with pytest.raises(PilotError, match="uniform"):
        run_pilot(BuiltinJob(dataset), TINY, [Method("other", None)])
    result = run_pilot(BuiltinJob(blobs(per_class=24)), dataclasses.replace(TINY, seeds=1), [UNIFORM])
    assert any("super-batches" in note for note in result.notes)
