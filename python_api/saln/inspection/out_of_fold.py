"""What a linear model says of rows that it was not fitted on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from saln.inspection.label_noise import climb
from saln.inspection.rows import parts_of
from saln.mapping import take

FOLDS, FOLDS_IF_NARROW = 5, 10
"""The more folds, the more rows each model has; where columns are few, more cost next to nothing."""
NARROW = 512
SHRINKAGES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Ridges that are tried, in units of a column's variance."""
FIRST = 3
"""Which of them is tried first; then its neighbours, as long as they are better."""
FITTED = 64_000_000
"""Numbers that it is fitted on at most: so many rows as hold that many."""
STRIP = 320
"""Columns of a Gram matrix that are worked out at a time."""
WIDEST = 2048
"""Columns; more are projected to so many at random, which keeps inner products (Johnson & Lindenstrauss 1984)."""


@dataclass(frozen=True)
class OutOfFold:
    """Scores of rows by models that have not seen them.

    Attributes
    ----------
    rows : Tensor
        `[m]` int64, the rows that were fitted on, in random order.
    scores : Tensor
        `[m, c]` float32, each by a model of the folds that it is not in.
    """

    rows: Tensor
    scores: Tensor
    _features: Tensor
    _columns: Columns
    _folds: _Folds
    _shrinkage: float

    def others(self, rows: Tensor) -> Tensor:
        """Scores `[n, c]` of rows `[n]` that none of the models was fitted on, by a model of all that were."""
        return self._columns.of(self._features, rows) @ self._folds.slopes(self._shrinkage)

    def refitted(self, targets: Tensor) -> OutOfFold:
        """The same of other targets `[m, c]`, in the order of `rows`; O(m d c) time, and O(d³) for each fold."""
        folds = self._folds.telling(targets)
        return replace(self, scores=folds.judged_by_others(self._shrinkage), _folds=folds)


