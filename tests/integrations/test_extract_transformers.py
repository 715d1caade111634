"""saln.extract with models of transformers, small ones made here, against a plain forward pass of each row alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from torch import Tensor

from integration_cases.small_models import WORDS, make_folder, make_texts
from saln import extract
from saln.features import load


def one_by_one(folder: Path, texts: list[str], pool: Any, max_length: int | None = None) -> Tensor:
    model = transformers.AutoModel.from_pretrained(folder).eval()
    model = model.get_encoder() if model.config.is_encoder_decoder else model
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        rows = [model(torch.tensor([tokenizer(text)["input_ids"][:max_length]])) for text in texts]
    return torch.stack([pool(row.last_hidden_state[0]) for row in rows])


@pytest.mark.parametrize("architecture", ["Bert", "GPT2", "T5"])
@pytest.mark.parametrize("side", ["right", "left"])
def test_texts(tmp_path: Path, architecture: str, side: str) -> None:
    pad = {} if architecture == "GPT2" else {"pad_token": "[PAD]"}
    folder, texts = make_folder(tmp_path / "model", architecture, padding_side=side, **pad), make_texts()
    name, out = f"transformers:{folder}", tmp_path / "x.npy"
    pools: list[tuple[str | None, Any]] = [
        (None, lambda row: row.mean(0)),
        ("cls", lambda row: row[0]),
        ("last", lambda row: row[-1]),
    ]
    for pooling, pool in pools:
        found = extract(name, texts, out, pooling=pooling, batch_size=8, progress=False)
        torch.testing.assert_close(found.tensor(), one_by_one(folder, texts, pool))
    assert found.notes == ()


def test_texts_that_are_too_long_are_counted(tmp_path: Path) -> None:
    folder, texts = make_folder(tmp_path / "model", "Bert", pad_token="[PAD]"), make_texts()
    texts[3] = " ".join(WORDS)  # of 40 words, of which the model takes 12
    found = extract(f"transformers:{folder}", texts, tmp_path / "x.npy", progress=False)
    assert found.notes == ("1 text reaches max_length=12 tokens; what is beyond was not seen.",)
    found = extract(f"transformers:{folder}", texts, tmp_path / "x.npy", max_length=4, progress=False)
    n_long = sum(len(text.split()) >= 4 for text in texts)
    assert found.notes == (f"{n_long} texts reach max_length=4 tokens; what is beyond was not seen.",)
    want = one_by_one(folder, texts, lambda row: row.mean(0), max_length=4)
    torch.testing.assert_close(found.tensor(), want)


def test_a_layer_and_random_weights(tmp_path: Path) -> None:
    folder, texts = make_folder(tmp_path / "model", "Bert", pad_token="[PAD]"), make_texts()
    name = f"transformers:{folder}"
    found = extract(name, texts, tmp_path / "x.npy", layer="encoder.layer.0.attention", progress=False)
    assert (found.rows, found.width) == (90, 8)
    last = extract(name, texts, tmp_path / "y.npy", layer="encoder.layer.0", progress=False)
    torch.testing.assert_close(last.tensor(), extract(name, texts, tmp_path / "z.npy", progress=False).tensor())
    other = extract(name, texts, tmp_path / "y.npy", pretrained=False, progress=False)
    assert not torch.equal(other.tensor(), last.tensor())


def test_a_copy_of_the_folder_is_the_same_model(tmp_path: Path) -> None:
    texts = make_texts()
    first, second = (make_folder(tmp_path / name, "Bert", pad_token="[PAD]") for name in ("a", "b"))
    out = tmp_path / "x.npy"
    extract(f"transformers:{first}", texts, out, progress=False)
    written = out.stat().st_mtime_ns
    extract(f"transformers:{second}", texts, out, progress=False)
    assert out.stat().st_mtime_ns == written
    assert load(out).fingerprint is not None


@pytest.mark.parametrize("architecture", ["ViT", "ResNet"])
def test_pictures(tmp_path: Path, architecture: str) -> None:
    options: dict[str, Any] = {
        "ViT": {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8,
                "image_size": 16, "patch_size": 8},
        "ResNet": {"embedding_size": 4, "hidden_sizes": [4, 8], "depths": [1, 1]},
    }  # fmt: skip
    torch.manual_seed(0)
    config = getattr(transformers, f"{architecture}Config")(**options[architecture])
    model = getattr(transformers, f"{architecture}Model")(config).eval()
    model.save_pretrained(tmp_path / "model")
    transformers.ViTImageProcessorPil(size={"height": 16, "width": 16}).save_pretrained(tmp_path / "model")
    pixels = np.random.default_rng(0).integers(0, 256, (20, 20, 24, 3), dtype=np.uint8)
    pictures = [Image.fromarray(each) for each in pixels]
    pairs = [(each, 0) for each in pictures]
    found = extract(f"transformers:{tmp_path}/model", pairs, tmp_path / "x.npy", progress=False)
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path / "model")
    with torch.no_grad():
        hidden = model(processor(images=pictures, return_tensors="pt")["pixel_values"]).last_hidden_state
    torch.testing.assert_close(found.tensor(), hidden.mean(1) if hidden.ndim == 3 else hidden.mean((2, 3)))


def test_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"model is 'transformers:.*nothing': "):
        extract(f"transformers:{tmp_path}/nothing", ["a text"], tmp_path / "x.npy", progress=False)
    folder = make_folder(tmp_path / "model", "Bert", pad_token="[PAD]")
    picture = Image.new("RGB", (8, 8))
    with pytest.raises(ValueError, match="image processor"):
        extract(f"transformers:{folder}", [picture], tmp_path / "x.npy", progress=False)
