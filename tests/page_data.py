"""Files that the commands of README and docs name, small and made up."""

from __future__ import annotations

import csv
import textwrap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image

import saln

ROWS, CLASSES = 400, 3
WORDS = (("king", "queen", "crown"), ("river", "lake", "hill"), ("hour", "day", "year"))
PEOPLE = ("sex", "site")
JOB = """
    import numpy as np
    import torch

    x, y = torch.from_numpy(np.load("features.npy")), torch.from_numpy(np.load("labels.npy"))


    def train(sampler, seed):
        model = torch.nn.Linear(x.shape[1], 3)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        step = 0
        for _ in range(2):
            for rows in sampler:
                with sampler.recorder(model):
                    logits = model(x[rows])
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(logits, y[rows]).backward()
                optimizer.step()
                step += 1
            yield step, {"accuracy": float((model(x).argmax(1) == y).float().mean())}
    """
MODEL = """
    import torch


    def make_model():
        return torch.nn.Linear(6, 3)  # four numbers, and a column for each of two categories
    """


def write(folder: Path) -> None:
    """All of them."""
    source = np.random.default_rng(0)
    labels = np.arange(ROWS) % CLASSES
    features = (source.normal(size=(ROWS, 8)) + 3 * np.eye(CLASSES, 8)[labels]).astype(np.float32)
    images = (60 * labels[:, None, None] + source.integers(0, 60, (ROWS, 8, 8))).astype(np.uint8)
    site, sex = source.integers(2, size=ROWS), source.integers(2, size=ROWS)
    is_test = np.arange(ROWS) % 5 == 0

    np.save(folder / "features.npy", features)
    np.save(folder / "labels.npy", labels)
    np.save(folder / "x.npy", features)
    np.save(folder / "y.npy", labels)
    np.savez(folder / "data.npz", features=features, images=images, labels=labels, site=site, is_test=is_test)
    np.savez(folder / "digits.npz", images=images, labels=labels)
    np.save(folder / "pool.npy", np.concatenate([features, features + 1]))
    np.save(folder / "labelled.npy", np.arange(20))
    np.save(folder / "candidates.npy", source.integers(ROWS, size=(50, 16)))
    steps = np.stack([source.permutation(np.flatnonzero(~is_test))[:32] for _ in range(14)])
    np.savez(folder / "selection.npz", selection=steps)
    np.savez(folder / "test.npz", labels=labels[is_test], predictions=labels[is_test], site=site[is_test])
    columns = {**{f"s{n}": features[:, n] for n in range(4)}, "defect": np.array(["no", "yes"])[labels % 2]}
    pq.write_table(pa.table(columns), folder / "table.parquet")
    pq.write_table(pa.table({**columns, "label": labels}), folder / "train.parquet")
    write_csv(folder / "table.csv", list(columns), zip(*columns.values(), strict=True))
    texts = [" ".join(source.choice(WORDS[label], 4)) for label in labels]
    write_csv(folder / "texts.csv", ["text", "label"], zip(texts, labels, strict=True))
    write_csv(folder / "people.csv", PEOPLE, zip(np.array(["f", "m"])[sex], site, strict=True))
    write_csv(folder / "images.csv", ["file", "label"], ((f"photos/{place(row)}", labels[row]) for row in range(ROWS)))
    for row in range(ROWS):
        file = folder / "reviews" / place(row).replace(".png", ".txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(texts[row], encoding="utf-8")
    for name in ("photos", "images"):
        for row in range(ROWS):
            file = folder / name / place(row)
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(images[row]).save(file)
    (folder / "my_job.py").write_text(textwrap.dedent(JOB), encoding="utf-8")
    (folder / "my_model.py").write_text(textwrap.dedent(MODEL), encoding="utf-8")
    record(folder / "run.npz", torch.from_numpy(features), torch.from_numpy(labels))


def place(row: int) -> str:
    """A sample's file, in the folder of its class."""
    return f"{'abc'[row % CLASSES]}/{row:04}.png"


def write_csv(file: Path, header: object, rows: object) -> None:
    """A table with a line of names."""
    with file.open("w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows([header, *rows])  # type: ignore[misc,list-item]


def record(file: Path, x: torch.Tensor, y: torch.Tensor) -> None:
    """What two epochs of a training were like."""
    history, model = saln.History(len(x)), torch.nn.Linear(x.shape[1], CLASSES)
    for _ in range(2):
        for rows in torch.randperm(len(x)).split(50):
            with history(model, rows, y[rows]):
                torch.nn.functional.cross_entropy(model(x[rows]), y[rows])
    history.save(file)
