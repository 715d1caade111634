"""Whether a dataset is the one that features were extracted from: the content of a few of its rows."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch

from saln.features.items import checksum, input_of, kind_of, label_of
from saln.features.labels_agree import agreement

PROBES = 64
"""Rows whose content is kept."""
COMPARED = 16
"""Of these, rows that are read again when a dataset is compared."""
LABELLED = 4 * (PROBES - 1) + 1
"""Rows whose label is kept; the others' content is among them."""
ASKED_AGAIN = 8
"""Times that a row is read again which has another content, before it counts as another row."""
WANTED = (
    "the dataset's rows and order as they were, or features extracted from this dataset; where you know that each "
    "row of features is that of its sample, give the features as a tensor, saln.features.load(path).tensor()"
)


@dataclass(frozen=True)
class Probe:
    """Content of a row.

    Attributes
    ----------
    row : int
    kind : str
        See `saln.features.items.kind_of`.
    checksum : str
    label : str or None
    """

    row: int
    kind: str
    checksum: str
    label: str | None = field(compare=False)


@dataclass(frozen=True)
class Fingerprint:
    """Number of rows of a dataset, and the content of up to 64 rows spread evenly.

    Attributes
    ----------
    rows : int
    input : str or None
        The field of the items that is the input.
    is_random : bool
        Whether a row has another content whenever it is asked for, as with augmentation.
    probes : tuple of Probe
    labels : tuple of (int, str)
        Rows and their labels, of up to 253 rows spread evenly.

    Examples
    --------
    >>> from saln.features.fingerprint import Fingerprint
    >>> texts = [f"text {number}" for number in range(100)]
    >>> found = Fingerprint.of(texts)
    >>> found.rows, len(found.probes), found.is_random
    (100, 64, False)
    >>> found.check(texts)
    >>> found.check(texts[::-1])
    Traceback (most recent call last):
    ...
    ValueError: row 0 of the dataset is not the row 0 that the features were extracted from (text), nor are 15 more of \
16 compared: want the dataset's rows and order as they were, or features extracted from this dataset; where you know \
that each row of features is that of its sample, give the features as a tensor, saln.features.load(path).tensor()
    """

    rows: int
    input: str | None
    is_random: bool
    probes: tuple[Probe, ...]
    labels: tuple[tuple[int, str], ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, dataset: Any, input: str | None = None) -> Fingerprint:
        """That of a map-style dataset.

        Rows that cannot be read are left out. Random numbers drawn by the dataset from the global generators leave no
        trace in these.
        """
        n_rows = len(dataset)
        rows = np.linspace(0, n_rows - 1, min(PROBES, n_rows), dtype=np.int64).tolist()
        with same_random_numbers():
            first = [_probe(dataset, row, input) for row in rows]
            again = [_probe(dataset, row, input) for row in rows]
            probes = tuple(probe for probe in first if probe is not None)
            labels = {probe.row: probe.label for probe in probes}
            if any(label is not None for label in labels.values()):
                more = np.linspace(0, n_rows - 1, min(LABELLED, n_rows), dtype=np.int64).tolist()
                labels |= {row: _label(dataset, row) for row in more if row not in labels}
        found = tuple((row, label) for row, label in sorted(labels.items()) if label is not None)
        return cls(n_rows, input, first != again, probes, found)

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Fingerprint:
        """The inverse of `as_dict`."""
        probes = tuple(Probe(**probe) for probe in found["probes"])
        return cls(**{**found, "probes": probes, "labels": tuple(map(tuple, found.get("labels", ())))})

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {**asdict(self), "probes": [asdict(probe) for probe in self.probes]}

    def content(self) -> dict[str, Any]:
        """As `as_dict`, without labels, which features do not depend on."""
        probes = {str(probe.row): f"{probe.kind} {probe.checksum}" for probe in self.probes}
        return {"rows": self.rows, "input": self.input, "probes": probes}

    def check(self, dataset: Any) -> None:
        """Raise a ValueError if a dataset has other rows, or the same in another order.

        Of up to 16 rows the content is compared, where it is of the kind that it was: a tokenised dataset is not
        compared with its texts, nor an image of another size. Nothing is said where contents differ and all labels
        agree, as with another transform. Where contents cannot be compared, or a row has another content whenever it is
        asked for, as with augmentation, labels are (`saln.features.labels_agree`).
        """
        if not hasattr(dataset, "__getitem__"):
            return
        if self.is_random or not self._compare(dataset):
            self._compare_labels(dataset)

    def _compare(self, dataset: Any) -> bool:
        """Whether contents could be compared; a ValueError where they are others."""
        places = np.linspace(0, len(self.probes) - 1, min(COMPARED, len(self.probes)), dtype=np.int64).tolist()
        wanted = [self.probes[place] for place in places]
        with same_random_numbers():
            found = [_probe(dataset, probe.row, self.input) for probe in wanted]
            same_kind = [
                (mine, theirs)
                for mine, theirs in zip(wanted, found, strict=True)
                if theirs is not None and mine.kind == theirs.kind
            ]
            others = [theirs for mine, theirs in same_kind if mine.checksum != theirs.checksum]
            if others and any(_is_random(dataset, each, self.input) for each in others):
                return False
            if not others or _labels_agree(same_kind):
                return bool(same_kind)
        more = f", nor are {len(others) - 1} more of {len(same_kind)} compared" if len(others) > 1 else ""
        row, kind = others[0].row, others[0].kind
        raise ValueError(
            f"row {row} of the dataset is not the row {row} that the features were extracted from ({kind}){more}: want "
            f"{WANTED}"
        )

    def _compare_labels(self, dataset: Any) -> None:
        """A ValueError where the dataset's labels go with those of the rows extracted no more than by chance."""
        known = self.labels or tuple((probe.row, probe.label) for probe in self.probes if probe.label is not None)
        with same_random_numbers():
            pairs = [(label, _label(dataset, row)) for row, label in known]
        explained, n_pairs, least = agreement(pairs)
        if explained < least:
            raise ValueError(
                f"the dataset's labels are not those of the rows that the features were extracted from: {explained} of "
                f"{n_pairs} go together, whatever the classes are called, and of the same rows {least} or more would, "
                f"even with half of the labels wrong: want {WANTED}; so, too, where these are labels of another task"
            )


