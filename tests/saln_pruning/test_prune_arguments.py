"""What `prune` takes, and what it says to what it does not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import saln
from saln.pruning import METHODS

X = torch.arange(12.0).reshape(6, 2)
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"method": "best"}, "method is 'best', want one of 'random', 'credibility'"),
    ({"keep": 1.5}, "keep is 1.5, want a share from 0.0 to 1.0"),
    ({"keep": 7, "method": "random"}, "keep is 7, want 0 to 6, the rows that may be kept"),
    ({"keep": 3, "method": "k_center", "chosen": [0, 1], "among": [0, 1, 2, 3]}, "keep is 3, want 0 to 2"),
    ({"keep": True}, "keep is a bool, want a share as a float"),
    ({"balanced": True}, "balanced needs labels"),
    ({"labels": torch.zeros(5, dtype=torch.int64)}, r"labels are torch.int64 \[5\], want integers \[6\]"),
    ({"labels": torch.zeros(6)}, r"labels are torch.float32 \[6\], want integers \[6\]"),
    ({"losses": np.zeros(3)}, r"losses are torch.float64 \[3\], want floating-point numbers \[6\]"),
    ({"chosen": [0, 6]}, "chosen has 6, want row numbers from 0 to 5"),
    ({"chosen": [2, 2]}, "chosen has a row twice"),
    (
        {"among": torch.ones(5, dtype=torch.bool)},
        r"among are torch.bool \[5\], want row numbers \[k\], or a mask \[6\]",
    ),
    ({"method": "el2n"}, "el2n needs history"),
    ({"method": "forgetting", "history": saln.History(5)}, "history is of 5 rows, want 6"),
    ({"method": "forgetting", "history": saln.History(6)}, "history holds no record"),
    ({"method": "el2n", "history": 3}, "history is a int, want a saln.History"),
    ({"method": "random", "similarity": "cosine"}, "similarity is of k_center, facility_location, logdet, herding"),
    ({"method": "logdet", "similarity": "rbf"}, "similarity is 'rbf', want one of 'linear', 'cosine'"),
]


@pytest.mark.parametrize(("given", "message"), WRONG, ids=[message[:40] for _, message in WRONG])
def test_wrong_arguments_are_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        saln.prune(X, **given)


def test_features_that_are_none_are_named() -> None:
    with pytest.raises(TypeError, match="features is a list"):
        saln.prune([[1.0]], method="random")  # type: ignore[arg-type]
    with pytest.raises(
        ValueError, match=re.escape("features are torch.float32 [3], want floating-point numbers [N, d]")
    ):
        saln.prune(torch.ones(3), method="random")


@pytest.mark.parametrize("method", [method for method in METHODS if method not in ("el2n", "forgetting")])
def test_all_and_none_and_every_form_of_features(method: str, tmp_path: Path) -> None:
    source = np.random.default_rng(0)
    x = source.normal(size=(60, 5)).astype(np.float16)
    np.save(tmp_path / "x.npy", x)
    kept = saln.prune(x, keep=0.25, method=method)
    assert kept.dtype == torch.int64
    assert len(kept) == len(kept.unique()) == 15
    assert torch.equal(kept, saln.prune(torch.from_numpy(x), keep=15, method=method))
    assert torch.equal(kept, saln.prune(saln.features.load(tmp_path / "x.npy"), keep=15, method=method))
    assert sorted(saln.prune(x, keep=1.0, method=method).tolist()) == list(range(60))
    assert saln.prune(x, keep=0, method=method).tolist() == []
    assert saln.prune(x[:0], keep=0.5, method=method).tolist() == []
    mask = np.zeros(60, dtype=bool)
    mask[[3, 5]] = True
    after = saln.prune(x, keep=58, method=method, chosen=mask)
    assert sorted(after.tolist()) == [row for row in range(60) if row not in (3, 5)]


@pytest.mark.parametrize("method", ["credibility", "k_center", "facility_location", "logdet", "herding"])
def test_rows_that_are_not_finite_are_not_kept(method: str) -> None:
    x = torch.randn(30, 3, generator=torch.Generator().manual_seed(0))
    x[4, 1], x[9, 0], x[11] = torch.nan, torch.inf, 1e30
    kept = saln.prune(x, keep=1.0, method=method, chosen=[4, 5])
    assert sorted(kept.tolist()) == [row for row in range(30) if row not in (4, 5, 9, 11)]


@pytest.mark.parametrize("method", ["k_center", "facility_location", "logdet", "herding"])
def test_rows_that_are_all_alike_come_by_number(method: str) -> None:
    assert saln.prune(torch.ones(5, 3), keep=3, method=method).tolist() == [0, 1, 2]
    assert saln.prune(torch.zeros(5, 3), keep=3, method=method).tolist() == [0, 1, 2]


def test_a_pruner_is_an_estimator() -> None:
    from sklearn.base import clone

    x = np.random.default_rng(0).normal(size=(40, 3))
    y = np.array(["a", "b"])[np.arange(40) % 2]
    pruner = saln.Pruner(keep=10, method="k_center").set_params(balanced=True)
    assert pruner.get_params() == {
        "keep": 10, "method": "k_center", "balanced": True, "similarity": None, "seed": 0,
    }  # fmt: skip
    kept = clone(pruner).fit_transform(x, y)
    wanted = saln.prune(x, torch.arange(40) % 2, keep=10, method="k_center", balanced=True).numpy()
    np.testing.assert_array_equal(kept, x[wanted])
    fitted = pruner.fit(torch.from_numpy(x), y, chosen=wanted[:2])
    assert not set(fitted.kept_) & set(wanted[:2])
    assert fitted.transform(torch.from_numpy(x)).shape == (10, 3)
    assert sorted(fitted.transform(y).tolist()).count("a") == sorted(y[fitted.kept_].tolist()).count("a")
    assert saln.Pruner(keep=2, method="herding").fit([[0], [1], [2]]).transform([5, 6, 7])[0] == 6


def test_a_pruner_says_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="not fitted yet"):
        saln.Pruner().transform(X)
    with pytest.raises(ValueError, match="X has 5 rows, want 6"):
        saln.Pruner(method="random").fit(X).transform(X[:5])
