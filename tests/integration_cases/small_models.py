"""Text models made here, in folders as if they had been downloaded, and texts for them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

WORDS = [f"word{number}" for number in range(40)]
SMALL: dict[str, dict[str, Any]] = {
    "Bert": {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8, "max_position_embeddings": 12},
    "GPT2": {"n_layer": 1, "n_head": 2, "n_positions": 12},
    "T5": {"num_layers": 1, "num_heads": 2, "d_ff": 8, "d_kv": 4},
}


def make_texts() -> list[str]:
    source = random.Random(0)
    return [" ".join(source.choices(WORDS, k=source.randint(1, 9))) for _ in range(90)]


def make_folder(folder: Path, architecture: str, **tokenizer: Any) -> Path:
    """A model with a tokenizer of whole words."""
    names = ["[UNK]", "[PAD]", *WORDS]
    words = Tokenizer(WordLevel({name: place for place, name in enumerate(names)}, unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]", **tokenizer)
    fast.save_pretrained(folder)
    width = {"GPT2": "n_embd", "T5": "d_model"}.get(architecture, "hidden_size")
    config = getattr(transformers, f"{architecture}Config")(vocab_size=len(names), **{width: 8}, **SMALL[architecture])
    torch.manual_seed(0)
    getattr(transformers, f"{architecture}Model")(config).save_pretrained(folder)
    return folder
