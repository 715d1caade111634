"""Models of Hugging Face's transformers, texts by their tokenizer, pictures by their image processor."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

from torch import Tensor

from saln.features.models.collate import padded, prepared
from saln.features.models.encoder import Encoder, Tokenize
from saln.features.models.needs import cannot_be_had, library
from saln.features.models.options import Options
from saln.features.models.timm import as_picture

UNKNOWN_LENGTH = 100_000
"""A tokenizer that does not know its model's length says some 1e30."""


def by_name(name: str, options: Options, example: Any) -> Encoder:
    """`AutoModel.from_pretrained(name)` with what makes its inputs.

    Parameters
    ----------
    name : str
        Of a model on the hub, or a folder.
    options : Options
    example : object
        An input: a text or a picture.
    """
    auto = library("transformers", "transformers")
    try:
        if options.pretrained:
            model = auto.AutoModel.from_pretrained(name)
        else:
            model = auto.AutoModel.from_config(auto.AutoConfig.from_pretrained(name))
        if getattr(model.config, "is_encoder_decoder", False):
            model = model.get_encoder()
        make = _of_texts if isinstance(example, str) else _of_pictures
        return make(auto, model.to(options.of_a_name()), name, options)
    except OSError as error:  # neither a folder nor a name that the hub has
        raise ValueError(f"model is 'transformers:{name}': {cannot_be_had(name, error)}") from error


def _of_texts(auto: Any, model: Any, name: str, options: Options) -> Encoder:
    tokenizer = auto.AutoTokenizer.from_pretrained(name)
    if options.max_length is None:
        known = [tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", None)]
        known = [length for length in known if length is not None and 0 < length < UNKNOWN_LENGTH]
        options = dataclasses.replace(options, max_length=min(known, default=None))
    pad = {
        "input_ids": tokenizer.pad_token_id or 0,  # a mask covers it
        "token_type_ids": getattr(tokenizer, "pad_token_type_id", 0),
    }
    return Encoder(
        model,
        options,
        name=f"transformers:{name}",
        module=model,
        prepare=as_text,
        tokenize=_tokenize(tokenizer, options.max_length),
        join=partial(_join, pad=pad),
    )


def _tokenize(tokenizer: Any, max_length: int | None) -> Tokenize:
    def tokenize(texts: list[str]) -> list[dict[str, list[int]]]:
        found = tokenizer(texts, truncation=max_length is not None, max_length=max_length, return_attention_mask=True)
        return [{name: found[name][row] for name in found} for row in range(len(texts))]

    return tokenize


def _join(inputs: list[dict[str, list[int]]], pad: dict[str, int]) -> dict[str, Tensor]:
    return {name: padded([each[name] for each in inputs], pad.get(name, 0)) for name in inputs[0]}


def as_text(item: Any) -> str:
    """The item, if it is a text.

    Raises
    ------
    TypeError
        If it is none.
    """
    if not isinstance(item, str):
        raise TypeError(f"is a {type(item).__name__}, want a text")
    return item


def _of_pictures(auto: Any, model: Any, name: str, options: Options) -> Encoder:
    processor = auto.AutoImageProcessor.from_pretrained(name)
    return Encoder(model, options, name=f"transformers:{name}", module=model, prepare=_Processed(processor))


class _Processed:
    """A picture through an image processor."""

    def __init__(self, processor: Any) -> None:
        self._processor = processor

    def __call__(self, item: Any) -> Any:
        picture = as_picture(item)
        if picture is None:
            return {"pixel_values": prepared(item)}
        return {"pixel_values": self._processor(images=picture, return_tensors="pt")["pixel_values"][0]}
