"""Does selection pay for an MLP on a table? The pilot asks it, seed by seed: python examples/table.py

--data is a table with a column of labels, else scikit-learn's on breast cancer. report.html has the answer in full.
"""

import argparse

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn
from torch.utils.data import TensorDataset

from saln.datasets import read_source
from saln.integrations.plain import job
from saln.pilot import compare

parser = argparse.ArgumentParser()
parser.add_argument("--data")
parser.add_argument("--wrong", type=float, default=0.3, help="share of the labels that are made wrong")
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--seeds", type=int, default=5)
args = parser.parse_args()

table = load_breast_cancer()
source = read_source(args.data or (table.data, table.target))
torch.manual_seed(0)
is_test = torch.rand(len(source)) < 0.3 if source.is_test is None else source.is_test
rows = torch.stack(list(source))
rows = ((rows - rows[~is_test].nanmean(0)) / (rows.nan_to_num().std(0) + 1e-6)).nan_to_num()
labels = torch.where(torch.rand(len(rows)) < args.wrong, source.labels[torch.randperm(len(rows))], source.labels)
test_rows, test_labels = rows[is_test], source.labels[is_test]

train = job(
    lambda: nn.Sequential(nn.Linear(rows.shape[1], 64), nn.ReLU(), nn.Linear(64, len(source.class_names))),
    TensorDataset(rows[~is_test], labels[~is_test]),
    loss=nn.CrossEntropyLoss(reduction="none"),
    make_optimizer=lambda model: torch.optim.AdamW(model.parameters(), lr=3e-3),
    evaluate=lambda model: {"accuracy": (model(test_rows).argmax(1) == test_labels).double().mean().item()},
    epochs=args.epochs,
)
result = compare(train, features=rows[~is_test], labels=labels[~is_test], batch_size=32, seeds=args.seeds)
result.report("report.html")
figures = result.to_frame().set_index(["figure", "method"])
without, chosen = (figures["mean"]["accuracy", method] for method in result.methods)
print(f"accuracy {without:.3f} without selection, {chosen:.3f} with it")