def out_of_fold_scores(
    features: Tensor,
    targets: Callable[[Tensor], Tensor],
    rows: Tensor,
    worth: Callable[[Tensor, Tensor], float],
    *,
    seed: int = 0,
) -> OutOfFold:
    """Ridge regression of standardised columns, in folds: each is judged by a model of the others.

    One Gram matrix a fold serves all ridges; the one whose out-of-fold scores are worth most is taken.

    O(m d (d + c)) time for the m rows fitted on, at most 64 million numbers, and O(d³) for each fold and ridge;
    O(m d) memory.

    Parameters
    ----------
    features : Tensor [N, d]
        Of any floating dtype; finite in `rows`. Only the rows fitted on are read.
    targets : callable
        Of rows `[m]`: what scores are to tell, `[m, c]` float32.
    rows : Tensor
        `[n]` int64, n at least 2, the rows that may be fitted on.
    worth : callable
        Of rows `[m]` and their scores `[m, c]`: the larger, the better.
    seed : int
        Of the folds, of the rows fitted on, and of the projection.

    Examples
    --------
    >>> import torch
    >>> from saln.inspection.out_of_fold import out_of_fold_scores
    >>> x = torch.arange(100.0)[:, None]
    >>> line = 2 * x + 1
    >>> def fit(rows, scores):
    ...     return -float((scores - line[rows]).square().mean())
    >>> found = out_of_fold_scores(x, lambda rows: line[rows], torch.arange(100), fit)
    >>> bool(((found.scores - line[found.rows]).abs() < 3).all())
    True
    """
    source = torch.Generator().manual_seed(seed)
    width = max(1, min(features.shape[1], WIDEST), targets(rows[:1]).shape[1])
    drawn = rows[torch.randperm(len(rows), generator=source)[: max(2, FITTED // width)].to(rows.device)]
    columns = Columns.at(features, drawn, source)
    models = _Folds.of(columns.of(features, drawn), targets(drawn))
    tried: dict[int, tuple[float, Tensor]] = {}

    def value(which: int) -> float:
        if which not in tried:
            scores = models.judged_by_others(SHRINKAGES[which])
            tried[which] = worth(drawn, scores), scores
        return tried[which][0]

    best = climb(value, 0, len(SHRINKAGES) - 1, FIRST)
    return OutOfFold(drawn, tried[best][1], features, columns, models, SHRINKAGES[best])


@dataclass(frozen=True)
class Columns:
    """What standardises columns `[d]`, and what projects them if they are many, `[d, w]`."""

    centre: Tensor
    per_spread: Tensor
    projection: Tensor | None

    @classmethod
    def at(cls, features: Tensor, rows: Tensor, source: torch.Generator) -> Columns:
        """Of the rows `[m]` of features `[N, d]`; columns that do not vary count for nothing."""
        d = features.shape[1]
        shift = take(features, rows[:1])[0].float()  # what is far from zero would lose digits when squared
        total = torch.zeros(2, d, dtype=torch.float64, device=features.device)
        for some in _parts(rows, d):
            x = take(features, some).float().sub_(shift)
            total[0] += x.sum(dim=0)
            total[1] += x.square_().sum(dim=0)
        centre, square = total / len(rows)
        spread = (square - centre * centre).clamp_min(0).sqrt()
        centre = centre + shift
        per_spread = torch.where(spread > 1e-4 * centre.abs(), 1 / spread, 0)  # less is rounding
        projection = None
        if d > WIDEST:
            projection = torch.randn(d, WIDEST, generator=source).to(features.device) / d**0.5
        return cls(centre.float(), per_spread.float(), projection)

    def of(self, features: Tensor, rows: Tensor) -> Tensor:
        """Standardised columns of rows `[m]` and a constant one, `[m, w + 1]` float32."""
        width = len(self.centre) if self.projection is None else WIDEST
        found = self.centre.new_ones(len(rows), width + 1)
        start = 0
        for some in _parts(rows, features.shape[1]):
            x = take(features, some).float().sub_(self.centre).mul_(self.per_spread)
            found[start : start + len(some), :-1] = x if self.projection is None else x @ self.projection
            start += len(some)
        return found


def _parts(rows: Tensor, width: int) -> tuple[Tensor, ...]:
    return torch.split(rows, parts_of(width))


@dataclass(frozen=True)
class _Folds:
    """Rows `[m, w]` in random order, cut into folds, and each fold's inner products with itself and with targets."""

    parts: tuple[Tensor, ...]
    grams: list[Tensor]
    products: list[Tensor]
    gram: Tensor
    product: Tensor

    @classmethod
    def of(cls, x: Tensor, targets: Tensor) -> _Folds:
        parts = x.tensor_split(FOLDS_IF_NARROW if x.shape[1] <= NARROW else FOLDS)
        grams = [_gram(part) for part in parts]
        return cls(parts, grams, [], torch.stack(grams).sum(dim=0), x.new_empty(0)).telling(targets)

    def telling(self, targets: Tensor) -> _Folds:
        of_parts = zip(self.parts, targets.tensor_split(len(self.parts)), strict=True)
        products = [(some.T @ part).T for part, some in of_parts]
        return replace(self, products=products, product=torch.stack(products).sum(dim=0))

    def judged_by_others(self, shrinkage: float) -> Tensor:
        m = sum(map(len, self.parts))
        return torch.cat(
            [
                part @ _ridge(self.gram - own, self.product - of_own, m - len(part), shrinkage)
                for part, own, of_own in zip(self.parts, self.grams, self.products, strict=True)
            ]
        )

    def slopes(self, shrinkage: float) -> Tensor:
        return _ridge(self.gram, self.product, sum(map(len, self.parts)), shrinkage)


def _gram(x: Tensor) -> Tensor:
    """Inner products `[w, w]` of the columns of `[m, w]`: those right of the diagonal, and left of it the same."""
    gram = x.new_empty(x.shape[1], x.shape[1])
    for start in range(0, x.shape[1], STRIP):
        strip = slice(start, start + STRIP)
        gram[strip, start:] = x[:, strip].T @ x[:, start:]
        gram[start:, strip] = gram[strip, start:].T.clone()
    return gram


def _ridge(gram: Tensor, product: Tensor, m: int, shrinkage: float) -> Tensor:
    """Slopes of ridge regression, `[w, c]`, given inner products of m rows."""
    gram = gram / max(1, m)
    gram.diagonal().add_(shrinkage)
    slopes: Tensor = torch.cholesky_solve(product / max(1, m), torch.linalg.cholesky(gram))
    return slopes
