"""Models and data that the tests of extraction share."""

from __future__ import annotations

from torch import Tensor, nn
from torch.utils.data import Dataset


class Counting(nn.Module):
    """A small network that counts the rows that it has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 6, 3)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(6, 4)
        self.n_rows = 0

    def forward(self, images: Tensor) -> Tensor:
        self.n_rows += len(images)
        return self.head(self.drop(self.body(images).relu().mean((2, 3))))


class Pairs(Dataset[tuple[Tensor, int]]):
    """Images with labels."""

    def __init__(self, images: Tensor, labels: list[int]) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return self.images[row], self.labels[row]
