"""Models of sentence-transformers, which sort, tokenize and pool by themselves."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from saln.features.models.encoder import Encoder
from saln.features.models.needs import cannot_be_had, library
from saln.features.models.options import Options
from saln.features.models.transformers import as_text


def by_name(name: str, options: Options) -> Encoder:
    """A model on the hub, or a folder."""
    if not options.pretrained:
        raise ValueError("pretrained is False, and a sentence-transformers model is nothing without its weights")
    made = library("sentence_transformers", "sentence-transformers").SentenceTransformer
    try:
        model = made(name, device=str(options.of_a_name()))
    except (OSError, ValueError) as error:
        raise ValueError(f"model is 'sentence-transformers:{name}': {cannot_be_had(name, error)}") from error
    return SentenceEncoder(model, options, name=f"sentence-transformers:{name}")


def is_sentence_transformer(module: Any) -> bool:
    """Whether a module is one, or of a class made from it."""
    return any(each.__name__ == "SentenceTransformer" for each in type(module).__mro__)


class SentenceEncoder(Encoder):
    """A SentenceTransformer, asked by its own `encode`; its pooling is its own."""

    def __init__(self, model: Any, options: Options, *, name: str) -> None:
        for given in ("layer", "pooling", "collate"):
            if getattr(options, given) is not None:
                raise ValueError(f"{given} is given, and a sentence-transformers model has its own: want None")
        if options.max_length is None:
            options = dataclasses.replace(options, max_length=model.max_seq_length)
        super().__init__(model, options, name=name, module=model, prepare=as_text)
        self._model = model

    def facts(self) -> dict[str, Any]:
        """As those of any model, with the prompt put before each text."""
        prompt = self._model.prompts.get(self._model.default_prompt_name) if self._model.prompts else None
        return {**super().facts(), "prompt": prompt}

    @contextmanager
    def running(self) -> Iterator[None]:
        """As any model, with this max_length."""
        before = self._model.max_seq_length
        self._model.max_seq_length = self.options.max_length
        try:
            with super().running():
                yield
        finally:
            self._model.max_seq_length = before

    def encode_window(self, inputs: list[Any]) -> Tensor:
        """Features `[n, d]` of texts, in their order."""
        found: Tensor = self._model.encode(
            inputs,
            batch_size=self.options.batch_size,
            show_progress_bar=False,
            convert_to_tensor=True,
            normalize_embeddings=self.options.normalize,
            device=str(self.device),
        )
        return found
