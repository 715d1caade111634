"""Does selection pay on a small residual network, where features of a large one choose?

python examples/pilots/images.py, beside images.npz (images, labels, is_test) and features.npy, a row a training image
"""

import torch
from torch.utils.data import TensorDataset

import saln.pilot
from saln.datasets import load_dataset
from saln.integrations.plain import job
from saln.pilot.builtin.residual import ResidualNetwork

data = load_dataset("images.npz")
(x, y), (x_test, y_test) = ((data.images[p] / 127.5 - 1, data.labels[p]) for p in (~data.is_test, data.is_test))


def make_network():
    return ResidualNetwork(channels=3, width=16, blocks=1, n_classes=10)


def make_optimizer(network):
    return torch.optim.AdamW(network.parameters(), lr=2e-3)


def evaluate(network):
    return {"accuracy": (network(x_test).argmax(1) == y_test).double().mean().item()}


settings = {"loss": torch.nn.CrossEntropyLoss(reduction="none"), "evaluate": evaluate, "epochs": 4}
train = job(make_network, TensorDataset(x, y), make_optimizer=make_optimizer, **settings)
result = saln.pilot.compare(train, features="features.npy", labels=y, seeds=3, work="pilot")
result.report("images.html"), result.report("images.ja.html", lang="ja"), print(result)
