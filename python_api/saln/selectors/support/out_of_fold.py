"""Reference losses without a reference network: what a linear model says of samples that it was not fitted on."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from saln.selectors.support.credibility import Mixture, fit_mixture
from saln.superbatch import SuperBatch

FOLDS = 5
SHRINKAGES = (0.01, 0.1, 1.0)
"""Ridges that are tried, in units of a column's variance; the likeliest is taken."""
FITTED = 64_000_000
"""Numbers that it is fitted on at most: so many rows as hold that many."""
CALIBRATED = 2_500_000
"""Numbers, rows times classes, that the probabilities are calibrated on at most."""
WIDEST = 2048
"""Columns; more are projected to so many at random, which keeps inner products (Johnson & Lindenstrauss 1984)."""
CHUNK = 1 << 16


def out_of_fold_losses(features: Tensor, labels: Tensor, *, seed: int = 0) -> Tensor:
    """Minus the logarithm of the probability of each sample's label, by a model that has not seen the sample.

    Ridge regression on one-hot labels, of standardised columns, five folds: each fifth is judged by a model of the
    other four, rows that none is fitted on by a model of all. Scores become probabilities by the mixture of
    `saln.selectors.support.credibility`, which knows that labels may be wrong; its scale, and the ridge out of
    `SHRINKAGES`, are those of the largest likelihood on rows that were not fitted. Five folds and the ridge of 0.01 are
    those of this project's trial, the others guesses.

    O(N d (d + c)) time, with at most 64 million numbers fitted on, and O(d³) for each fold and ridge; O(N c) memory in
    parts.

    Parameters
    ----------
    features : Tensor [N, d]
    labels : Tensor [N]
        Integers.
    seed : int
        Of the folds.

    Returns
    -------
    Tensor [N]
        float32; NaN of rows that are not finite. Zeros where there is one class alone.

    Examples
    --------
    >>> import torch
    >>> from saln.selectors.support.out_of_fold import out_of_fold_losses
    >>> source = torch.Generator().manual_seed(0)
    >>> truth = torch.arange(1000) % 2
    >>> features = torch.randn(1000, 4, generator=source) + 4.0 * truth[:, None]
    >>> labels = torch.where(torch.arange(1000) % 10 == 0, 1 - truth, truth)  # a tenth is wrong
    >>> losses = out_of_fold_losses(features, labels)
    >>> losses[::10].min() > losses[1::10].max()
    tensor(True)
    """
    losses = features.new_full((len(labels),), torch.nan, dtype=torch.float32)
    finite = SuperBatch(features).finite_rows(("features",))
    rows = finite.nonzero().squeeze(1)
    distinct, classes = torch.unique(labels, return_inverse=True)  # [N] from 0 to c - 1
    if distinct.numel() < 2 or rows.numel() < 2:
        return losses.index_fill_(0, rows, 0.0)
    source = torch.Generator().manual_seed(seed)
    most = max(2, FITTED // max(1, min(features.shape[1], WIDEST)))
    drawn = rows[torch.randperm(rows.numel(), generator=source)[:most].to(rows.device)]
    look = _Look.at(features.index_select(0, drawn), source)
    fit = _fit(look.columns(features.index_select(0, drawn)), classes[drawn], distinct.numel())
    losses[drawn] = fit.losses(fit.out_of_fold, classes[drawn])
    rest = finite.index_fill(0, drawn, False).nonzero().squeeze(1)
    for some in torch.split(rest, CHUNK):
        losses[some] = fit.losses(look.columns(features.index_select(0, some)) @ fit.slopes, classes[some])
    return losses


class _Look(NamedTuple):
    """What standardises columns `[d]`, and what projects them if they are many, `[d, w]`."""

    centre: Tensor
    per_spread: Tensor
    projection: Tensor | None

    @classmethod
    def at(cls, x: Tensor, source: torch.Generator) -> _Look:
        """Of features `[m, d]`; columns that do not vary count for nothing."""
        spread, centre = torch.std_mean(x.float(), dim=0, correction=0)
        per_spread = torch.where(spread > 1e-4 * centre.abs(), 1 / spread, 0)  # less is rounding
        d = x.shape[1]
        if d <= WIDEST:
            return cls(centre, per_spread, None)
        return cls(centre, per_spread, torch.randn(d, WIDEST, generator=source).to(x.device) / d**0.5)

    def columns(self, x: Tensor) -> Tensor:
        """Standardised columns of features `[m, d]` and a constant one, `[m, w + 1]`."""
        x = (x.float() - self.centre) * self.per_spread
        x = x if self.projection is None else x @ self.projection
        return F.pad(x, (0, 1), value=1.0)


class _Fit(NamedTuple):
    """Slopes `[w, c]` of scores, the scores `[m, c]` of rows by the folds that they are not in, and what they mean."""

    slopes: Tensor
    out_of_fold: Tensor
    mixture: Mixture

    def losses(self, scores: Tensor, y: Tensor) -> Tensor:
        """-log of the probability of labels `[m]`, given scores `[m, c]`."""
        share, noise = self.mixture.shares(scores).gather(1, y[:, None]).squeeze(1), self.mixture.noise
        return -((1 - noise) * share + noise / (scores.shape[1] - 1) * (1 - share)).log()


def _fit(x: Tensor, y: Tensor, c: int) -> _Fit:
    """Rows `[m, w]` are in random order."""
    folds = list(zip(x.tensor_split(FOLDS), F.one_hot(y, c).float().tensor_split(FOLDS), strict=True))
    grams = [part.T @ part for part, _ in folds]
    products = [part.T @ members for part, members in folds]
    gram, product = torch.stack(grams).sum(dim=0), torch.stack(products).sum(dim=0)
    calibrated = max(2, CALIBRATED // c)
    best = None
    for shrinkage in SHRINKAGES:
        scores = torch.cat(
            [
                part @ _slopes(gram - own, product - of_own, len(x) - len(part), shrinkage)
                for (part, _), own, of_own in zip(folds, grams, products, strict=True)
            ]
        )
        mixture, likelihood = fit_mixture(scores[:calibrated], y[:calibrated])
        if best is None or likelihood > best[0]:
            best = likelihood, _Fit(_slopes(gram, product, len(x), shrinkage), scores, mixture)
    assert best is not None
    return best[1]


def _slopes(gram: Tensor, product: Tensor, m: int, shrinkage: float) -> Tensor:
    """Of ridge regression, `[w, c]`, given inner products of m rows."""
    gram = gram / max(1, m)
    gram.diagonal().add_(shrinkage)
    slopes: Tensor = torch.cholesky_solve(product / max(1, m), torch.linalg.cholesky(gram))
    return slopes
