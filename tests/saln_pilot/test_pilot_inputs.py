"""Spoiled data, tables with gaps, images: what a seed trains on, by the training rows alone."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from sklearn.metrics import roc_auc_score

from pilot_cases import TINY, blobs
from saln.datasets import Dataset
from saln.pilot.builtin import BuiltinConfig, BuiltinJob
from saln.pilot.builtin.corruption import COPIED, keep_rare, noisy_inputs, noisy_labels, rare_classes, with_copies
from saln.pilot.builtin.evaluation import roc_auc
from saln.pilot.builtin.inputs import image_inputs, table_inputs
from saln.pilot.builtin.pool import make_pool
from saln.pilot.builtin.residual import ResidualNetwork
from saln.pilot.builtin.task import make_task
from saln.pilot.config import PilotError
from saln.pilot.runner import run_pilot
from saln.pilot.training.methods import make_methods

NOISY = dataclasses.replace(TINY, label_noise=0.2)


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_noisy_labels_are_other_classes_drawn_evenly() -> None:
    labels = torch.arange(5).repeat(2000)
    noisy, wrong = noisy_labels(labels, 0.3, 5, source())
    assert int(wrong.sum()) == 3000
    assert torch.equal(wrong, noisy != labels)
    shifts = torch.bincount((noisy - labels)[wrong] % 5, minlength=5)
    assert shifts[0] == 0
    # Four equal shares of 3000; four standard deviations of a binomial count.
    assert bool(((shifts[1:] - 750).abs() < 4 * (3000 * 0.25 * 0.75) ** 0.5).all())


def test_copies_are_of_a_few_rows() -> None:
    places = with_copies(1000, 0.8, source())
    replaced = places != torch.arange(1000)
    assert int(replaced.sum()) == 800
    assert places[replaced].unique().numel() <= COPIED * 1000
    assert not (set(places[replaced].tolist()) & set(replaced.nonzero().squeeze(1).tolist()))
    assert int((with_copies(1000, 0.999, source()) != torch.arange(1000)).sum()) == 980


def test_rare_classes_keep_their_share() -> None:
    labels = torch.arange(6).repeat_interleave(100)
    rare = rare_classes(6, source())
    kept = keep_rare(labels, rare, 0.1, source())
    counts = torch.bincount(labels[kept], minlength=6)
    assert rare.numel() == 3
    assert [int(counts[value]) for value in range(6)] == [10 if value in rare else 100 for value in range(6)]
    assert int(keep_rare(labels, rare, 0.001, source()).sum()) == 300 + 2 * 3


def test_noise_has_the_wanted_size_and_leaves_gaps() -> None:
    x = torch.zeros(20000, 2)
    x[0, 0] = torch.nan
    noisy = noisy_inputs(x, torch.tensor([1.0, 10.0]), 0.5, 0)
    assert bool(noisy[0, 0].isnan())
    assert noisy[1:].std(dim=0).tolist() == pytest.approx([0.5, 5.0], rel=0.05)
    assert noisy_inputs(x, 1.0, 0.0, 0) is x


@pytest.mark.parametrize(
    "setting", [{"label_noise": 0.2}, {"duplicates": 0.5}, {"imbalance": 0.2}, {"train_share": 0.5}]
)
def test_only_training_rows_are_spoiled(setting: dict[str, float]) -> None:
    dataset = blobs()
    config = dataclasses.replace(TINY, **setting)  # type: ignore[arg-type]
    clean, spoiled, other = make_pool(dataset, TINY, 0), make_pool(dataset, config, 0), make_pool(dataset, config, 1)
    assert torch.equal(spoiled.test_rows, clean.test_rows)
    assert torch.equal(other.test_rows, clean.test_rows)
    assert torch.equal(spoiled.wrong, spoiled.labels != dataset.labels[spoiled.rows])
    parts = (set(spoiled.rows.tolist()), set(spoiled.reference_rows.tolist()), set(spoiled.test_rows.tolist()))
    assert not (parts[0] & parts[1]) | (parts[0] & parts[2]) | (parts[1] & parts[2])
    again = make_pool(dataset, config, 0)
    assert torch.equal(again.rows, spoiled.rows)
    assert torch.equal(again.labels, spoiled.labels)
    assert not torch.equal(other.labels, spoiled.labels) or not torch.equal(other.rows, spoiled.rows)


def test_smaller_shares_are_parts_of_larger_ones() -> None:
    dataset = blobs()
    shares = [
        {*pool.rows.tolist(), *pool.reference_rows.tolist()}
        for pool in (make_pool(dataset, dataclasses.replace(TINY, train_share=share), 3) for share in (0.3, 0.6, 1.0))
    ]
    assert shares[0] < shares[1] < shares[2]
    assert len(shares[0]) == pytest.approx(0.3 * len(shares[2]), abs=4)
    with pytest.raises(PilotError, match="stages"):
        make_pool(dataset, dataclasses.replace(TINY, train_share=0.02), 0)


def test_the_pilot_counts_the_wrong_labels_each_method_chose() -> None:
    config = dataclasses.replace(NOISY, seeds=2, steps=40, reference_steps=150, learning_rate=0.01, duplicates=0.3)
    result = run_pilot(BuiltinJob(blobs()), config, make_methods(["rho_loss"]))
    uniform, rho = result.selections
    for run, selection in ((result.runs[0], uniform), (result.runs[2], rho)):
        assert run.method == selection.method
        of_seeds = [result.pools[each.seed].wrong[each.chosen].float().mean() for each in result.runs_of(run.method)]
        assert selection.wrong_chosen == pytest.approx(float(torch.stack(of_seeds).mean()))
    assert uniform.wrong_chosen == pytest.approx(0.2, abs=0.05)
    assert rho.wrong_chosen < uniform.wrong_chosen
    assert result.data.wrong_labels > 0
    assert any("20 % of the labels" in note and "copies" in note for note in result.notes)


def test_gaps_are_filled_and_marked_by_the_training_rows() -> None:
    dataset = blobs()
    x = dataset.x.clone()
    x[::7, 3] = torch.nan
    x[:, 5] = torch.nan
    # A value that only a test row has must not be seen in what training rows are filled with.
    pool = make_pool(dataset, TINY, 0)
    x[pool.test_rows, 3] = 1e6
    table = dataclasses.replace(dataset, x=x)
    inputs = table_inputs(table, pool, TINY)
    assert inputs.train.shape[1] == 8 + 2
    raw = x[pool.rows]
    median = raw[:, 3].nanmedian()
    mean, scale = raw[:, 3].nan_to_num(float(median)).mean(), raw[:, 3].nan_to_num(float(median)).std()
    gap = raw[:, 3].isnan()
    torch.testing.assert_close(inputs.train[gap, 3], ((median - mean) / scale).expand(int(gap.sum())))
    assert inputs.train[gap, 8].unique().numel() == 1
    assert bool((inputs.train[gap, 8] > inputs.train[~gap, 8].max()).all())
    assert bool((inputs.train[:, 9] == 0).all())
    for part in (inputs.train, inputs.reference, inputs.test):
        assert bool(part.isfinite().all())
    torch.testing.assert_close(inputs.train.mean(dim=0), torch.zeros(10), atol=1e-5, rtol=0)
    # Selectors see what the model does, but features of a pretrained network as they are.
    assert inputs.seen is inputs.train
    given = table_inputs(dataclasses.replace(table, features_given=True), pool, TINY)
    assert torch.equal(given.seen[~gap, :3], raw[~gap, :3])
    result = run_pilot(BuiltinJob(table), dataclasses.replace(TINY, seeds=2, steps=4), make_methods(["jest"]))
    assert result.data.missing_values == pytest.approx(float(x.isnan().float().mean()))


def pictures(side: int = 12) -> Dataset:
    """Dark and light squares in a corner that says the class."""
    generator = source(5)
    labels = torch.arange(2).repeat(100)
    images = torch.randint(0, 120, (200, 1, side, side), generator=generator, dtype=torch.uint8)
    images[labels == 0, :, : side // 2, : side // 2] += 100
    images[labels == 1, :, side // 2 :, side // 2 :] += 100
    x = images.flatten(1).float() / 255
    return Dataset("pictures", x, labels, None, ("a", "b"), features_given=False, images=images)


RESNET = BuiltinConfig(
    methods=("uniform",), model="resnet", width=8, seeds=2, steps=20, batch_size=16, filter_ratio=0.5, evaluations=2,
    reference_steps=10,
)  # fmt: skip


def test_a_residual_network_learns_from_images() -> None:
    result = run_pilot(BuiltinJob(pictures()), RESNET, make_methods(["gradient_logdet"]))
    assert result.data.image_shape == (1, 12, 12)
    assert result.kpis[0].known("final_accuracy") > 0.9
    # Features and reference losses come from a network of its kind.
    task = make_task(pictures(), RESNET, 0)
    assert task.features.shape[1] == 4 * RESNET.width
    assert task.setup_seconds(frozenset({"reference_losses"})) > 0
    with pytest.raises(PilotError, match="resnet needs images"):
        run_pilot(BuiltinJob(blobs()), RESNET, make_methods(["rho_loss"]))


def test_images_are_resized_and_standardised_by_training_rows() -> None:
    dataset = pictures()
    pool = make_pool(dataset, RESNET, 0)
    inputs = image_inputs(dataset, pool, dataclasses.replace(RESNET, image_size=8))
    assert inputs.train.shape[1:] == (1, 8, 8)
    assert float(inputs.train.mean()) == pytest.approx(0.0, abs=1e-5)
    assert float(inputs.train.std()) == pytest.approx(1.0, rel=1e-3)
    same = image_inputs(dataset, pool, RESNET)
    images = dataset.images
    assert images is not None
    train = images[pool.rows].float() / 255
    expected = (train - train.mean()) / train.std()
    torch.testing.assert_close(same.train, expected, rtol=1e-4, atol=1e-4)


def test_given_features_cost_what_their_extraction_did() -> None:
    """A model on images does not train on the features, so that only methods that read them pay for them."""
    dataset = dataclasses.replace(pictures(), features_given=True)
    config = dataclasses.replace(RESNET, feature_ms=2.0)
    task = make_task(dataset, config, 0)
    rows = task.pool.rows.numel() + task.pool.reference_rows.numel()
    assert task.extraction_seconds == pytest.approx(2e-3 * rows)
    assert task.setup_seconds(frozenset({"features"})) == pytest.approx(2e-3 * rows)
    assert task.setup_seconds(frozenset({"reference_losses"})) > 2e-3 * rows
    assert task.setup_seconds(frozenset({"losses"})) == 0.0
    assert task.features.shape[1] == dataset.x.shape[1]
    result = run_pilot(BuiltinJob(dataset), dataclasses.replace(RESNET, steps=2), make_methods(["saln"]))
    assert any("feature_ms" in note for note in result.notes)


def test_a_sample_is_told_the_same_whoever_is_with_it() -> None:
    torch.manual_seed(0)
    network = ResidualNetwork(3, 8, 2, 5)
    x = torch.randn(6, 3, 16, 16)
    torch.testing.assert_close(network(x)[:2], network(x[:2]), rtol=1e-4, atol=1e-5)
    assert network.penultimate(x).shape == (6, 32)


def test_roc_auc_is_that_of_scikit_learn() -> None:
    generator = source(1)
    scores = torch.rand(200, 4, generator=generator).mul(8).round().div(8)
    scores = scores / scores.sum(dim=1, keepdim=True)
    labels = torch.randint(0, 4, (200,), generator=generator)
    wanted = roc_auc_score(labels.numpy(), scores.numpy(), multi_class="ovr", average="macro")
    assert roc_auc(scores, labels) == pytest.approx(wanted)
    assert roc_auc(scores, torch.zeros(200, dtype=torch.int64)) == 0.5


def test_lopsided_classes_are_told_and_other_metrics_offered() -> None:
    dataset = blobs(n_classes=2, per_class=100)
    rows = torch.cat([torch.arange(100), torch.arange(100, 110)])
    lopsided = dataclasses.replace(dataset, x=dataset.x[rows], labels=dataset.labels[rows])
    config = dataclasses.replace(TINY, seeds=1, steps=3)
    result = run_pilot(BuiltinJob(lopsided), config, make_methods(["infobatch"]))
    assert any("balanced_accuracy" in note for note in result.notes)
    balanced = run_pilot(
        BuiltinJob(lopsided), dataclasses.replace(config, metric="balanced_accuracy"), make_methods(["infobatch"])
    )
    run = balanced.runs[0]
    truth = lopsided.labels[balanced.pools[0].test_rows]
    shares = [float((run.predicted[truth == value] == value).float().mean()) for value in (0, 1)]
    assert run.final.score == pytest.approx(sum(shares) / 2)
    assert run.final.worst_class == pytest.approx(min(shares))
