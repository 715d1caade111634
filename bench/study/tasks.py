"""The trainings, by name: images, texts, a table. Data come from a folder, the texts' encoder from another."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.look_data import CIFAR, FEATURES, images, load
from bench.study.task import Task

SHIFT = 3
Make = Callable[[Path, Path], Task]


def cifar10(data: Path, model: Path | None = None) -> Task:
    """20 000 pictures of CIFAR-10 for a small residual network; frozen EfficientNet-Lite0 features choose."""
    file = load(data, CIFAR)
    pixels = torch.from_numpy(images(data)).permute(0, 3, 1, 2).float() / 255
    features = torch.from_numpy(load(data, FEATURES)["features"].astype(np.float32))
    return _pictures("cifar10", file, pixels, features, steps=450, rate=0.1)


def steel(data: Path, model: Path | None = None) -> Task:
    """1 440 pictures of steel (NEU), 64 × 64 grey, the same network and features."""
    file = load(data, "neu_surface_defects.npz")
    pixels = F.avg_pool2d(torch.from_numpy(file["images"]).float()[:, None] / 255, 2)
    features = torch.from_numpy(file["features"].astype(np.float32))
    return _pictures("steel", file, pixels, features, steps=150, rate=0.05, stride=2)


def trec(data: Path, model: Path) -> Task:
    """Questions of TREC: all-MiniLM-L6-v2 is fine-tuned, its frozen embeddings choose."""
    return _texts("trec", load(data, "text_trec_questions.npz"), model, steps=100, n_tokens=24, n_test=None)


def imdb(data: Path, model: Path) -> Task:
    """Reviews of IMDb, their first 48 tokens; the same encoder."""
    return _texts("imdb", load(data, "text_imdb_8k_4k.npz"), model, steps=80, n_tokens=48, n_test=1000)


def secom(data: Path, model: Path | None = None) -> Task:
    """Sensors of SECOM for a network of one hidden layer, which sees what chooses; judged by the area under the ROC."""
    file = load(data, "secom_semiconductor.npz")
    train = torch.from_numpy(~file["is_test"])
    x = torch.from_numpy(file["X"])
    x = torch.where(x.isnan(), x[train].nanmedian(dim=0).values, x)
    x = ((x - x[train].mean(dim=0)) / (x[train].std(dim=0) + 1e-6)).clamp(-5, 5)
    labels = torch.from_numpy(file["y"].astype(np.int64))
    inputs, tested = x[train], x[~train]
    return Task(
        "secom", inputs, labels[train], labels[~train],
        make=lambda: nn.Sequential(nn.Linear(inputs.shape[1], 256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, 2)),
        logits=lambda network, rows: network(inputs[rows]), predict=lambda network: network(tested),
        steps=300, batch_size=64, rate=1e-3, metric="roc_auc",
    )  # fmt: skip


TASKS: dict[str, Make] = {each.__name__: each for each in (cifar10, steel, trec, imdb, secom)}


class Block(nn.Module):
    """Two convolutions beside a way round them."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_convolution(n_in, n_out, stride), nn.ReLU(), _convolution(n_out, n_out, 1))
        self.round = nn.Identity() if n_in == n_out else nn.Conv2d(n_in, n_out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.round(x))


def _convolution(n_in: int, n_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.BatchNorm2d(n_out))


def residual_network(channels: int, n_classes: int, width: int = 16, stride: int = 1) -> nn.Sequential:
    """Three blocks, the first of them with this stride."""
    blocks = [Block(width * 2**i, width * 2 ** (i + 1), stride if i == 0 else 2) for i in range(3)]
    pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(_convolution(channels, width, 2), nn.ReLU(), *blocks, pooled, nn.Linear(8 * width, n_classes))


def _pictures(
    name: str, file: Any, pixels: Tensor, features: Tensor, *, steps: int, rate: float, stride: int = 1
) -> Task:  # fmt: skip
    labels, is_test = torch.from_numpy(file["labels"].astype(np.int64)), torch.from_numpy(file["is_test"])
    train = ~is_test
    pixels = (pixels - pixels[train].mean(dim=(0, 2, 3), keepdim=True)) / pixels[train].std(dim=(0, 2, 3), keepdim=True)
    inputs, tested = pixels[train], pixels[is_test]

    def augmented(rows: Tensor) -> Tensor:
        x = inputs[rows]
        x = torch.where(torch.rand(len(rows), 1, 1, 1) < 0.5, x.flip(3), x)
        return x.roll(torch.randint(-SHIFT, SHIFT + 1, (2,)).tolist(), (2, 3))

    return Task(
        name, features[train], labels[train], labels[is_test],
        make=lambda: residual_network(inputs.shape[1], int(labels.max()) + 1, stride=stride),
        logits=lambda network, rows: network(augmented(rows)),
        predict=lambda network: torch.cat([network(part) for part in torch.split(tested, 500)]),
        steps=steps, batch_size=64, rate=rate, sgd=True,
    )  # fmt: skip


class Encoder(nn.Module):
    """A pretrained encoder, the mean of its tokens, a linear layer."""

    def __init__(self, folder: Path, n_classes: int) -> None:
        super().__init__()
        from transformers import AutoModel

        self.body = AutoModel.from_pretrained(folder)
        self.head = nn.Linear(self.body.config.hidden_size, n_classes)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            states = self.body(input_ids=tokens, attention_mask=mask).last_hidden_state.float()
        mean = (states * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        logits: Tensor = self.head(mean)
        return logits


def _texts(name: str, file: Any, model: Path, *, steps: int, n_tokens: int, n_test: int | None) -> Task:
    from transformers import AutoTokenizer

    raw, offsets = file["text_utf8"].tobytes(), file["offsets"]
    texts = [raw[first:last].decode() for first, last in pairwise(offsets)]
    found = AutoTokenizer.from_pretrained(model)(
        texts, padding="max_length", truncation=True, max_length=n_tokens, return_tensors="pt"
    )
    tokens, masks = found["input_ids"], found["attention_mask"]
    labels, is_test = torch.from_numpy(file["labels"].astype(np.int64)), torch.from_numpy(file["is_test"])
    train, test = (~is_test).nonzero().squeeze(1), is_test.nonzero().squeeze(1)[:n_test]

    def logits(network: nn.Module, rows: Tensor) -> Tensor:
        longest = int(masks[rows].sum(dim=1).max())
        out: Tensor = network(tokens[rows, :longest], masks[rows, :longest])
        return out

    return Task(
        name, torch.from_numpy(file["features"].astype(np.float32))[train], labels[train], labels[test],
        make=lambda: Encoder(model, int(labels.max()) + 1),
        logits=lambda network, rows: logits(network, train[rows]),
        predict=lambda network: torch.cat([logits(network, part) for part in test.split(125)]),
        steps=steps, batch_size=32, rate=2e-4,
    )  # fmt: skip
