"""A small residual network on images with wrong labels, without selection and with it: python examples/images.py

--data is a folder of class folders or a file of images, else scikit-learn's digits. --model is a network whose features
choose (timm:NAME, my_file.py:function), else the one that was trained without selection.
"""

import argparse

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

import saln
from saln.datasets import read_source


class Residual(nn.Sequential):
    def __init__(self, n):
        super().__init__(nn.Conv2d(n, n, 3, 1, 1), nn.BatchNorm2d(n), nn.ReLU(), nn.Conv2d(n, n, 3, 1, 1))

    def forward(self, x):
        return torch.relu(x + super().forward(x))


def train(loader, n_classes, epochs):
    torch.manual_seed(0)
    body = [layer for n in (16, 32, 64) for layer in (nn.LazyConv2d(n, 3, 2, 1), nn.BatchNorm2d(n), Residual(n))]
    model = nn.Sequential(nn.Sequential(*body, nn.AdaptiveAvgPool2d(1), nn.Flatten()), nn.LazyLinear(n_classes))
    model(next(iter(loader))[0])  # makes the lazy layers
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=epochs * len(loader))
    for _ in range(epochs):
        for batch, targets in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(batch), targets).backward()
            optimizer.step()
            schedule.step()
    return model.eval()


parser = argparse.ArgumentParser()
parser.add_argument("--data")
parser.add_argument("--model")
parser.add_argument("--wrong", type=float, default=0.4, help="share of the labels that are made wrong")
parser.add_argument("--epochs", type=int, default=6)
args = parser.parse_args()

digits = load_digits()
source = read_source(args.data or {"images": (digits.images * 15).astype(np.uint8), "labels": digits.target})
pixels = torch.from_numpy(np.stack([image.resize((32, 32)) for image in source])).permute(0, 3, 1, 2) / 255
is_test = torch.arange(len(source)) % 5 == 0 if source.is_test is None else source.is_test
torch.manual_seed(0)
labels = torch.where(torch.rand(len(source)) < args.wrong, source.labels[torch.randperm(len(source))], source.labels)

n_classes, rows = len(source.class_names), (~is_test).nonzero()[:, 0]
loader = DataLoader(TensorDataset(pixels[rows], labels[rows]), batch_size=64, shuffle=True)
plain = train(loader, n_classes, args.epochs)
images = Subset(source, rows.tolist()) if args.model else loader.dataset
features = saln.extract(args.model or plain, images, "features.npy", layer=None if args.model else "0")
chosen = train(saln.select_data(loader, features=features), n_classes, args.epochs)
with torch.no_grad():
    right = [(model(pixels[is_test]).argmax(1) == source.labels[is_test]).double().mean() for model in (plain, chosen)]
print(f"accuracy {right[0]:.3f} without selection, {right[1]:.3f} with it")
