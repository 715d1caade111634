"""A look as columns, a csv file and a JSON document."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from saln.datasets import DataError
from saln.datasets.errors import Array
from saln.writing import write_table

if TYPE_CHECKING:
    from saln.inspection.result import Look

SCHEMA = "saln.look/1"


def columns(found: Look) -> dict[str, Array]:
    """The values of every row by their names; several labels a row as texts, such as `0 2`."""
    shown: dict[str, Array] = {"row": np.arange(len(found))}
    if found.split is not None:
        shown["split"] = np.asarray(found.split.names)[found.split.codes]
    if found.given is not None and found.suggested_label is not None:
        shown["label"] = label_column(found, found.given.values)
        shown["label_quality"] = found.label_quality
        shown["suggested_label"] = label_column(found, found.suggested_label)
    suspect = np.zeros(len(found), dtype=np.bool_)
    suspect[found.suspects] = True
    shown |= {
        "suspect": suspect,
        "copy_group": found.copy_group,
        "copies": found.copies,
        "outlier_score": found.outlier_score,
        "weight": found.weight,
        "little": found.little,
    }
    for each in found.groups:
        name = f"group_{each.column}" if each.column in (*shown, "id") else each.column
        shown[name] = np.asarray(each.names)[each.codes]
    return shown


def label_column(found: Look, values: Array) -> Array:
    """Labels or suggestions `[N]`, by the names of their classes where they have some."""
    given = found.given
    assert given is not None
    if given.kind == "targets":
        return values
    if given.kind == "multilabel":
        return np.asarray([" ".join(given.names[j] for j in np.flatnonzero(row)) for row in values])
    return np.asarray(given.names)[np.searchsorted(given.classes, values)]


def write_csv(found: Look, path: Path, ids: Sequence[str] | None = None) -> Path:
    """Write the columns as a csv file in UTF-8, numbers as they are."""
    shown = {name: values.tolist() for name, values in columns(found).items()}
    if ids is not None:
        if len(ids) != len(found):
            raise DataError(f"ids are {len(ids)}; wanted {len(found)}, one a row")
        shown = {"row": shown.pop("row"), "id": list(ids), **shown}
    write_table(path, [shown, *(map(in_figures, row) for row in zip(*shown.values(), strict=True))])
    return path


def in_figures(value: Any) -> Any:
    """A number in six figures, nothing where it is not known, and anything else as it is.

    Examples
    --------
    >>> [in_figures(value) for value in (-0.25, float("nan"), -3, "a")]
    ['-0.25', '', -3, 'a']
    """
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else ""
    return value


def document(found: Look) -> dict[str, Any]:
    """The JSON document: numbers, texts, lists and dicts."""
    given = found.given
    names = list(found.class_names)
    judged = given is not None and found.suggested_label is not None
    labels = label_column(found, given.values) if judged and given is not None else None
    fitting = label_column(found, found.suggested_label) if judged and found.suggested_label is not None else None
    suspects = [
        {
            "row": row,
            "label": None if labels is None else labels[row].item(),
            "suggested_label": None if fitting is None else fitting[row].item(),
            "label_quality": _known(found.label_quality[row]),
        }
        for row in found.suspects.tolist()
    ]
    return {
        "schema": SCHEMA,
        "rows": len(found),
        "labels": None if given is None else given.kind,
        "class_names": names,
        "class_counts": None if found.class_counts is None else found.class_counts.tolist(),
        "imbalance": found.imbalance,
        "noise": found.noise,
        "skill": found.skill,
        "noise_matrix": None if found.noise_matrix is None else found.noise_matrix.tolist(),
        "confused": [{**asdict(each), "true": names[each.true], "given": names[each.given]} for each in found.confused],
        "suspects": suspects,
        "suspects_right": found.sure,
        "near": found.near,
        "copy_groups": [rows.tolist() for rows in found.copy_groups],
        "conflicts": [rows.tolist() for rows in found.conflicts],
        "split": None if found.split is None else list(found.split.names),
        "leaks": [rows.tolist() for rows in found.leaks],
        "outliers": [
            {"row": row, "outlier_score": _known(found.outlier_score[row])} for row in found.outliers.tolist()
        ],
        "groups": [asdict(each) for each in found.by_group],
        "sentences": list(found.sentences),
        "notes": list(found.notes),
    }


def _known(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
