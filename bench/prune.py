"""Pruning beside random rows: `python -m bench.prune FOLDER` writes bench/results/prune-<date>.json and its tables.

FOLDER holds npz files with features, labels and is_test. Of each a pool of at most 1500 training rows is drawn, kept as
it is, spoiled (a fifth of the labels are wrong) or half filled with copies (of 100 rows). Every method keeps 10, 30 and
50 % of it; on what is kept a logistic regression and a small network are trained, the network for as many epochs
whatever is kept; test rows are never spoiled. EL2N and forgetting come from one recorded training of that network on
the whole pool.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn import functional as F

import saln
from bench.machine import describe
from saln.pruning import METHODS

FILES = {
    "CIFAR-10": "features_cifar10_20k_5k_efflite0_160.npz", "NEU": "neu_surface_defects.npz",
    "TREC": "text_trec_questions.npz", "IMDb": "text_imdb_8k_4k.npz",
}  # fmt: skip
CONDITIONS = ("clean", "20 % wrong labels", "half copies")
SHARES = (0.1, 0.3, 0.5)
POOL, TEST, WRONG, COPIED = 1500, 1500, 0.2, 100
EPOCHS, BATCH, WIDTH, RATE = 12, 64, 64, 1e-3
IN_SHARES = ("credibility", "el2n", "forgetting")  # of classes
LEARNERS = ("network", "regression")
WHOLE = "all rows"
Data = tuple[Tensor, Tensor, Tensor, Tensor]


def read(path: Path, condition: str, seed: int) -> Data:
    """Features and labels of a pool and of test rows."""
    file = np.load(path, allow_pickle=False)
    x, y, is_test = torch.from_numpy(file["features"]).float(), torch.from_numpy(file["labels"]).long(), file["is_test"]
    source = np.random.default_rng(seed)
    rows = source.permutation(np.flatnonzero(~is_test))[:POOL]
    test = source.permutation(np.flatnonzero(is_test))[:TEST]
    pool_x, pool_y = x[rows], y[rows]
    if condition == CONDITIONS[1]:
        wrong = torch.from_numpy(source.random(len(rows)) < WRONG)
        n_classes = int(y.max()) + 1
        other = (pool_y + torch.from_numpy(source.integers(1, n_classes, len(rows)))) % n_classes
        pool_y = torch.where(wrong, other, pool_y)
    if condition == CONDITIONS[2]:
        half = len(rows) // 2
        copied = torch.from_numpy(source.integers(COPIED, size=len(rows) - half))
        pool_x[half:], pool_y[half:] = pool_x[copied], pool_y[copied]
    return pool_x, pool_y, x[test], y[test]


def scaled(data: Data, rows: Tensor) -> Data:
    """Standardised by the rows that are trained on, which are all that a training would know."""
    x, y, test_x, test_y = data
    spread, centre = torch.std_mean(x[rows], dim=0)
    spread = spread.clamp_min(1e-3)
    return (x[rows] - centre) / spread, y[rows], (test_x - centre) / spread, test_y


def regression(data: Data) -> float:
    """Test accuracy of logistic regression."""
    x, y, test_x, test_y = data
    model = LogisticRegression(C=0.01, max_iter=30, tol=1e-2).fit(x.numpy(), y.numpy())
    return float((model.predict(test_x.numpy()) == test_y.numpy()).mean())


def network(data: Data, seed: int, history: saln.History | None = None) -> float:
    """Test accuracy of one hidden layer."""
    x, y, test_x, test_y = data
    torch.manual_seed(seed)
    n_classes = int(torch.cat([y, test_y]).max()) + 1
    model = nn.Sequential(nn.Linear(x.shape[1], WIDTH), nn.ReLU(), nn.Linear(WIDTH, n_classes))
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x)).split(BATCH):
            logits = model(x[rows])
            if history is not None:
                history.record(rows, logits.softmax(dim=1) - F.one_hot(y[rows], n_classes))
            optimizer.zero_grad()
            F.cross_entropy(logits, y[rows]).backward()
            optimizer.step()
    with torch.no_grad():
        return float((model(test_x).argmax(dim=1) == test_y).double().mean())


def trial(path: Path, condition: str, seed: int) -> list[dict[str, Any]]:
    """Accuracies of every method and share on one pool."""
    data = read(path, condition, seed)
    x, y = data[:2]
    everything = torch.arange(len(x))
    history = saln.History(len(x))
    whole = scaled(data, everything)
    found = [{"method": WHOLE, "keep": 1.0, "network": network(whole, seed, history), "regression": regression(whole)}]
    for method in METHODS:
        begun = time.process_time()
        most = saln.prune(x, y, keep=SHARES[-1], method=method, history=history, seed=seed)
        seconds = time.process_time() - begun
        for keep in SHARES:
            rows = most[: round(keep * len(x))]  # what a greedy method keeps first is what it keeps of a smaller share
            if method in IN_SHARES:
                rows = saln.prune(x, y, keep=keep, method=method, history=history, seed=seed)
            part = scaled(data, rows)
            accuracies = {"network": network(part, seed), "regression": regression(part)}
            found.append({"method": method, "keep": keep, **accuracies, "seconds": round(seconds, 3)})
    return [{"condition": condition, "seed": seed, "rows": len(x), **each} for each in found]


def accuracies(trials: list[dict[str, Any]], condition: str, learner: str) -> dict[tuple[str, str, float], float]:
    """Mean test accuracies over seeds in percent, by data, method and share."""
    of = defaultdict(list)
    for each in trials:
        if each["condition"] == condition:
            of[each["data"], each["method"], each["keep"]].append(100 * each[learner])
    return {key: statistics.mean(values) for key, values in of.items()}


def means(trials: list[dict[str, Any]]) -> str:
    """Points above random rows, means over the sets of data, network / regression."""
    shares = " | ".join(f"{condition}: 10 % | 30 % | 50 %" for condition in CONDITIONS)
    lines = [f"| kept | {shares} |", "|---|" + "---|" * len(CONDITIONS) * len(SHARES)]
    found = {
        (condition, learner): accuracies(trials, condition, learner) for condition in CONDITIONS for learner in LEARNERS
    }
    for method in [method for method in METHODS if method != "random"]:
        cells = []
        for condition in CONDITIONS:
            for keep in SHARES:
                above = [
                    statistics.mean(of[name, method, keep] - of[name, "random", keep] for name in FILES)
                    for of in (found[condition, learner] for learner in LEARNERS)
                ]
                cells.append(" / ".join(f"{each:+.1f}" for each in above))
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def tables(trials: list[dict[str, Any]]) -> str:
    """Of every set of data: random rows' mean test accuracies in percent, and points above them."""
    lines = []
    for learner in LEARNERS:
        for condition in CONDITIONS:
            of = accuracies(trials, condition, learner)
            whole = ", ".join(f"{name} {of[name, WHOLE, 1.0]:.1f}" for name in FILES)
            lines += [f"\n**{condition}, {learner}** (all rows: {whole})\n"]
            lines += ["| kept | " + " | ".join(f"{name} 10 % | 30 % | 50 %" for name in FILES) + " |"]
            lines += ["|---|" + "---|" * (len(SHARES) * len(FILES))]
            for method in METHODS:
                cells = []
                for name in FILES:
                    for keep in SHARES:
                        mean, random = of[name, method, keep], of[name, "random", keep]
                        cells.append(f"{mean:.1f}" if method == "random" else f"{mean - random:+.1f}")
                lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run all trials, write after each, print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tables", type=Path, help="print the tables of a result file, and run nothing")
    given = parser.parse_args()
    if given.tables:
        found = json.loads(given.tables.read_text())["trials"]
        print(means(found), tables(found), sep="\n")
        return
    torch.set_num_threads(1)
    file, trials = Path(__file__).parent / f"results/prune-{date.today()}.json", []
    facts = describe("bench.prune") | {"command": f"python -m bench.prune FOLDER --seeds {given.seeds}"}
    for seed in range(given.seeds):
        for name, path in FILES.items():
            for condition in CONDITIONS:
                begun = time.process_time()
                trials += [{"data": name, **each} for each in trial(given.folder / path, condition, seed)]
                file.write_text(json.dumps({**facts, "trials": trials}, indent=1) + "\n")
                print(f"{name}, {condition}, seed {seed}: {time.process_time() - begun:.1f} s", flush=True)
    print(means(trials), tables(trials), sep="\n")


if __name__ == "__main__":
    main()
