"""Features in a file of their own, beside the data."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from saln.datasets import Source
    from saln.features import Features


def read_features(path: Path, source: "Source", key: str | None = None) -> "Features":
    """Features of the rows of a data set, compared with it where the file says what they were extracted from.

    Raises
    ------
    DataError
        Of a file that holds none, or not one for each row.
    ValueError
        They were extracted from other rows.
    """
    from saln.datasets import ArrayFile, DataError
    from saln.datasets.files import FEATURE_KEYS
    from saln.features import Features, load

    if path.suffix.lower() == ".npy":
        found = load(path)
    else:
        file = ArrayFile(path)
        found = Features(path, file.read(file.find("features", FEATURE_KEYS, key)))
    if len(found) != len(source):
        raise DataError(f"{path}: features of {len(found)} rows; wanted {len(source)}, one for each of {source.name}")
    if found.fingerprint is not None:
        found.fingerprint.check(source)
    return found
