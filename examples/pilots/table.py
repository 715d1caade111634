"""Does selection pay on a table of sensors with gaps, where one class is rare?

python examples/pilots/table.py, beside table.csv with a column is_test and one of labels, result
"""

import torch
from sklearn.metrics import roc_auc_score

import saln.pilot
from saln.datasets import load_dataset
from saln.integrations.plain import job

data = load_dataset("table.csv", label_key="result")
seen = data.x[~data.is_test]
x = ((data.x - seen.nanmean(0)) / (seen.nan_to_num().std(0) + 1e-6)).nan_to_num().clamp(-5, 5)
(x, y), (x_test, y_test) = ((x[part], data.labels[part]) for part in (~data.is_test, data.is_test))


def make_model():
    return torch.nn.Sequential(torch.nn.Linear(x.shape[1], 256), torch.nn.ReLU(), torch.nn.Linear(256, 2))


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=3e-4, weight_decay=0.1)


def evaluate(model):
    return {"roc_auc": roc_auc_score(y_test, model(x_test).softmax(1)[:, 1])}


settings = {"loss": torch.nn.CrossEntropyLoss(reduction="none"), "evaluate": evaluate, "epochs": 40}
train = job(make_model, torch.utils.data.TensorDataset(x, y), make_optimizer=make_optimizer, **settings)
result = saln.pilot.compare(train, features=x, labels=y, methods=["auto", "jest"], seeds=3, work="pilot")
result.report("table.html"), result.report("table.ja.html", lang="ja"), print(result)
