"""The benchmark of the look counts what it planted."""

from __future__ import annotations

import numpy as np

from bench.look import COPIED, WRONG, Found, by_saln, measures, spoil

TRUTH = np.arange(600) % 3
FEATURES = (np.random.default_rng(0).normal(size=(600, 16)) + 5 * np.eye(3, 16)[TRUTH]).astype(np.float32)


def test_what_is_planted_is_known() -> None:
    case = spoil(FEATURES, TRUTH + 4, spoiled=True)
    n = len(TRUTH)
    assert case.wrong[:n].sum() == WRONG * n
    assert ((case.labels[:n] != TRUTH + 4) == case.wrong[:n]).all()
    assert len(case.copied) == COPIED * n
    assert (case.labels[n:] == case.labels[case.copied]).all()
    off = np.abs(case.features[n:] / FEATURES[case.copied] - 1)
    assert 0.03 < off.mean() < 0.05
    assert not spoil(FEATURES, TRUTH, spoiled=False).wrong.any()


def test_measures_are_those_of_what_was_found() -> None:
    case = spoil(FEATURES, TRUTH, spoiled=True)
    groups = np.arange(len(case.labels))
    groups[-len(case.copied) :] = case.copied
    groups[-1] = 10**4  # one copy missed
    half = case.wrong & (np.cumsum(case.wrong) % 2 == 0)
    found = measures(case, Found(case.wrong.astype(np.float32), half | (groups == 10**4), groups, 3, 0.5))
    assert found["auc"] == 1.0
    assert found["copies_found"] == round(1 - 1 / len(case.copied), 3)
    assert found["rows_with_copies"] == 2 * (len(case.copied) - 1)
    assert found["recall"] == round((half.sum() + case.wrong[-1] * ~half[-1]) / case.wrong.sum(), 3)
    assert found["precision"] >= half.sum() / (half.sum() + 1) - 1e-3
    assert found["outliers"] == 3


def test_the_look_finds_what_is_planted() -> None:
    found = measures(case := spoil(FEATURES, TRUTH, spoiled=True), by_saln(case))
    assert found["auc"] > 0.97
    assert min(found["precision"], found["recall"]) > 0.9
    assert found["copies_found"] == 1.0
    clean = measures(case := spoil(FEATURES, TRUTH, spoiled=False), by_saln(case))
    assert clean["suspects"] <= 3
    assert "auc" not in clean
