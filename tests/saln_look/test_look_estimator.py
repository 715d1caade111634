"""A look is an estimator: scikit-learn clones it, sets its parameters and runs it in a pipeline."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import saln
from look_cases import spoiled
from saln.datasets import DataError

CASE = spoiled(n=300, wrong=15, copies=10)


def test_values_are_those_of_the_look() -> None:
    found = saln.look(CASE.features, CASE.labels)
    fitted = saln.DataLook().fit(CASE.features, CASE.labels)
    values = fitted.transform(CASE.features)
    assert values.shape == (len(CASE.labels), 5)
    for place, name in enumerate(fitted.get_feature_names_out()):
        assert values[:, place].tolist() == getattr(found, name).tolist()
        assert getattr(fitted, f"{name}_").tolist() == getattr(found, name).tolist()
    assert fitted.suggested_label_.tolist() == found.suggested_label.tolist()  # type: ignore[union-attr, attr-defined]
    assert fitted.classes_.tolist() == [0, 1, 2]
    assert saln.DataLook().fit_transform(CASE.features, CASE.labels).tolist() == values.tolist()


def test_it_is_cloned_and_runs_in_a_pipeline() -> None:
    copied = clone(saln.DataLook(near=0.99, seed=3))
    assert copied.get_params() == {"near": 0.99, "seed": 3}
    assert copied.set_params(near=None) is copied
    assert repr(copied) == "DataLook(seed=3)"
    pipeline = make_pipeline(StandardScaler(), saln.DataLook())
    values = pipeline.fit_transform(CASE.features, CASE.labels)
    assert values.tolist() == pipeline.transform(CASE.features).tolist()
    assert list(pipeline.get_feature_names_out())[:2] == ["label_quality", "copy_group"]
    assert (values[: CASE.wrong, 0] < 0.5).mean() > 0.9


def test_new_rows_are_looked_at_beside_those_that_were_fitted() -> None:
    n = CASE.first_copy
    fitted = saln.DataLook().fit(CASE.features[:n], CASE.labels[:n])
    new = np.concatenate([CASE.features[n:], np.full((1, 16), 30.0, np.float32)])
    quality, group, outlier = fitted.transform(new)[:, :3].T
    assert np.isnan(quality).all()
    assert group[:-1].tolist() == fitted.copy_group_[CASE.copied].tolist()  # type: ignore[attr-defined]
    assert group[-1] >= n
    assert outlier[-1] > outlier[:-1].max()


def test_y_may_be_numbers_to_predict_or_missing() -> None:
    targets = CASE.features[:, 0].astype(float)
    assert saln.DataLook().fit(CASE.features, targets).look_.given.kind == "targets"  # type: ignore[union-attr]
    assert saln.DataLook().fit(CASE.features, CASE.labels.astype(float)).look_.given.kind == "classes"  # type: ignore[union-attr]
    assert saln.DataLook().fit(CASE.features).look_.given is None


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(DataError, match="not fitted"):
        saln.DataLook().transform(CASE.features)
    with pytest.raises(DataError, match="X has 3 features; wanted 16"):
        saln.DataLook().fit(CASE.features).transform(CASE.features[:, :3])
    with pytest.raises(DataError, match="far is no parameter of DataLook; it has near, seed"):
        saln.DataLook().set_params(far=1)
