"""What `saln.look` finds beside cleanlab's Datalab, on the same features: wrong labels, near copies, false alarms.

    python -m bench.look --data FOLDER --output bench/results/look-DATE.json

FOLDER holds the npz files of `SETS`, each with `features` and `labels`. Every set is looked at as it is, and spoiled: a
tenth of the labels another class at random, a fiftieth of the rows once more with features that differ by 5 % of their
own size, and five rows of another set, a picture among pictures, a text among texts. cleanlab gets what its tutorials
give it: out-of-sample probabilities of scikit-learn's logistic regression on standardised features, five folds, and the
features. Without cleanlab installed the look stands alone.
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
    "CIFAR-10": ("features_cifar10_20k_5k_efflite0_160.npz", "steel (NEU)"),
    "steel (NEU)": ("neu_surface_defects.npz", "CIFAR-10"),
    "TREC": ("text_trec_questions.npz", "IMDb"),
    "IMDb": ("text_imdb_8k_4k.npz", "TREC"),
}
"""Each with its file, and the set that strangers are from, whose features are of the same network."""
MOST_ROWS = 6000
WRONG, COPIED, NOISE, STRANGERS = 0.1, 0.02, 0.05, 5

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Marks = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Spoiled:
    """A set, and what is planted in it.

    Attributes
    ----------
    features, labels : ndarray
        `[N, d]`, `[N]`.
    wrong, strange : ndarray
        `[N]` bool: labels that are wrong, rows of another set.
    copied, copies : ndarray
        `[k]` rows, and their near copies.
    """

    features: Floats
    labels: Ints
    wrong: Marks
    strange: Marks
    copied: Ints
    copies: Ints


@dataclass(frozen=True)
class Found:
    """What a tool says of each row `[N]`: doubt of its label, whether it calls it wrong, its group of copies, how far
    it is from others, whether it calls it an outlier; the CPU seconds that it took, and which share of what it calls
    wrong it expects to be so.
    """

    doubt: Floats
    suspects: Marks
    groups: Ints
    distance: Floats
    outliers: Marks
    seconds: float
    sure: float | None = None


def spoil(features: Floats, labels: Ints, strangers: Floats | None, seed: int = 0) -> Spoiled:
    """The set with wrong labels, near copies and strangers; without strangers as it is."""
    n, rng = len(labels), np.random.default_rng(seed)
    nothing, nobody = np.zeros(n, dtype=np.bool_), np.empty(0, np.int64)
    if strangers is None:
        return Spoiled(features, labels, nothing, nothing, nobody, nobody)
    classes, codes = np.unique(labels, return_inverse=True)
    wrong = nothing.copy()
    wrong[rng.permutation(n)[: round(WRONG * n)]] = True
    codes = np.where(wrong, (codes + rng.integers(1, len(classes), n)) % len(classes), codes)
    copied = rng.permutation(n)[: round(COPIED * n)]
    near = features[copied] * (1 + NOISE * rng.normal(size=(len(copied), features.shape[1])))
    strange = strangers[rng.permutation(len(strangers))[:STRANGERS]]
    more = rng.integers(0, len(classes), len(strange))
    return Spoiled(
        np.concatenate([features, near, strange]).astype(np.float32),
        classes[np.concatenate([codes, codes[copied], more])],
        np.concatenate([wrong, wrong[copied], more < 0]),
        np.arange(n + len(copied) + len(strange)) >= n + len(copied),
        copied,
        n + np.arange(len(copied)),
    )


def by_saln(case: Spoiled) -> Found:
    start = time.process_time()
    found = saln.look(case.features, case.labels)
    seconds = time.process_time() - start
    suspects, outliers = np.zeros((2, len(found)), dtype=np.bool_)
    suspects[found.suspects] = outliers[found.outliers] = True
    doubt = -np.nan_to_num(found.label_quality, nan=1.0)
    return Found(doubt, suspects, found.copy_group, found.outlier_score, outliers, seconds, found.sure)


def by_cleanlab(case: Spoiled) -> Found:
    from cleanlab import Datalab
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    start = time.process_time()
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=400))
    shares = cross_val_predict(model, case.features, case.labels, cv=5, method="predict_proba")
    lab = Datalab({"y": case.labels}, label_name="y", verbosity=0)
    kinds: dict[str, dict[str, Any]] = {"label": {}, "near_duplicate": {}, "outlier": {}}
    lab.find_issues(pred_probs=shares, features=case.features, issue_types=kinds)
    seconds = time.process_time() - start
    groups = np.arange(len(case.labels))
    for row, others in enumerate(lab.get_issues("near_duplicate")["near_duplicate_sets"]):
        for other in others:  # what hangs together is one group
            groups[groups == groups[other]] = groups[row]
    labels, outliers = lab.get_issues("label"), lab.get_issues("outlier")
    return Found(
        -labels["label_score"].to_numpy(), labels["is_label_issue"].to_numpy(), groups,
        -outliers["outlier_score"].to_numpy(), outliers["is_outlier_issue"].to_numpy(), seconds,
    )  # fmt: skip


def measures(case: Spoiled, found: Found) -> dict[str, Any]:
    """What was found of what was planted; strangers count as outliers alone, not as labels that are right or wrong."""
    ours = ~case.strange
    suspects, wrong = found.suspects[ours], case.wrong[ours]
    counts: dict[str, Any] = {
        "rows": len(case.labels),
        "cpu_seconds": round(found.seconds, 2),
        "suspects": int(suspects.sum()),
        "rows_with_copies": int((np.bincount(found.groups)[found.groups] > 1).sum()),
        "outliers": int(found.outliers.sum()),
    }
    if not case.wrong.any():
        return counts
    hits = int((suspects & wrong).sum())
    return {
        **counts,
        "wrong": int(wrong.sum()),
        "auc": _share(roc_auc_score(wrong, found.doubt[ours]), 4),
        "precision_expected": None if found.sure is None else _share(found.sure),
        "precision": _share(hits / max(1, int(suspects.sum()))),
        "recall": _share(hits / int(wrong.sum())),
        "copies": len(case.copies),
        "copies_found": _share((found.groups[case.copies] == found.groups[case.copied]).mean()),
        "strangers": int(case.strange.sum()),
        "strangers_auc": _share(roc_auc_score(case.strange, found.distance), 4),
        "strangers_found": _share(found.outliers[case.strange].mean()),
    }


def _share(value: Any, digits: int = 3) -> float:
    return round(float(value), digits)


def read(path: Path, rows: int) -> tuple[Floats, Ints]:
    """Features and labels of some rows of a file, always the same ones."""
    with np.load(path, allow_pickle=False) as arrays:
        features, labels = arrays["features"].astype(np.float32), arrays["labels"].astype(np.int64)
    kept = np.random.default_rng(1).permutation(len(labels))[:rows]
    return features[kept], labels[kept]


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
    for name, (file, other) in SETS.items():
        features, labels = read(arguments.data / file, arguments.rows)
        strangers = read(arguments.data / SETS[other][0], arguments.rows)[0]
        for planted in (None, strangers):
            case = spoil(features, labels, planted)
            for tool, look in tools.items():
                found = measures(case, look(case))
                results.append({"set": name, "spoiled": planted is not None, "tool": tool, **found})
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
