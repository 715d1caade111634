"""TRL's SFTTrainer on a language of eight words, with selection and without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import SFTConfig, SFTTrainer

from integration_cases.runs import N_ROWS, message, samples
from saln.integrations.transformers import next_token_cross_entropy, select_data

WORDS = ("pad", "end", *"abcdefgh")


def make_trainer(folder: Path, **options: Any) -> SFTTrainer:
    """Texts of 3 to 7 words."""
    words = Tokenizer(WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="a"))
    words.pre_tokenizer = Whitespace()
    texts = [" ".join(WORDS[2 + row * k % 8] for k in range(1, 4 + row % 5)) for row in range(N_ROWS)]
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(WORDS), hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    arguments = SFTConfig(
        str(folder),
        per_device_train_batch_size=3,
        gradient_accumulation_steps=2,
        num_train_epochs=2,
        max_length=16,
        use_cpu=True,
        bf16=False,
        save_strategy="no",
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
        **options,
    )
    return SFTTrainer(
        LlamaForCausalLM(config),
        arguments,
        train_dataset=Dataset.from_dict({"text": texts}),
        processing_class=PreTrainedTokenizerFast(tokenizer_object=words, pad_token="pad", eos_token="end"),
    )


def fine_tuned(folder: Path) -> tuple[dict[str, tuple[int, float, list[float]]], str]:
    """Steps, the last learning rate and a weight after training: without selection, with it, and with weights; and what
    packing says.
    """
    result = {}
    ways = {
        "plain": None,
        "uniform": {"method": "uniform"},
        "saln": {"method": "saln"},
        "infobatch": {"method": "infobatch", "sample_losses": next_token_cross_entropy},
        "alike": {"method": "uniform", "sample_losses": next_token_cross_entropy},  # the loss is TRL's own
    }
    for name, options in ways.items():
        trainer = make_trainer(folder)
        if options is not None:
            trainer = select_data(trainer, features=samples(), **options)
        trainer.train()
        rate, weight = trainer.lr_scheduler.get_last_lr()[0], trainer.model.lm_head.weight[0].tolist()
        result[name] = trainer.state.global_step, rate, weight
    return result, message(lambda: select_data(make_trainer(folder, packing=True), features=samples()))
