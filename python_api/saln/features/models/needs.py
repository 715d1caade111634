"""Libraries that only some models need."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def library(module: str, extra: str) -> Any:
    """A module of an optional library.

    Raises
    ------
    ImportError
        If it is not installed; says which extra installs it.

    Examples
    --------
    >>> from saln.features.models.needs import library
    >>> library("no_such_library", "timm")
    Traceback (most recent call last):
    ...
    ImportError: timm models need timm (No module named 'no_such_library'): pip install 'saln-kernels[timm]'
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{extra} models need {extra} ({error}): pip install 'saln-kernels[{extra}]'", name=error.name
        ) from error
