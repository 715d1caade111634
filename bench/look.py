"""What `saln.look` finds beside cleanlab's Datalab, on the same features: wrong labels, near copies, false alarms.

    python -m bench.look --data FOLDER --output bench/results/look-DATE.json

FOLDER holds the npz files of `SETS`, each with `features` and `labels`. Every set is looked at as it is, and spoiled: a
tenth of the labels another class at random, and a fiftieth of the rows once more with features that differ by 5 % of
their own size. cleanlab gets what its tutorials give it: out-of-sample probabilities of scikit-learn's logistic
regression on standardised features, five folds, and the features; without cleanlab installed the look stands alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

import saln
from bench.machine import describe

SETS = {
    "CIFAR-10": "features_cifar10_20k_5k_efflite0_160.npz",
    "steel (NEU)": "neu_surface_defects.npz",
    "TREC": "text_trec_questions.npz",
    "IMDb": "text_imdb_8k_4k.npz",
}
MOST_ROWS = 6000
WRONG, COPIED, NOISE = 0.1, 0.02, 0.05

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Spoiled:
    """A set, which of its labels are wrong `[N]`, and of which row each of the last ones is a near copy."""

    features: Floats
    labels: Ints
    wrong: npt.NDArray[np.bool_]
    copied: Ints


@dataclass(frozen=True)
class Found:
    """What a tool says: doubt of each label, rows it calls wrong, pairs of copies' groups `[N]`, outliers, seconds."""

    doubt: Floats
    suspects: npt.NDArray[np.bool_]
    groups: Ints
    outliers: int
    seconds: float


def spoil(features: Floats, labels: Ints, spoiled: bool, seed: int = 0) -> Spoiled:
    """The set as it is, or with wrong labels and near copies."""
    n, rng = len(labels), np.random.default_rng(seed)
    wrong = np.zeros(n, dtype=np.bool_)
    if not spoiled:
        return Spoiled(features, labels, wrong, np.empty(0, np.int64))
    classes, codes = np.unique(labels, return_inverse=True)
    wrong[rng.permutation(n)[: round(WRONG * n)]] = True
    codes = np.where(wrong, (codes + rng.integers(1, len(classes), n)) % len(classes), codes)
    copied = rng.permutation(n)[: round(COPIED * n)]
    near = features[copied] * (1 + NOISE * rng.normal(size=(len(copied), features.shape[1])))
    return Spoiled(
        np.concatenate([features, near]).astype(np.float32),
        classes[np.concatenate([codes, codes[copied]])],
        np.concatenate([wrong, wrong[copied]]),
        copied,
    )


def by_saln(case: Spoiled) -> Found:
    start = time.perf_counter()
    found = saln.look(case.features, case.labels)
    seconds = time.perf_counter() - start
    suspects = np.zeros(len(found), dtype=np.bool_)
    suspects[found.suspects] = True
    return Found(-np.nan_to_num(found.label_quality, nan=1.0), suspects, found.copy_group, len(found.outliers), seconds)


def by_cleanlab(case: Spoiled) -> Found:
    from cleanlab import Datalab
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    start = time.perf_counter()
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=400))
    shares = cross_val_predict(model, case.features, case.labels, cv=5, method="predict_proba")
    lab = Datalab({"y": case.labels}, label_name="y", verbosity=0)
    lab.find_issues(
        pred_probs=shares, features=case.features, issue_types={"label": {}, "near_duplicate": {}, "outlier": {}}
    )
    seconds = time.perf_counter() - start
    groups = np.arange(len(case.labels))
    for row, others in enumerate(lab.get_issues("near_duplicate")["near_duplicate_sets"]):
        for other in others:  # what hangs together is one group
            groups[groups == groups[other]] = groups[row]
    issues = lab.get_issues("label")
    outliers = int(lab.get_issues("outlier")["is_outlier_issue"].sum())
    doubt = -issues["label_score"].to_numpy()
    return Found(doubt, issues["is_label_issue"].to_numpy(), groups, outliers, seconds)


def measures(case: Spoiled, found: Found) -> dict[str, Any]:
    """What was found of what was planted; a row that is in a group of copies counts once."""
    n, hits = len(case.labels), int((found.suspects & case.wrong).sum())
    copies = np.bincount(found.groups)[found.groups] > 1
    of_copies = found.groups[n - len(case.copied) :] == found.groups[case.copied]
    return {
        "rows": n,
        "seconds": round(found.seconds, 2),
        "suspects": int(found.suspects.sum()),
        "outliers": found.outliers,
        "rows_with_copies": int(copies.sum()),
        **(
            {
                "wrong": int(case.wrong.sum()),
                "auc": round(float(roc_auc_score(case.wrong, found.doubt)), 4),
                "precision": round(hits / max(1, int(found.suspects.sum())), 3),
                "recall": round(hits / int(case.wrong.sum()), 3),
                "copies": len(case.copied),
                "copies_found": round(float(of_copies.mean()), 3),
            }
            if case.wrong.any()
            else {}
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=MOST_ROWS)
    arguments = parser.parse_args()
    tools: dict[str, Callable[[Spoiled], Found]] = {"saln": by_saln}
    if find_spec("cleanlab") is not None:
        tools["cleanlab"] = by_cleanlab
    results = []
    for name, file in SETS.items():
        with np.load(arguments.data / file, allow_pickle=False) as arrays:
            features, labels = arrays["features"].astype(np.float32), arrays["labels"].astype(np.int64)
        kept = np.random.default_rng(1).permutation(len(labels))[: arguments.rows]
        for spoiled in (False, True):
            case = spoil(features[kept], labels[kept], spoiled)
            for tool, look in tools.items():
                found = measures(case, look(case))
                results.append({"set": name, "spoiled": spoiled, "tool": tool, **found})
                print(json.dumps(results[-1]), file=sys.stderr)
    versions = {}
    if "cleanlab" in tools:
        import cleanlab

        versions["cleanlab"] = cleanlab.__version__
    about = describe("bench.look")
    about["command"] = "python -m bench.look --data FOLDER --output FILE"
    document = {"schema": "saln.bench.look/1", **about, "others": versions, "results": results}
    arguments.output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