def _label(dataset: Any, row: int) -> str | None:
    try:
        return label_of(dataset[row])
    except Exception:  # as of probes
        return None


def _probe(dataset: Any, row: int, input: str | None) -> Probe | None:
    try:
        item = dataset[row]
        value = input_of(item, input)
    except Exception:  # whoever trains or extracts meets the error where it can be told
        return None
    return Probe(row, kind_of(value), checksum(value), label_of(item))


def _labels_agree(pairs: list[tuple[Probe, Probe]]) -> bool:
    """Whether labels tell rows apart, and say that these are the same."""
    return len({mine.label for mine, _ in pairs} - {None}) > 1 and all(
        mine.label == theirs.label for mine, theirs in pairs
    )


def _is_random(dataset: Any, probe: Probe, input: str | None) -> bool:
    return any(_probe(dataset, probe.row, input) != probe for _ in range(ASKED_AGAIN))


@contextmanager
def same_random_numbers() -> Iterator[None]:
    """The same at every call, and the global generators of the CPU as they were afterwards."""
    states: list[tuple[Callable[[Any], object], Any]] = [
        (torch.set_rng_state, torch.get_rng_state()),
        (np.random.set_state, np.random.get_state()),  # noqa: NPY002
        (random.setstate, random.getstate()),
    ]
    try:
        torch.default_generator.manual_seed(0)  # torch.manual_seed would change the GPUs' too
        np.random.seed(0)  # noqa: NPY002 - the generator that datasets draw from
        random.seed(0)
        yield
    finally:
        for restore, state in states:
            restore(state)
