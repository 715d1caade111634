"""saln.extract with a model of sentence-transformers, a small one made here, against its own encode."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

from integration_cases.small_models import make_folder, make_texts
from saln import extract


@pytest.fixture
def model(tmp_path: Path) -> SentenceTransformer:
    words = Transformer(str(make_folder(tmp_path / "words", "Bert", pad_token="[PAD]")), max_seq_length=6)
    made = SentenceTransformer(modules=[words, Pooling(8)], device="cpu", prompts={"query": "word3 "})
    made.save(str(tmp_path / "model"))
    return made


def test_rows_are_those_of_encode(model: SentenceTransformer, tmp_path: Path) -> None:
    texts = make_texts()
    want = model.encode(texts, convert_to_tensor=True)
    found = extract(model, texts, tmp_path / "x.npy", progress=False)
    torch.testing.assert_close(found.tensor(), want)
    named = extract(f"sentence-transformers:{tmp_path}/model", texts, tmp_path / "x.npy", progress=False)
    assert named.seconds == found.seconds  # the same model: nothing was computed
    normal = extract(model, texts, tmp_path / "x.npy", normalize=True, progress=False).tensor()
    torch.testing.assert_close(normal, torch.nn.functional.normalize(want, dim=1))


def test_length_and_prompt_are_the_model_s(model: SentenceTransformer, tmp_path: Path) -> None:
    texts = make_texts()
    short = extract(model, texts, tmp_path / "x.npy", max_length=2, progress=False).tensor()
    assert model.max_seq_length == 6
    whole = extract(model, texts, tmp_path / "x.npy", progress=False).tensor()
    assert not torch.equal(short, whole)
    model.default_prompt_name = "query"
    prompted = extract(model, texts, tmp_path / "x.npy", progress=False).tensor()
    torch.testing.assert_close(prompted, model.encode(texts, convert_to_tensor=True))
    assert not torch.allclose(prompted, whole)


def test_what_it_does_by_itself_is_not_asked_for(model: SentenceTransformer, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pooling is given, and a sentence-transformers model has its own"):
        extract(model, ["a text"], tmp_path / "x.npy", pooling="cls", progress=False)
    with pytest.raises(ValueError, match=r"model is 'sentence-transformers:.*nothing': "):
        extract(f"sentence-transformers:{tmp_path}/nothing", ["a text"], tmp_path / "x.npy", progress=False)
