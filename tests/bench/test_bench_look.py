"""The benchmark of the look counts what it planted."""

from __future__ import annotations

import numpy as np

from bench.look import COPIED, WRONG, Found, by_saln, measures, spoil

TRUTH = np.arange(600) % 3
FEATURES = (np.random.default_rng(0).normal(size=(600, 16)) + 5 * np.eye(3, 16)[TRUTH]).astype(np.float32)


STRANGERS = (9 * np.random.default_rng(1).normal(size=(50, 16)) - 20).astype(np.float32)
N = len(TRUTH)


def test_what_is_planted_is_known() -> None:
    case = spoil(FEATURES, TRUTH + 4, STRANGERS)
    assert case.wrong[:N].sum() == WRONG * N
    assert ((case.labels[:N] != TRUTH + 4) == case.wrong[:N]).all()
    assert len(case.copied) == len(case.copies) == COPIED * N
    assert (case.labels[case.copies] == case.labels[case.copied]).all()
    assert 0.03 < np.abs(case.features[case.copies] / FEATURES[case.copied] - 1).mean() < 0.05
    assert case.strange.sum() == 5
    assert np.isin(case.features[case.strange], STRANGERS).all()
    assert not spoil(FEATURES, TRUTH, None).wrong.any()


def test_measures_are_those_of_what_was_found() -> None:
    case = spoil(FEATURES, TRUTH, STRANGERS)
    groups = np.arange(len(case.labels))
    groups[case.copies] = case.copied
    groups[case.copies[0]] = 10**4  # one copy missed
    wrong = np.flatnonzero(case.wrong)
    suspects = np.zeros(len(groups), dtype=np.bool_)
    suspects[wrong[::2]] = suspects[np.flatnonzero(~case.wrong)[:10]] = True
    suspects[case.strange] = True  # neither right nor wrong
    outliers = case.strange.copy()
    outliers[np.flatnonzero(case.strange)[0]] = False
    far = case.strange.astype(np.float32)
    found = measures(case, Found(case.wrong.astype(np.float32), suspects, groups, far, outliers, 0.5))
    hits = len(wrong[::2])
    assert (found["auc"], found["strangers_auc"]) == (1.0, 1.0)
    assert found["copies_found"] == round(1 - 1 / len(case.copied), 3)
    assert found["rows_with_copies"] == 2 * (len(case.copied) - 1)
    assert found["recall"] == round(hits / len(wrong), 3)
    assert found["precision"] == round(hits / (hits + 10), 3)
    assert found["strangers_found"] == round(1 - 1 / case.strange.sum(), 3)


def test_the_look_finds_what_is_planted() -> None:
    case = spoil(FEATURES, TRUTH, STRANGERS)
    found = measures(case, by_saln(case))
    assert found["auc"] > 0.97
    assert min(found["precision"], found["recall"]) > 0.9
    assert found["copies_found"] == found["strangers_found"] == 1.0
    case = spoil(FEATURES, TRUTH, None)
    clean = measures(case, by_saln(case))
    assert clean["suspects"] <= 3
    assert "auc" not in clean
