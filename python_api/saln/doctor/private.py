"""What must not be published with a diagnosis: who somebody is, and where their files lie."""

from __future__ import annotations

import getpass
import re
import sys
from pathlib import Path
from typing import Any

import saln_kernels


def places() -> dict[str, str]:
    """What is shown in place of a path, the longest path first, since one lies in another."""
    package = Path(saln_kernels.__file__).parent
    found = {
        str(package): "<saln_kernels>",
        str(package.parent): "<repository>",
        sys.prefix: "<python>",
        sys.base_prefix: "<base python>",
        str(Path.home()): "~",
    }
    return {path: found[path] for path in sorted(found, key=len, reverse=True) if len(path) > 1}  # "/" is nobody's


def without_names(value: Any) -> Any:
    """The same value, texts in it without this installation's paths, the home folder and the user's name in any path.

    >>> from saln.doctor.private import without_names
    >>> import pathlib
    >>> without_names({"reason": [f"{pathlib.Path.home()}/models/a.so: file too short"]})
    {'reason': ['~/models/a.so: file too short']}
    """
    if isinstance(value, dict):
        return {key: without_names(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_names(each) for each in value]
    if not isinstance(value, str):
        return value
    for path, shown in places().items():
        value = re.sub(rf"(?<![\w.-]){re.escape(path)}(?![\w.-])", shown, value)
    name = _user()
    return re.sub(rf"(?<=[/\\]){re.escape(name)}(?![\w.-])", "<user>", value) if name else value


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a number without a name, as in some containers
        return ""
