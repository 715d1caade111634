"""A model out of whatever the user has: a name, a function in a file, a module, a callable."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from torch import nn

from saln.features.models import sentence_transformers, timm, transformers
from saln.features.models.encoder import Encoder
from saln.features.models.options import Options

WANTED = "timm:NAME, transformers:NAME, sentence-transformers:NAME, FILE.py:FUNCTION, a torch module or a callable"


def make_encoder(model: Any, options: Options, example: Any) -> Encoder:
    """The encoder of a model.

    Parameters
    ----------
    model : Module, callable or str
        See `saln.extract`.
    options : Options
    example : object
        The dataset's first input.

    Raises
    ------
    ValueError
        If a name is of no known form, or nobody knows it.
    TypeError
        If the model is none of these.
    ImportError
        If a library is missing.
    """
    if isinstance(model, str):
        return _by_name(model, options, example)
    if isinstance(model, nn.Module):
        name = type(model).__qualname__
        if sentence_transformers.is_sentence_transformer(model):
            _refuse(options, "pretrained")
            return sentence_transformers.SentenceEncoder(model, options, name=name)
        _refuse(options, "pretrained", "max_length")
        if timm.is_timm(model):
            return timm.of_module(model, options, name=name)
        return Encoder(model, options, name=name, module=model)
    if callable(model):
        _refuse(options, "pretrained", "max_length")
        return Encoder(model, options, name=getattr(model, "__name__", type(model).__qualname__))
    raise TypeError(f"model is a {type(model).__name__}, want {WANTED}")


def _refuse(options: Options, *names: str) -> None:
    """A ValueError if one of these options is given, for a model that has no use for it."""
    for name in names:
        if (value := getattr(options, name)) != getattr(Options(), name):
            raise ValueError(f"{name} is {value}, and means nothing to this model: want {getattr(Options(), name)}")


def _by_name(model: str, options: Options, example: Any) -> Encoder:
    kind, _, name = model.partition(":")
    if kind == "timm" and name:
        _refuse(options, "max_length")
        return timm.by_name(name, options)
    if kind == "transformers" and name:
        return transformers.by_name(name, options, example)
    if kind == "sentence-transformers" and name:
        return sentence_transformers.by_name(name, options)
    file, _, name = model.rpartition(":")
    if not file.endswith(".py") or not name:
        raise ValueError(f"model is '{model}', want {WANTED}")
    encoder = make_encoder(_from_file(Path(file), name)(), options, example)
    encoder.name = f"{Path(file).name}:{name}"
    return encoder


def _from_file(path: Path, name: str) -> Any:
    """A function of a file of the user's, which may import what lies beside it."""
    if not path.is_file():
        raise ValueError(f"model is '{path}:{name}', and the file is not there")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    beside = str(path.resolve().parent)
    sys.modules[path.stem] = module  # loaders' workers look for it there
    sys.path.insert(0, beside)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(beside)
    if not callable(found := getattr(module, name, None)):
        raise ValueError(f"model is '{path}:{name}', and the file has no function {name}")
    return found
