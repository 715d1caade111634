"""Rows to train on, chosen once out of a whole dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from saln.features.features import Features
from saln.mapping import take
from saln.pruning import scores
from saln.pruning.arguments import as_features, as_histories, as_rows, as_size, as_values
from saln.pruning.facility_location import facility_location
from saln.pruning.herding import herding
from saln.pruning.k_center import k_center
from saln.pruning.log_det import log_det
from saln.pruning.pool import Pool, finite_rows
from saln.pruning.quotas import quotas
from saln.selectors.support.choices import one_of

METHODS = {
    "random": "drawn evenly",
    "credibility": "drawn by label quality over the root of the number of copies",
    "el2n": "largest errors early in a recorded run (Paul et al. 2021, arXiv 2107.07075)",
    "forgetting": "most often forgotten in a recorded run (Toneva et al. 2019, arXiv 1812.05159)",
    "k_center": "always the farthest from those kept (Sener & Savarese 2018, arXiv 1708.00489)",
    "facility_location": "every row resembles one that is kept (Mirzasoleiman et al. 2020, arXiv 1906.01827)",
    "logdet": "most volume (Chen et al. 2018, arXiv 1709.05135)",
    "herding": "the mean of those kept closest to the mean of all (Welling 2009)",
}
"""What each method keeps, in a line."""
SIMILARITIES = {"k_center": "linear", "facility_location": "cosine", "logdet": "cosine", "herding": "linear"}
"""Methods that compare rows, and how they do where nothing is said: as the selectors of that name."""

READ_NO_FEATURES = ("random", "el2n", "forgetting")


def prune(
    features: Tensor | npt.NDArray[Any] | Features,
    labels: Tensor | npt.NDArray[Any] | None = None,
    *,
    keep: float | int = 0.3,
    method: str = "credibility",
    chosen: Tensor | npt.NDArray[Any] | None = None,
    among: Tensor | npt.NDArray[Any] | None = None,
    losses: Tensor | npt.NDArray[Any] | None = None,
    history: Any = None,
    balanced: bool = False,
    similarity: str | None = None,
    seed: int = 0,
) -> Tensor:
    """Choose the rows of a dataset that are worth training on, once, before training.

    Where `select` takes a batch out of every super-batch while training goes on, this leaves rows out for good.

    Parameters
    ----------
    features : Tensor [N, d], ndarray [N, d] or Features
        float16, bfloat16, float32 or float64; it may be mapped, and is read in blocks. "random", "el2n" and
        "forgetting" only count its rows. Rows that are not finite are never kept by methods that read them.
    labels : Tensor [N] or ndarray [N], optional
        Integers. "credibility" judges them (without any, copies alone count). "credibility", "el2n" and "forgetting"
        keep the shares that classes have in the dataset, so that no class is starved; the other methods do not look at
        classes unless `balanced`.
    keep : float or int
        A share, 0.0 to 1.0, of the rows that may be kept, or a number of rows.
    method : str
        One of `saln.pruning.METHODS`: random, credibility, el2n, forgetting, k_center, facility_location, logdet or
        herding.
    chosen : Tensor [k] or ndarray [k], optional
        Rows, or a mask [N], that are chosen or labelled already. They are not in the result, and the result is what the
        method would choose next after them: k-center starts from distances to them, log-det is conditioned on them,
        facility location counts what they cover, herding their sum; shares of classes are those with them.
    among : Tensor [m] or ndarray [m], optional
        Rows, or a mask [N], that may be kept, all by default; others count for nothing. Without test rows, say.
    losses : Tensor [N] or ndarray [N], optional
        Losses of a model that was not trained on the row: "credibility" takes exp(-loss) for the quality of labels,
        and judges none itself.
    history : History, path, or a sequence of them, optional
        Of recorded runs, for "el2n" and "forgetting"; several are averaged. Rows never recorded are never kept.
    balanced : bool
        Give all classes the same share, as far as they have rows. Methods that compare rows then choose in every class
        by itself. Needs labels.
    similarity : {"linear", "cosine"}, optional
        Of the methods that compare rows, which have defaults (`SIMILARITIES`).
    seed : int
        The only source of chance: of "random", "credibility", ties, and of what is drawn of large pools.

    Returns
    -------
    Tensor [n]
        int64 rows of the dataset in the order of choice, on the features' device.

    Raises
    ------
    ValueError, TypeError
        If an argument does not fit, or the method needs one that is missing.

    Notes
    -----
    With n rows kept and points of w numbers: k-center takes O(N w n) time at most and O(N) memory, log-det O(w²) a gain
    that is computed anew and O(N + w²) memory; both compute gains anew only where that can change the choice. Log-det
    of more than 20 000 rows of more than 512 numbers is that of their projections to the 512 leading directions.
    Facility location serves at most 10 000 rows drawn, and takes O(10 000 w) a gain. Herding takes O(N w n) time and
    holds the points. The other methods take O(N d) at most.

    Examples
    --------
    >>> import torch
    >>> import saln
    >>> features = torch.tensor([[0.0], [1.0], [5.0], [9.0]])
    >>> saln.prune(features, keep=2, method="k_center", chosen=torch.tensor([0]))
    tensor([3, 2])
    >>> saln.prune(features, torch.tensor([0, 0, 0, 1]), keep=0.5, method="random", balanced=True).sort().values[1]
    tensor(3)
    """
    return choose(
        features, labels, keep=keep, method=method, chosen=chosen, among=among, losses=losses, history=history,
        balanced=balanced, similarity=similarity, seed=seed,
    ).rows  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """Rows kept, int64 `[n]` in the order of choice, and how many might have been."""

    rows: Tensor
    offered: int


def choose(
    features: Any,
    labels: Any,
    *,
    keep: Any,
    method: str,
    chosen: Any,
    among: Any,
    losses: Any,
    history: Any,
    balanced: bool,
    similarity: str | None,
    seed: int,
) -> Kept:
    """As `prune`, and how many rows might have been kept."""
    one_of("method", method, list(METHODS))
    x = as_features(features)
    classes = as_values("labels", labels, x, integers=True)
    if balanced and classes is None:
        raise ValueError("balanced needs labels, one a row of features")
    before = as_rows("chosen", chosen, x)
    offered = torch.ones(len(x), dtype=torch.bool, device=x.device)
    if among is not None:
        offered = torch.zeros_like(offered).index_fill(0, as_rows("among", among, x), True)
    offered.index_fill_(0, before, False)
    source = torch.Generator().manual_seed(seed)
    if method in SIMILARITIES:
        similarity = one_of("similarity", similarity or SIMILARITIES[method], ("linear", "cosine"))
        finite = finite_rows(x)
        before, offered = before[finite[before]], offered & finite
        size = as_size(keep, int(offered.sum()))
        parts = [(offered.nonzero().squeeze(1), before, size)]
        if balanced and classes is not None:
            parts = _by_class(classes, offered, before, size)
        rows = [_compared(method, x, *part, similarity, source) for part in parts if part[2]]
        return Kept(torch.cat([before[:0], *rows]), int(offered.sum()))
    if similarity is not None:
        raise ValueError(f"similarity is of {', '.join(SIMILARITIES)}; {method} compares no rows")
    given = as_values("losses", losses, x)
    if method == "credibility":
        offered &= finite_rows(x)
        part = offered.index_fill(0, before, True).nonzero().squeeze(1)
        keys = torch.full((len(x),), torch.nan, dtype=torch.float64)
        if len(part):
            labels_of, losses_of = (None if each is None else each[part] for each in (classes, given))
            shown = x if len(part) == len(x) else take(x, part)
            keys[part.cpu()] = scores.credibility(shown, labels_of, losses_of, source, seed)
    elif method == "random":
        keys = scores.random_order(len(x), source)
    else:
        runs = as_histories(history, x, by=method)
        keys = scores.el2n(runs) if method == "el2n" else scores.forgetting(runs, source)
    keys = keys.to(x.device)
    offered &= ~keys.isnan()
    rows_offered, size = offered.nonzero().squeeze(1), as_size(keep, int(offered.sum()))
    ordered = rows_offered[keys[rows_offered].argsort(descending=True, stable=True)]
    if classes is not None and (balanced or method != "random"):
        ordered = _in_shares(ordered, before, classes, size, balanced=balanced)
    return Kept(ordered[:size], len(rows_offered))


def _compared(
    method: str, x: Tensor, rows: Tensor, before: Tensor, size: int, similarity: str, source: torch.Generator
) -> Tensor:
    """Rows `[size]` by a method that compares them."""
    everything = torch.cat([rows, before]).sort().values
    pool = Pool(x, everything, similarity, centered=method in ("k_center", "herding"))
    if method == "k_center":
        return k_center(pool, rows, before, size, len(x))
    if method == "logdet":
        return log_det(pool, rows, before, size, len(x), source)
    if method == "herding":
        return herding(pool, rows, before, size)
    return facility_location(pool, rows, before, size, source)


def _counts(classes: Tensor, rows: Tensor, n_classes: int) -> Tensor:
    return torch.bincount(classes[rows], minlength=n_classes)


def _by_class(classes: Tensor, offered: Tensor, before: Tensor, size: int) -> list[tuple[Tensor, Tensor, int]]:
    """Of each class the rows offered, those chosen before, and how many it gives, so that all have the same share."""
    distinct, classes = torch.unique(classes, return_inverse=True)
    rows, c = offered.nonzero().squeeze(1), len(distinct)
    of_class = quotas(_counts(classes, rows, c), _counts(classes, before, c), size, torch.ones(c, device=rows.device))
    return [(rows[classes[rows] == k], before[classes[before] == k], int(n)) for k, n in enumerate(of_class)]


def _in_shares(ordered: Tensor, before: Tensor, classes: Tensor, size: int, *, balanced: bool) -> Tensor:
    """The first rows of each class out of rows in order, so many that classes have their shares."""
    distinct, classes = torch.unique(classes, return_inverse=True)
    available, taken = (_counts(classes, rows, len(distinct)) for rows in (ordered, before))
    weights = torch.ones_like(available) if balanced else available + taken
    of_class = quotas(available, taken, size, weights)
    kept = torch.zeros_like(ordered, dtype=torch.bool)
    for k, n in enumerate(of_class.tolist()):
        kept[(classes[ordered] == k).nonzero().squeeze(1)[:n]] = True
    return ordered[kept]
