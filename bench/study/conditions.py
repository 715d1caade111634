"""What is done to the training data, and what is known of it then. Test data are left alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from saln.pilot.builtin.corruption import keep_rare, noisy_labels, rare_classes

RARE, HALF = 0.1, 0.5
COPIED = 400 / 15_000  # of the rows, those that copies are of
JITTER = 0.05  # of near copies' features, beside the spread of the features


@dataclass(frozen=True)
class Spoiled:
    """What is trained on.

    Attributes
    ----------
    rows : Tensor
        `[n]` rows of the training set, some more than once.
    labels : Tensor
        `[n]`, as training and methods are given them.
    wrong : Tensor
        `[n]` bool, which of these are wrong.
    worth : Tensor
        `[n]`, what an oracle draws rows by: 0 for a wrong label, one over the number of copies or of rows of the class.
    jitter : float
        Relative noise of the features; with it copies are near, not exact.
    balanced : bool
        Whether classes are to count alike in what is judged.
    """

    rows: Tensor
    labels: Tensor
    wrong: Tensor
    worth: Tensor
    jitter: float = 0.0
    balanced: bool = False


@dataclass(frozen=True)
class Clean:
    """Labels `[N]`, and for each row what a linear model of other rows holds of every class, `[N, C]`."""

    labels: Tensor
    guesses: Tensor

    @property
    def n_classes(self) -> int:
        return self.guesses.shape[1]


Condition = Callable[[Clean, torch.Generator], Spoiled]


def clean(data: Clean, source: torch.Generator) -> Spoiled:
    """As it is."""
    return _relabelled(data.labels, data.labels)


def noisy(share: float) -> Condition:
    """So many labels are another class, any alike."""

    def spoil(data: Clean, source: torch.Generator) -> Spoiled:
        return _relabelled(data.labels, noisy_labels(data.labels, share, data.n_classes, source)[0])

    return spoil


def one_way(data: Clean, source: torch.Generator) -> Spoiled:
    """Of half the classes two of five are called what each is most often mistaken for."""
    n = data.n_classes
    mean = torch.stack([data.guesses[data.labels == each].mean(dim=0) for each in range(n)]).fill_diagonal_(-1.0)
    others = mean.argmax(dim=1)[data.labels]
    moved = torch.isin(data.labels, rare_classes(n, source)) & (torch.rand(len(others), generator=source) < 0.4)
    return _relabelled(data.labels, torch.where(moved, others, data.labels))


def hard(data: Clean, source: torch.Generator) -> Spoiled:
    """A fifth of the labels is wrong, rather hard ones: what a linear model takes a row for if not its own class."""
    own = data.guesses.gather(1, data.labels[:, None]).squeeze(1)
    others = data.guesses.scatter(1, data.labels[:, None], -1.0)
    draw = (1 - own).clamp_min(1e-6).log() - torch.empty(len(own)).exponential_(generator=source).log()
    labels = data.labels.clone()
    moved = draw.topk(round(0.2 * len(own))).indices
    labels[moved] = others[moved].argmax(dim=1)
    return _relabelled(data.labels, labels)


def copied(jitter: float) -> Condition:
    """Three quarters of the rows are copies of a few others; near ones differ in their features."""

    def spoil(data: Clean, source: torch.Generator) -> Spoiled:
        rows = _with_copies(torch.arange(len(data.labels)), 0.75, source)
        worth = 1 / torch.bincount(rows, minlength=len(rows))[rows]
        return Spoiled(rows, data.labels[rows], torch.zeros(len(rows), dtype=torch.bool), worth, jitter)

    return spoil


def rare(balanced: bool) -> Condition:
    """Of half the classes a tenth of the rows is left."""

    def spoil(data: Clean, source: torch.Generator) -> Spoiled:
        rows = _rare_rows(data, source)
        labels = data.labels[rows]
        worth = 1 / labels.bincount()[labels] if balanced else torch.ones(len(rows))
        return Spoiled(rows, labels, torch.zeros(len(rows), dtype=torch.bool), worth, balanced=balanced)

    return spoil


def everything(data: Clean, source: torch.Generator) -> Spoiled:
    """Half of the classes are rare, half of the rows near copies, a fifth of the labels wrong; classes count alike."""
    rows = _with_copies(_rare_rows(data, source), 0.5, source)
    labels, wrong = noisy_labels(data.labels[rows], 0.2, data.n_classes, source)
    right = data.labels[rows]
    copies = torch.bincount(rows, minlength=len(data.labels))[rows]
    classes = torch.bincount(right[right == labels], minlength=data.n_classes)[right]
    return Spoiled(rows, labels, wrong, (~wrong) / (copies * classes), JITTER, balanced=True)


CONDITIONS: dict[str, Condition] = {
    "clean": clean,
    **{f"{share} % wrong": noisy(share / 100) for share in (2, 10, 20, 40)},
    "one way": one_way,
    "hard": hard,
    "copies": copied(0.0),
    "near copies": copied(JITTER),
    "rare": rare(balanced=False),
    "rare, balanced": rare(balanced=True),
    "everything": everything,
}


def _relabelled(before: Tensor, labels: Tensor) -> Spoiled:
    wrong = labels != before
    return Spoiled(torch.arange(len(labels)), labels, wrong, (~wrong).float())


def _rare_rows(data: Clean, source: torch.Generator) -> Tensor:
    kept = keep_rare(data.labels, rare_classes(data.n_classes, source), RARE, source)
    return kept.nonzero().squeeze(1)


def _with_copies(rows: Tensor, share: float, source: torch.Generator) -> Tensor:
    """Rows in another order, the first share of them copies of the last few."""
    rows = rows[torch.randperm(len(rows), generator=source)]
    n_copies, n_copied = round(share * len(rows)), max(1, round(COPIED * len(rows)))
    rows[:n_copies] = rows[-n_copied:][torch.randint(n_copied, (n_copies,), generator=source)]
    return rows
