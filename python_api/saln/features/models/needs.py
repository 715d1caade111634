"""Libraries that only some models need."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from saln.needs import missing


def library(module: str, extra: str) -> Any:
    """A module of an optional library.

    Raises
    ------
    ImportError
        If it is not installed; says which extra installs it. Or if it does not load, as beside a torchvision that was
        made for another torch.

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
        raise missing(f"{extra} models need {extra}", extra, error) from error
    except RuntimeError as error:
        fits = (
            " (a torchvision for another torch? install the one of this release)" if "torchvision" in str(error) else ""
        )
        raise ImportError(f"{extra} does not load: {error}{fits}", name=module) from error


def cannot_be_had(name: str, error: Exception) -> str:
    r"""Why there is no model of a name that may be a folder's or the hub's.

    >>> from saln.features.models.needs import cannot_be_had
    >>> cannot_be_had("models/nosuch", OSError("We couldn't connect.\nMore"))
    "no such folder, nor could a model of that name be fetched (We couldn't connect.)"
    """
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return reason if Path(name).exists() else f"no such folder, nor could a model of that name be fetched ({reason})"
