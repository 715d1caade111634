"""Wrong labels found, and in what time, beside cleanlab's: `python -m bench.look_labels DATA --cleanlab FOLDER`.

DATA holds npz files with `features` [N, d], `labels` [N] and, where they have one, `is_test` [N]: rows of a test part
are left out. Labels are made wrong at random, alike in all classes or one way, and both judges get the same features
and labels. cleanlab's recipe is its tutorials': out-of-sample probabilities by scikit-learn's logistic regression in
five folds, and `cleanlab.rank.get_label_quality_scores`. Shown is the area under the ROC curve of wrong labels, with
features, and with both judges given the probabilities of that logistic regression. Everything runs on one thread;
seconds are those of the processor, and the least of the seeds, since other programs of a machine disturb them.

cleanlab is needed by this program alone, and not installed with any group: `pip install cleanlab==2.9.0`. Its
probabilities are kept in FOLDER, with their seconds, since they take minutes; where they lie there they are not made
again. Seeds without them, beyond `--cleanlab-seeds`, are judged by saln alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from bench.machine import describe
from saln.inspection.labels import LabelJudgement, judge_labels

DATASETS = {
    "cifar10": "features_cifar10_20k_5k_efflite0_160.npz",
    "neu": "neu_surface_defects.npz",
    "trec": "text_trec_questions.npz",
    "imdb": "text_imdb_8k_4k.npz",
}
CONDITIONS = {
    "clean": ("sym", 0),
    "2 %": ("sym", 0.02),
    "5 %": ("sym", 0.05),
    "10 %": ("sym", 0.1),
    "20 %": ("sym", 0.2),
    "40 %": ("sym", 0.4),
    "40 % one way": ("asym", 0.4),
    "40 % round": ("pair", 0.4),
}
"""Alike in all classes; of every other class, to the next one; of all classes, to the next one."""

Ints = npt.NDArray[np.int64]


class Scores(NamedTuple):
    """A judge's area, or on clean labels how many are called wrong (quality below a half), and its seconds."""

    area: float | None
    suspects: int
    seconds: float


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="python -m bench.look_labels", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--cleanlab", type=Path, required=True, help="folder of its probabilities, made or to be made")
    parser.add_argument("--datasets", nargs="+", default=list(DATASETS), choices=list(DATASETS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cleanlab-seeds", type=int, default=3, help="seeds whose missing probabilities are made")
    parser.add_argument("--note", default="", help="what a reader of the result is to know")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    try:
        import cleanlab
    except ModuleNotFoundError:
        parser.error("cleanlab is missing, and needed by this program alone: pip install cleanlab==2.9.0")
    torch.set_num_threads(1)
    options.cleanlab.mkdir(parents=True, exist_ok=True)
    machine = {
        **describe("bench.look_labels"),
        "command": "python -m bench.look_labels DATA --cleanlab FOLDER",
        "note": options.note,
    }
    file = options.output or Path(__file__).parent / f"results/look-labels-{date.today()}.json"
    rows: list[dict[str, Any]] = []
    for name in options.datasets:
        rows += _measure(name, options)
        result = {**machine, "cleanlab": cleanlab.__version__, "means": _means(rows), "rows": rows}
        file.write_text(json.dumps(result, indent=1) + "\n")
    sys.stdout.write(f"{file}\n")


def _measure(name: str, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    features, truth = _load(options.data / DATASETS[name])
    judge_labels(torch.from_numpy(features[:500]), torch.from_numpy(truth[:500]))  # warms up
    for condition, (kind, share) in CONDITIONS.items():
        if kind == "pair" and truth.max() == 1:
            continue  # as 40 % alike
        for seed in range(options.seeds):
            labels = spoiled(truth, kind, share, seed)
            wrong = labels != truth
            row: dict[str, Any] = {"dataset": name, "condition": condition, "seed": seed, "wrong": float(wrong.mean())}
            row["saln"] = _ours(features, labels, wrong, None)
            kept = options.cleanlab / f"p_{name}_{kind}_{share}_{seed}.npz"
            if not kept.exists() and seed < options.cleanlab_seeds:
                _predict(features, labels, kept)
            if kept.exists():
                with np.load(kept) as found:
                    shares, seconds = found["p"], float(found["t"])
                row["cleanlab"] = _theirs(labels, shares, wrong, seconds)
                row["saln, same probabilities"] = _ours(features, labels, wrong, shares)
            sys.stderr.write(f"{json.dumps(row)}\n")
            yield row


def spoiled(truth: Ints, kind: str, share: float, seed: int) -> Ints:
    """Labels of which a share is wrong: any other class, or the next one, of every other class or of all."""
    source = np.random.default_rng(seed)
    c = int(truth.max()) + 1
    hit = source.random(len(truth)) < share
    if kind == "sym":
        other = (truth + source.integers(1, c, len(truth))) % c
    else:
        other = (truth + 1) % c
        hit &= (truth % 2 == 0) | (kind == "pair")
    found: Ints = np.where(hit, other, truth)
    return found


def _load(file: Path) -> tuple[npt.NDArray[Any], Ints]:
    with np.load(file) as found:
        train = ~found["is_test"] if "is_test" in found else np.ones(len(found["labels"]), dtype=bool)
        return found["features"][train], found["labels"][train].astype(np.int64)


def _predict(features: npt.NDArray[Any], labels: Ints, kept: Path) -> None:
    began = time.process_time()
    shares = cross_val_predict(
        LogisticRegression(max_iter=400), features.astype(np.float32), labels, cv=5, method="predict_proba"
    )
    np.savez(kept, p=shares.astype(np.float32), t=time.process_time() - began)


def _theirs(labels: Ints, shares: npt.NDArray[Any], wrong: npt.NDArray[np.bool_], seconds: float) -> dict[str, Any]:
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    began = time.process_time()
    quality = get_label_quality_scores(labels, shares)
    seconds += time.process_time() - began
    suspects = int(find_label_issues(labels, shares).sum())
    return Scores(_area(quality, wrong), suspects, round(seconds, 3))._asdict()


def _ours(
    features: npt.NDArray[Any], labels: Ints, wrong: npt.NDArray[np.bool_], shares: npt.NDArray[Any] | None
) -> dict[str, Any]:
    x, y = torch.from_numpy(features), torch.from_numpy(labels)
    began = time.process_time()
    found: LabelJudgement = judge_labels(x, y, probabilities=None if shares is None else torch.from_numpy(shares))
    seconds = round(time.process_time() - began, 3)
    scores = Scores(_area(found.quality.numpy(), wrong), int((found.quality < 0.5).sum()), seconds)
    return {**scores._asdict(), "noise": round(found.noise, 4), "skill": round(found.skill, 3)}


def _area(quality: npt.NDArray[Any], wrong: npt.NDArray[np.bool_]) -> float | None:
    return round(float(roc_auc_score(wrong, -quality)), 4) if wrong.any() else None


def _means(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By dataset and condition: means over the seeds that both judges have."""
    found = []
    for name, condition in dict.fromkeys((row["dataset"], row["condition"]) for row in rows):
        alike = [row for row in rows if (row["dataset"], row["condition"]) == (name, condition)]
        both = [row for row in alike if "cleanlab" in row]
        mean: dict[str, Any] = {
            "dataset": name,
            "condition": condition,
            "seeds": len(alike),
            "seeds of both": len(both),
        }
        mean["wrong"] = round(statistics.mean(row["wrong"] for row in alike), 4)
        mean["noise"] = round(statistics.mean(row["saln"]["noise"] for row in alike), 4)
        mean["area of saln, all seeds"] = _mean([row["saln"]["area"] for row in alike])
        for judge in ("saln", "cleanlab", "saln, same probabilities"):
            for what in ("area", "suspects"):
                mean[f"{what} of {judge}"] = _mean([row[judge][what] for row in both])
            mean[f"seconds of {judge}"] = min((row[judge]["seconds"] for row in both), default=None)
        found.append(mean)
    return found


def _mean(values: list[float | None]) -> float | None:
    numbers = [value for value in values if value is not None]
    return round(statistics.mean(numbers), 4) if numbers else None


if __name__ == "__main__":
    main()
