"""One look at a dataset: labels that are probably wrong, copies and leaks, outliers, what each row is worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from saln.datasets import DataError, Groups
from saln.inspection.copies import Copies, find_copies
from saln.inspection.given import Given, as_features, as_groups, as_labels, as_split, numpy_of
from saln.inspection.judge import Judged, judge
from saln.inspection.little import little
from saln.inspection.neighbours import nearest_neighbours
from saln.inspection.outliers import outlier_scores
from saln.inspection.result import DOUBTFUL, Look
from saln.inspection.words import notes

Floats = npt.NDArray[np.float32]
Progress = Callable[[str, int, int], None]


def look(
    features: Any,
    labels: Any = None,
    *,
    targets: Any = None,
    probabilities: Any = None,
    groups: Any = None,
    split: Any = None,
    class_names: Sequence[str] | None = None,
    near: float | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Look:
    """Look at a dataset: wrong labels, near copies, leaks, outliers, imbalance, and what each row is worth.

    Parameters
    ----------
    features : Tensor, ndarray, DataFrame or Features
        `[N, d]` numbers, a row a sample: of a pretrained network (`saln.extract`), or standardised columns of a table.
        Rows that are not finite are not judged.
    labels : array_like, optional
        `[N]` whole numbers, bools or texts; or `[N, L]` of 0 and 1, several labels a row.
    targets : array_like, optional
        `[N]` numbers to predict, in place of labels.
    probabilities : array_like, optional
        `[N, C]`, your own model's for the classes in ascending order, of rows that it was not trained on; `[N, L]` of
        several labels a row.
    groups : mapping, DataFrame, sequence of Groups or array_like, optional
        Columns to count issues by: patients, cameras, sites.
    split : array_like, optional
        `[N]` the part of each row, as texts, numbers, or bools of which true is test: copies across are leaks.
    class_names : sequence of str, optional
        Of the classes numbered from 0.
    near : float, optional
        Similarity, of at most 1, from which rows are near copies. By default it is found in the data.
    seed : int
        Of folds and projections.
    progress : callable, optional
        Called with the name of a part, and how much of it is done of how much.

    Returns
    -------
    Look

    Raises
    ------
    DataError
        Naming the argument that does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import saln
    >>> source = np.random.default_rng(0)
    >>> truth = np.arange(600) % 3
    >>> features = (source.normal(size=(600, 8)) + 6 * np.eye(3, 8)[truth]).astype(np.float32)
    >>> labels = truth.copy()
    >>> labels[:20] = (truth[:20] + 1) % 3  # wrong
    >>> features[597] = features[300]  # a copy
    >>> found = saln.look(features, labels)
    >>> len(found.suspects), set(found.suspects.tolist()) <= set(range(20))
    (19, True)
    >>> bool((found.suggested_label[found.suspects] == truth[found.suspects]).all())
    True
    >>> [rows.tolist() for rows in found.copy_groups]
    [[300, 597]]
    """
    x = as_features(features)
    n = len(x)
    given = as_labels(labels, targets, n, class_names)
    columns, parts = as_groups(groups, n), as_split(split, n)
    if near is not None and not 0 < near <= 1:
        raise DataError(f"near is {near}; wanted a similarity above 0 and at most 1")
    if probabilities is not None and given is None:
        raise DataError("probabilities were given without labels; wanted both")
    tell = progress or _quiet
    tell("neighbours", 0, 1)
    neighbours = nearest_neighbours(x, seed=seed)
    tell("neighbours", 1, 1)
    copies = find_copies(x, threshold=near, neighbours=neighbours, seed=seed)
    outliers = outlier_scores(x, neighbours=neighbours, seed=seed)
    tell("labels", 0, 1)
    judged = None if given is None else judge(x, given, probabilities, seed)
    tell("labels", 1, 1)
    return _made(x, given, judged, copies, numpy_of(neighbours.similarities, np.float32), outliers, columns, parts)


def _quiet(what: str, finished: int, total: int) -> None:
    """Nobody wants to know."""


def _made(
    x: Tensor, given: Given | None, judged: Judged | None, copies: Copies, similarities: Floats,
    outliers: Tensor, groups: tuple[Groups, ...], split: Groups | None,
) -> Look:  # fmt: skip
    n = len(x)
    counts = numpy_of(copies.counts, np.int64)
    quality = np.full(n, np.nan, np.float32) if judged is None else numpy_of(judged.quality, np.float32)
    codes = None if judged is None else numpy_of(judged.suggested, np.float32 if _is(given, "targets") else np.int64)
    suggested = codes
    if given is not None and codes is not None and given.kind == "classes":
        codes = np.where(quality >= DOUBTFUL, numpy_of(given.codes, np.int64), codes)  # what is believed fits best
        suggested = given.classes[codes]
    losses = None if judged is None else numpy_of(judged.losses, np.float32)
    return Look(
        label_quality=quality,
        suggested_label=suggested,
        copy_group=numpy_of(copies.groups, np.int64),
        outlier_score=numpy_of(outliers, np.float32),
        weight=np.minimum(1, np.nan_to_num(quality, nan=1.0) / np.sqrt(counts)).astype(np.float32),
        little=little(losses, similarities),
        copies=counts,
        exact=numpy_of(copies.exact, np.bool_),
        near=float(copies.threshold),
        given=given,
        noise=None if judged is None else judged.noise,
        skill=None if judged is None else judged.skill,
        noise_matrix=None if judged is None or judged.noise_matrix is None else judged.noise_matrix.cpu().numpy(),
        groups=groups,
        split=split,
        notes=tuple(notes(outliers, judged)),
        suggested_codes=codes,
    )  # fmt: skip


def _is(given: Given | None, kind: str) -> bool:
    return given is not None and given.kind == kind
