"""A look finds what was planted, in every kind of labels, and says nothing where there is nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

import saln
from look_cases import spoiled
from saln.datasets import DataError
from saln.inspection.little import little
from saln.inspection.look import look

CASE = spoiled()
N = len(CASE.labels)
RNG = np.random.default_rng(1)


@pytest.fixture(scope="module")
def found() -> saln.Look:
    """A look at the case, its copies in training and what they are copies of in the test."""
    split = np.where(np.isin(np.arange(N), CASE.copied), "test", "train")
    return look(CASE.features, CASE.labels, split=split, class_names=["cat", "猫", "<b>dog"])


def test_wrong_labels_are_ranked_first_with_the_label_that_fits(found: saln.Look) -> None:
    planted = np.arange(CASE.wrong)
    assert len(np.intersect1d(found.suspects, planted)) >= 0.95 * CASE.wrong
    assert len(np.setdiff1d(found.suspects, planted)) <= 2
    assert set(found.suspects[: CASE.wrong // 2]) <= set(planted)
    assert (np.diff(found.label_quality[found.suspects]) >= 0).all()
    assert found.suggested_label is not None
    assert (found.suggested_label[found.suspects] == CASE.truth[found.suspects]).mean() > 0.95
    believed = found.label_quality >= 0.5
    assert (found.suggested_label[believed] == CASE.labels[believed]).all()
    assert found.noise == pytest.approx(CASE.wrong / N, abs=0.02)
    assert found.sure is not None
    assert found.sure > 0.8
    assert f"{len(found.suspects)} labels are probably wrong" in repr(found)


def test_confused_classes_are_those_that_were_exchanged(found: saln.Look) -> None:
    assert {(pair.true, pair.given) for pair in found.confused[:3]} == {(0, 1), (1, 2), (2, 0)}
    assert sum(pair.suspects for pair in found.confused) == len(found.suspects)
    for pair in found.confused[:3]:
        assert pair.share == pytest.approx(10 / 200, abs=0.04)


def test_near_copies_are_grouped_and_those_across_the_split_are_leaks(found: saln.Look) -> None:
    wanted = {(int(row), CASE.first_copy + i) for i, row in enumerate(CASE.copied)}
    assert {tuple(rows.tolist()) for rows in found.copy_groups} == wanted
    assert {tuple(rows.tolist()) for rows in found.leaks} == wanted
    assert found.copies.sum() == N + 2 * len(CASE.copied)
    assert not found.exact.any()
    assert found.conflicts == []
    assert f"{len(CASE.copied)} of {len(CASE.copied)} rows outside of training have a near copy" in repr(found)


def test_copies_with_different_labels_are_conflicts() -> None:
    labels = CASE.labels.copy()
    labels[-1] = (labels[-1] + 1) % 3
    [conflict] = look(CASE.features, labels).conflicts
    assert conflict.tolist() == [CASE.copied[-1], N - 1]


def test_a_row_is_worth_its_credibility_shared_among_copies(found: saln.Look) -> None:
    assert found.weight == pytest.approx(found.label_quality / np.sqrt(found.copies))
    alone = look(CASE.features)
    assert alone.weight == pytest.approx(1 / np.sqrt(alone.copies))
    assert (found.weight <= 1).all()


def test_without_labels_copies_and_outliers_are_found() -> None:
    features = CASE.features.copy()
    features[5] = -40.0
    features[5, ::2] = 35.0
    alone = look(features)
    assert alone.outliers[0] == 5
    assert len(alone.outliers) <= 0.005 * N
    assert alone.keep(drop=["outliers"]).tolist() == np.setdiff1d(np.arange(N), alone.outliers).tolist()
    assert alone.outlier_score.max() <= 1
    assert len(alone.copy_groups) == len(CASE.copied)
    assert np.isnan(alone.label_quality).all()
    assert (alone.suggested_label, alone.noise, alone.imbalance, alone.class_counts) == (None, None, None, None)
    assert (len(alone.suspects), alone.confused, alone.conflicts, alone.leaks) == (0, [], [], [])
    assert set(alone.columns()) == {"row", "suspect", "copy_group", "copies", "outlier_score", "weight", "little"}


def test_clean_data_raise_no_alarm() -> None:
    clean = spoiled(wrong=0, copies=0)
    found = look(clean.features, clean.labels)
    assert len(found.suspects) <= 0.005 * len(found)
    assert found.copy_groups == []
    assert len(found.outliers) <= 0.01 * len(found)
    assert len(found.keep()) >= 0.995 * len(found)


def test_rows_that_are_not_finite_are_not_judged() -> None:
    features = CASE.features.copy()
    features[[3, 100], 2] = [np.nan, np.inf]
    found = look(features, CASE.labels)
    for values in (found.label_quality, found.outlier_score, found.little):
        assert np.flatnonzero(np.isnan(values)).tolist() == [3, 100]
    assert found.weight[[3, 100]].tolist() == [1.0, 1.0]
    assert found.copies[[3, 100]].tolist() == [1, 1]
    assert any("2 rows were not judged" in note for note in found.notes)


def test_labels_of_classes_with_few_rows_are_not_judged() -> None:
    labels = CASE.labels.copy()
    labels[[50, 60, 70]] = 9
    found = look(CASE.features, labels)
    assert np.flatnonzero(np.isnan(found.label_quality)).tolist() == [50, 60, 70]
    assert not np.isin([50, 60, 70], found.suspects).any()
    assert any("3 labels were not judged" in note for note in found.notes)


def test_features_that_say_nothing_are_called_weak() -> None:
    noise = RNG.normal(size=(N, 8)).astype(np.float32)
    assert any("hardly tell the labels" in note for note in look(noise, CASE.labels).notes)
    assert not any("hardly tell the labels" in note for note in look(CASE.features, CASE.labels).notes)


def test_labels_may_be_texts_and_bools_and_suggestions_are_of_their_kind() -> None:
    names = np.array(["ant", "bee", "cow"])
    texts = look(CASE.features, names[CASE.labels].tolist())
    numbers = look(CASE.features, torch.from_numpy(CASE.labels))
    assert texts.suggested_label is not None
    assert numbers.suggested_label is not None
    assert (texts.suggested_label == names[numbers.suggested_label]).all()
    assert texts.class_names == ("ant", "bee", "cow")
    two = look(CASE.features, CASE.labels > 0)
    assert two.suggested_label is not None
    assert two.suggested_label.dtype == np.bool_


def test_several_labels_a_row() -> None:
    truth = np.stack([CASE.truth == 0, CASE.truth != 2], axis=1).astype(int)
    labels = truth.copy()
    labels[:40, 0] = 1 - labels[:40, 0]
    found = look(CASE.features, labels, class_names=["sun", "sea"])
    assert set(found.suspects[:30].tolist()) <= set(range(40))
    assert found.suggested_label is not None
    assert (found.suggested_label[found.suspects[:30]] == truth[found.suspects[:30]]).all()
    assert found.class_counts is not None
    assert found.class_counts.tolist() == labels.sum(axis=0).tolist()
    assert found.columns()["label"][500] == {(1, 1): "sun sea", (0, 1): "sea", (0, 0): ""}[tuple(labels[500])]


def test_numbers_to_predict() -> None:
    truth = CASE.features[:, :4].sum(axis=1)
    targets = truth + 0.1 * RNG.normal(size=N)
    targets[:25] += 12
    found = look(CASE.features, targets=targets)
    assert set(found.suspects[:20].tolist()) <= set(range(25))
    assert found.suggested_label is not None
    assert np.abs(found.suggested_label[:25] - truth[:25]).max() < 4
    assert "targets are probably wrong" in repr(found)


def test_own_probabilities_are_taken_in_place_of_features() -> None:
    noise = RNG.normal(size=(N, 8)).astype(np.float32)
    odds = np.exp(2 * CASE.features[:, :3])
    mine = odds / odds.sum(axis=1, keepdims=True)
    planted = set(range(CASE.wrong))
    assert set(look(noise, CASE.labels, probabilities=mine).suspects.tolist()) == planted
    assert not planted <= set(look(noise, CASE.labels).suspects.tolist())


def test_issues_are_counted_by_group() -> None:
    site = np.where(np.arange(N) < 50, "north", "south")
    patient = np.arange(N) // 2  # more than a pilot's groups may be
    found = look(CASE.features, CASE.labels, groups={"site": site, "patient": patient}, split=np.arange(N) % 2 == 1)
    sites, patients = found.by_group
    assert {each.group: each.suspects for each in sites.groups} == {
        "north": int((found.suspects < 50).sum()),
        "south": int((found.suspects >= 50).sum()),
    }
    assert sites.groups[0].group == "north"
    assert sum(each.copies for each in sites.groups) == 2 * len(CASE.copied)
    assert sites.copies_across == int((CASE.copied < 50).sum())
    assert patients.in_several_parts == len(patients.groups) == N // 2
    assert patients.groups[0].parts == ("train", "test")


def test_the_part_that_is_trained_on_comes_first() -> None:
    parts = np.array(["dev", "test", "train"])[np.arange(N) % 3]
    found = look(CASE.features, split=parts)
    assert found.split is not None
    assert found.split.names == ("train", "dev", "test")
    assert (np.asarray(found.split.names)[found.split.codes] == parts).all()
    unnamed = look(CASE.features, split=np.where(np.arange(N) < 50, "a", "b")).split
    assert unnamed is not None
    assert unnamed.names == ("b", "a")


def test_kept_rows(found: saln.Look) -> None:
    kept, train = found.keep(), np.setdiff1d(np.arange(N), CASE.copied)
    spare = np.arange(CASE.first_copy, N)
    assert np.isin(CASE.copied, kept).all()  # what is held out
    assert not np.isin(spare, kept).any()  # their copies in training
    assert not np.isin(np.setdiff1d(found.suspects, CASE.copied), kept).any()
    assert len(kept) == N - len(spare) - len(np.setdiff1d(found.suspects, [*CASE.copied, *spare]))
    assert np.array_equal(found.keep(drop=()), np.arange(N))
    assert np.isin(spare, found.keep(drop=["copies"])).all()  # the only ones of theirs in training
    half = found.keep(0.5)
    assert len(half) == round(0.5 * len(train)) + len(CASE.copied)
    shares = np.bincount(CASE.labels[np.setdiff1d(half, CASE.copied)]) / (len(half) - len(CASE.copied))
    assert shares == pytest.approx(np.bincount(CASE.labels[train]) / len(train), abs=0.03)
    middle, ends = (found.little[np.setdiff1d(rows, CASE.copied)] for rows in (half, np.setdiff1d(kept, half)))
    assert np.quantile(ends, 0.2) < middle.min() < middle.max() < np.quantile(ends, 0.8)


def test_of_copies_the_one_of_the_best_label_stays() -> None:
    labels = CASE.labels.copy()
    wrong = int(CASE.copied[0])
    labels[wrong] = (labels[wrong] + 1) % 3
    found = look(CASE.features, labels)
    assert found.label_quality[wrong] < found.label_quality[CASE.first_copy]
    kept = found.keep(drop="copies")
    assert wrong not in kept
    assert CASE.first_copy in kept
    assert int(CASE.copied[1]) in kept  # the first of equals, or nearly so
    assert len(kept) == N - len(CASE.copied)


def test_little_is_the_product_of_two_shares() -> None:
    losses = np.array([1.0, 2.0, 3.0, 4.0, np.nan], np.float32)
    similarities = np.array([[0.5, 0.3], [0.9, 0.7], [0.1, np.nan], [0.2, 0.0], [np.nan, np.nan]], np.float32)
    lonelier = np.array([2, 3, 0.5, 0.5]) / 3  # the last two are equally so
    harder = np.array([3, 2, 1, 0]) / 3
    assert little(losses, similarities)[:4] == pytest.approx(lonelier * harder)
    assert little(None, similarities)[:4] == pytest.approx(lonelier)
    assert np.isnan(little(losses, similarities)[4])
    assert np.isnan(little(None, similarities)[4])
    assert little(np.ones(1, np.float32), np.full((1, 1), np.nan, np.float32)).shape == (1,)


def test_the_document_is_json(found: saln.Look) -> None:
    document = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert document["schema"] == "saln.look/1"
    assert [each["row"] for each in document["suspects"]] == found.suspects.tolist()
    first = document["suspects"][0]
    assert (first["label"], first["suggested_label"]) == (
        found.class_names[CASE.labels[first["row"]]],
        found.class_names[CASE.truth[first["row"]]],
    )
    assert document["leaks"] == [rows.tolist() for rows in found.leaks]
    for other in (look(CASE.features), look(CASE.features, targets=CASE.features[:, 0])):
        json.dumps(other.as_dict(), allow_nan=False)


def test_nothing_but_torch_and_numpy_is_imported() -> None:
    program = (
        "import sys, numpy as np, saln\n"
        "saln.DataLook().fit_transform(np.random.default_rng(0).normal(size=(90, 4)), np.arange(90) % 2)\n"
        "print([name for name in ('sklearn', 'scipy', 'matplotlib', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"features": np.zeros(3)}, r"features are \[3\]; wanted \[N, d\]"),
        ({"features": np.array([["a"]])}, r"features are <U1 \[1, 1\]; wanted numbers"),
        ({"labels": [0, 1]}, rf"labels are int64 \[2\]; wanted .* a row for each of the {N}"),
        ({"labels": np.zeros(N, int)}, "labels hold 1 class; wanted at least 2"),
        ({"labels": np.linspace(0, 1, N)}, r"labels are float64 .*numbers to predict are targets"),
        ({"labels": ["", *["a"] * (N - 1)]}, "labels are missing in row 0"),
        ({"labels": np.full((N, 2), 3)}, "wanted 0 and 1 where they are"),
        ({"labels": CASE.labels, "targets": CASE.labels}, "labels and targets were both given"),
        ({"targets": [np.nan] * N}, "targets have nan in row 0; wanted finite"),
        ({"labels": CASE.labels, "class_names": ["a", "b"]}, "class_names has 2 names, .* from 0 to 2"),
        ({"labels": CASE.labels, "probabilities": np.zeros((N, 2))}, rf"\[{N}, 2\]; wanted \[{N}, 3\]"),
        ({"probabilities": np.zeros((N, 2))}, "probabilities were given without labels"),
        ({"groups": {"site": ["a"]}}, f"groups 'site' have 1 values; wanted {N}"),
        ({"split": [True]}, f"split has 1 values; wanted {N}"),
        ({"near": 1.5}, "near is 1.5; wanted"),
    ],
)
def test_what_does_not_fit_is_named(arguments: dict[str, Any], error: str) -> None:
    with pytest.raises(DataError, match=error):
        look(**{"features": CASE.features, **arguments})


def test_rules_that_there_are_not_are_named(found: saln.Look) -> None:
    with pytest.raises(DataError, match="drop has 'bad'; wanted some of suspects, copies, leaks, outliers"):
        found.keep(drop=["bad"])
    with pytest.raises(DataError, match=r"share is 0; wanted above 0"):
        found.keep(0)
