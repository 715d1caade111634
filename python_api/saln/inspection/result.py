"""What one look at a dataset found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from saln.catalogue import Message
from saln.datasets import Groups
from saln.datasets.errors import Array
from saln.inspection import table
from saln.inspection.given import Given
from saln.inspection.keep import check_rules, representatives, thin_out
from saln.inspection.summary import (
    ConfusedPair,
    GroupColumn,
    confused_pairs,
    copy_groups,
    is_spread,
    issues_by_group,
)
from saln.inspection.words import sentences

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

DOUBTFUL = 0.5
"""Probability that its label is right below which a row is a suspect."""
FAR = 0.3
"""Outlier score above which a row is called an outlier."""


@dataclass(frozen=True, eq=False)
class Look:
    """What one look at a dataset found, with one value a row.

    Attributes
    ----------
    label_quality : ndarray
        `[N]` float32, the probability that the row's label is right; NaN without labels, and where it was not judged.
    suggested_label : ndarray or None
        `[N]` the label that fits best, as labels were given (`[N, L]` of several); None without labels.
    copy_group : ndarray
        `[N]` int64, the same number for near copies of each other, numbered by their first row.
    outlier_score : ndarray
        `[N]` float32, from 0 (ordinary) to 1 (far from everything); NaN where a row was not judged.
    weight : ndarray
        `[N]` float32, what a row is worth in training: the probability that its label is right over the root of the
        number of its near copies; from 0 to 1, and 1 for what was not judged.
    little : ndarray
        `[N]` float32, how little a row carries, see `saln.inspection.little`.
    copies : ndarray
        `[N]` int64, rows of its copy group, itself included.
    exact : ndarray
        `[N]` bool, whether another row is equal.
    near : float
        Similarity from which rows count as near copies, see `saln.inspection.neighbours`.
    given : Given or None
        The labels.
    noise, skill : float or None
        Estimated share of wrong labels; how well the features tell labels, from 0 (not at all) to 1.
    noise_matrix : ndarray or None
        `[C, C]` float64, estimated P(given j | true i), of classes.
    groups : tuple of Groups
    split : Groups or None
        The part of each row; part 0 is trained on.
    notes : tuple of str
        What to know before believing it.
    """

    label_quality: Floats
    suggested_label: Array | None
    copy_group: Ints
    outlier_score: Floats
    weight: Floats
    little: Floats
    copies: Ints
    exact: npt.NDArray[np.bool_]
    near: float
    given: Given | None = None
    noise: float | None = None
    skill: float | None = None
    noise_matrix: npt.NDArray[np.float64] | None = None
    groups: tuple[Groups, ...] = ()
    split: Groups | None = None
    notes: tuple[str, ...] = ()
    suggested_codes: Array | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.copy_group)

    def __repr__(self) -> str:
        return f"Look({len(self)} rows: {' '.join(self.sentences)})"

    @property
    def class_names(self) -> tuple[str, ...]:
        """Of the classes, or of the columns of several labels."""
        return () if self.given is None else self.given.names

    @cached_property
    def suspects(self) -> Ints:
        """Rows whose labels are probably wrong, `[S]` int64, the most doubtful first."""
        with np.errstate(invalid="ignore"):
            doubtful = self.label_quality < DOUBTFUL
        if self.given is not None and self.given.kind == "classes":
            doubtful &= self.suggested_codes != self.given.codes.numpy()
        rows = np.flatnonzero(doubtful)
        return rows[np.argsort(self.label_quality[rows], kind="stable")]

    @cached_property
    def sure(self) -> float | None:
        """The share of the suspects that are wrong, as the look itself estimates it; None where there are none."""
        return float((1 - self.label_quality[self.suspects]).mean()) if len(self.suspects) else None

    @cached_property
    def outliers(self) -> Ints:
        """Rows far from all others, `[O]` int64, the farthest first."""
        with np.errstate(invalid="ignore"):
            rows = np.flatnonzero(self.outlier_score > FAR)
        return rows[np.argsort(-self.outlier_score[rows], kind="stable")]

    @cached_property
    def copy_groups(self) -> list[Ints]:
        """Rows of each group of near copies of two or more, the largest first."""
        return copy_groups(self.copy_group)

    @cached_property
    def leaks(self) -> list[Ints]:
        """The copy groups with rows that are trained on and rows that the split holds out."""
        if self.split is None:
            return []
        spread = is_spread(self.copy_groups, self.split.codes > 0)
        return [rows for rows, each in zip(self.copy_groups, spread, strict=True) if each]

    @cached_property
    def leaked(self) -> Ints:
        """Rows that the split holds out and that have a near copy in training, ascending."""
        if self.split is None or not self.leaks:
            return np.empty(0, dtype=np.int64)
        rows = np.concatenate(self.leaks)
        return np.sort(rows[self.split.codes[rows] > 0])

    @cached_property
    def conflicts(self) -> list[Ints]:
        """The copy groups whose rows bear different labels: of equal rows one is wrong, of near ones perhaps."""
        if self.given is None or self.given.kind != "classes":
            return []
        spread = is_spread(self.copy_groups, self.given.codes.numpy())
        return [rows for rows, each in zip(self.copy_groups, spread, strict=True) if each]

    @cached_property
    def class_counts(self) -> Ints | None:
        """Rows of each class, or that bear each of several labels, `[C]`; None without."""
        if self.given is None or self.given.kind == "targets":
            return None
        codes = self.given.codes.numpy()
        found = codes.sum(axis=0) if codes.ndim == 2 else np.bincount(codes, minlength=len(self.class_names))
        return np.asarray(found, dtype=np.int64)

    @property
    def imbalance(self) -> float | None:
        """Rows of the largest class over rows of the smallest; None without classes."""
        counts = self.class_counts
        return None if counts is None else float(counts.max() / max(1, int(counts.min())))

    @cached_property
    def confused(self) -> list[ConfusedPair]:
        """Classes that are labelled as each other, those of most suspects first."""
        if self.given is None or self.noise_matrix is None or self.suggested_codes is None:
            return []
        return confused_pairs(self.suggested_codes, self.given.codes.numpy(), self.suspects, self.noise_matrix)

    @cached_property
    def by_group(self) -> list[GroupColumn]:
        """Issues of each group of each column."""
        return [
            issues_by_group(each, self.suspects, self.copy_groups, self.outliers, self.split) for each in self.groups
        ]

    @cached_property
    def sentences(self) -> tuple[Message, ...]:
        """What was found, in sentences."""
        return sentences(self)

    def with_notes(self, notes: Sequence[str]) -> Look:
        """The same with further notes, before its own."""
        return replace(self, notes=(*notes, *self.notes))

    def keep(self, share: float | None = None, *, drop: Sequence[str] = ("suspects", "copies", "leaks")) -> Ints:
        """Rows to train on: without labels that are probably wrong, one of each group of copies.

        Rows that the split holds out are kept, as what is judged by should not change; `leaks` drops what is trained on
        and has a copy among them.

        Parameters
        ----------
        share : float, optional
            Of the rows that are trained on, to keep at most: those that carry least go, and as many that are least like
            the rest, the same share of each class. `saln prune` has more ways.
        drop : sequence of str
            Of "suspects", "copies", "leaks" and "outliers".

        Returns
        -------
        ndarray
            `[K]` int64, ascending.

        Raises
        ------
        DataError
            A share that is none, or another rule.
        """
        rules = check_rules(share, drop)
        held_out = np.zeros(len(self), dtype=np.bool_) if self.split is None else self.split.codes > 0
        left_out = held_out.copy()
        left_out[representatives(self.copy_groups, self.label_quality, held_out, rules)] = True
        if "suspects" in rules:
            left_out[self.suspects] = True
        if "outliers" in rules:
            left_out[self.outliers] = True
        rows = np.flatnonzero(~left_out)
        if share is not None:
            codes = np.zeros(len(self), dtype=np.int64)
            if self.given is not None and self.given.kind == "classes":
                codes = self.given.codes.numpy()
            rows = thin_out(rows, self.little, codes, round(share * int((~held_out).sum())))
        return np.union1d(rows, np.flatnonzero(held_out)).astype(np.int64)

    def columns(self) -> dict[str, Array]:
        """The values of every row by their names, `[N]` each, as they come in `to_frame` and `to_csv`."""
        return table.columns(self)

    def to_frame(self) -> Any:
        """A pandas DataFrame with a row for each row. An ImportError where pandas is not installed."""
        return import_module("pandas").DataFrame(self.columns())

    def to_csv(self, path: str | Path, ids: Sequence[str] | None = None) -> Path:
        """Write the values of every row as a table; texts that a spreadsheet would run as formulas are quoted.

        Parameters
        ----------
        path : path
        ids : sequence of str, optional
            Names of the rows, such as their files.
        """
        return table.write_csv(self, Path(path), ids)

    def as_dict(self) -> dict[str, Any]:
        """The JSON document: what was found, with the rows, and no value for every row."""
        return table.document(self)

    def report(self, path: str | Path, lang: str = "en", data: Any = None) -> Path:
        """Write the page, one HTML file that needs no other and no network.

        Parameters
        ----------
        path : path
        lang : {"en", "ja"}
        data : sequence, optional
            Pictures or texts of the rows: row i is `data[i]`, a picture of Pillow, an array of pixels, a text, or a
            pair that begins with one.
        """
        return import_module("saln.pages.look_page").write_look(self, Path(path), lang=lang, data=data)  # type: ignore[no-any-return]

    def _repr_html_(self) -> str:
        """For notebooks: what was found, in short."""
        return import_module("saln.pages.look_page").summary_html(self)  # type: ignore[no-any-return]
