"""Features of a data set: in a file of their own, or the columns of a table."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from saln.catalogue import Message
    from saln.datasets import Source
    from saln.features import Features

EXTRACTED = "saln extract DATA --model NAME -o features.npy, and then --features features.npy"


def features_of(
    source: "Source", data: str, path: Path | None = None, key: str | None = None
) -> tuple["Tensor", list["Message"]]:
    """Features `[N, d]` of the rows, and what to know of them.

    They are those of the file at `path`; or the data, where these are features already; or the columns of a table, each
    with mean 0 and standard deviation 1 and its median where a value is missing.

    Raises
    ------
    DataError
        The data are texts or images, and no file was given; or what `read_features` raises.
    """
    from saln.catalogue import message
    from saln.datasets import DataError
    from saln.inspection.columns import standardised

    if path is not None:
        return read_features(path, source, key).tensor(), []
    if source.kind != "table":
        raise DataError(
            f"{data} holds {source.kind}, and features of them are needed: {EXTRACTED.replace('DATA', data)}"
        )
    x = source.x
    if source.features_given or (Path(data).suffix.lower() == ".npy" and _whole(x)):
        return x, []
    x, missing = standardised(x)
    notes = [message("look.note.filled", share=f"{100 * missing:.1f}")] if missing else []
    return x, [message("look.note.standardised"), *notes]


def _whole(x: "Tensor") -> bool:
    """Whether nothing is missing but whole rows, such as those of broken images."""
    there = x.isfinite()
    return bool((there.all(dim=1) == there.any(dim=1)).all())


def read_features(path: Path, source: "Source", key: str | None = None) -> "Features":
    """Features of the rows of a data set, compared with it where the file says what they were extracted from.

    Raises
    ------
    DataError
        Of a file that holds none, or not one for each row.
    ValueError
        They were extracted from other rows.
    """
    from saln.datasets import DataError
    from saln.features import load

    found = load(path, key)
    if len(found) != len(source):
        raise DataError(f"{path}: features of {len(found)} rows; wanted {len(source)}, one for each of {source.name}")
    if found.fingerprint is not None:
        found.fingerprint.check(source)
    return found
