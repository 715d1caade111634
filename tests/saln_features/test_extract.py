"""What is extracted from what: values against a plain forward pass, in the dataset's order."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, Subset, TensorDataset

from feature_cases import Counting, Pairs
from saln import extract
from saln.datasets import DataError


def quietly(model: Any, data: Any, out: Path, **options: Any) -> Tensor:
    return extract(model, data, out, progress=False, **options).tensor()


def forward(net: Counting, images: Tensor) -> Tensor:
    with torch.no_grad():
        return net.eval()(images)


@pytest.mark.parametrize("workers", [0, 1])
def test_rows_are_those_of_a_plain_pass(net: Counting, pairs: Pairs, out: Path, workers: int) -> None:
    found = quietly(net, pairs, out, batch_size=32, num_workers=workers)
    torch.testing.assert_close(found, forward(net, pairs.images))


@pytest.mark.parametrize("kind", ["dataset", "mappings", "array", "tensor", "loader", "subset"])
def test_every_kind_of_data(net: Counting, images: Tensor, pairs: Pairs, out: Path, kind: str) -> None:
    data: dict[str, Any] = {
        "dataset": TensorDataset(images, torch.arange(150)),
        "mappings": [{"picture": image, "label": 0} for image in images],
        "array": images.numpy(),
        "tensor": images,
        "loader": DataLoader(pairs, batch_size=13, drop_last=True),
        "subset": Subset(pairs, range(150)),
    }
    torch.testing.assert_close(quietly(net, data[kind], out), forward(net, images))


def test_a_named_field_of_mappings(net: Counting, images: Tensor, out: Path) -> None:
    items = [{"picture": image, "other": 1} for image in images]
    with pytest.raises(DataError, match="several fields, picture, other; name the one"):
        quietly(net, items, out)
    torch.testing.assert_close(quietly(net, items, out, input="picture"), forward(net, images))
    with pytest.raises(DataError, match="input is 'image', the items have picture, other"):
        quietly(net, items, out, input="image")


def test_a_layer_is_averaged_over_space(net: Counting, images: Tensor, out: Path) -> None:
    found = quietly(net, images, out, layer="body")
    torch.testing.assert_close(found, net.body(images).mean((2, 3)).detach())
    assert not net.body._forward_hooks


def test_layers_that_are_not_there_or_called_twice(net: Counting, images: Tensor, out: Path) -> None:
    with pytest.raises(ValueError, match=r"layer is 'pool', want one of the model's: body, drop, head"):
        quietly(net, images, out, layer="pool")
    with pytest.raises(ValueError, match="the model is a callable"):
        quietly(lambda batch: batch, images, out, layer="body")
    linear = nn.Linear(8, 8)
    twice = nn.Sequential(nn.Flatten(), nn.Linear(192, 8), linear, linear)
    with pytest.raises(ValueError, match="layer '2' is called 2 times for a batch, want once"):
        quietly(twice, images, out, layer="2")


class Tokens(nn.Module):
    """Embeds numbers, as language models do."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.table, self.how = nn.Embedding(50, 5), how

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Any:
        hidden = self.table(input_ids)
        return {"tuple": (hidden, None), "mapping": {"loss": None, "last_hidden_state": hidden}}[self.how]


@pytest.mark.parametrize("how", ["tuple", "mapping"])
@pytest.mark.parametrize("pooling", [None, "mean", "cls", "last"])
def test_tokens_are_pooled_over_their_mask(out: Path, how: str, pooling: str | None) -> None:
    source = random.Random(0)
    items = [{"input_ids": source.choices(range(50), k=source.randint(1, 9)), "labels": 0} for _ in range(40)]
    model = Tokens(how)
    rows = [model.table(torch.tensor(item["input_ids"])).detach() for item in items]  # [T, 5] each
    pooled = {"cls": lambda row: row[0], "last": lambda row: row[-1]}.get(pooling or "", lambda row: row.mean(0))
    found = quietly(model, items, out, batch_size=7, pooling=pooling)
    torch.testing.assert_close(found, torch.stack([pooled(row) for row in rows]))


def test_texts_come_sorted_by_length_and_go_back_in_order(out: Path) -> None:
    source = random.Random(0)
    texts = ["x" * source.randint(1, 90) for _ in range(700)]
    seen: list[list[int]] = []

    def model(batch: list[str]) -> Tensor:
        seen.append([len(text) for text in batch])
        return torch.tensor([[len(text), 1.0] for text in batch])

    found = quietly(model, texts, out, batch_size=8)
    assert found[:, 0].tolist() == [len(text) for text in texts]
    assert sorted(map(len, seen)) == [4, *[8] * 87]
    padding = sum(max(batch) * len(batch) - sum(batch) for batch in seen)
    assert padding < 0.1 * sum(map(len, texts))


def test_dtype_normalisation_and_one_number_a_row(net: Counting, images: Tensor, out: Path) -> None:
    found = quietly(net, images, out, dtype="float16", normalize=True)
    assert found.dtype == torch.float16
    torch.testing.assert_close(found.float().norm(dim=1), torch.ones(150), atol=2e-3, rtol=0)
    assert quietly(lambda batch: batch.sum((1, 2, 3)), images, out).shape == (150, 1)


def test_autocast_computes_in_bfloat16(net: Counting, images: Tensor, out: Path) -> None:
    dtypes = set()
    net.head.register_forward_hook(lambda _layer, _inputs, output: dtypes.add(output.dtype))
    found = quietly(net, images, out, autocast="bfloat16")
    assert dtypes == {torch.bfloat16}
    assert found.dtype == torch.float32
    assert quietly(net, images, out).dtype == torch.float32
    assert dtypes == {torch.bfloat16, torch.float32}


def test_the_model_is_left_as_it_was(net: Counting, images: Tensor, out: Path) -> None:
    net.train()
    net.drop.eval()
    quietly(net, images, out)
    assert [module.training for module in net.modules()] == [True, True, False, True]
    net(images).sum().backward()
    assert net.body.weight.grad is not None


def test_data_are_read_as_in_training(net: Counting, images: Tensor, out: Path) -> None:
    """What a dataset keeps of its first reading could not be trained on, if it were made in inference mode."""

    class Keeping(Pairs):
        kept: Tensor | None = None

        def __getitem__(self, row: int) -> tuple[Tensor, int]:
            if self.kept is None:
                self.kept = self.images @ torch.eye(8)
            return self.kept[row], 0

    data = Keeping(images, [0] * 150)
    quietly(net, data, out, autocast="bfloat16")
    assert data.kept is not None
    assert (data.kept.is_inference(), data.kept.dtype) == (False, torch.float32)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_inputs_come_in_the_module_s_dtype(out: Path, dtype: torch.dtype) -> None:
    rows, layer = np.random.default_rng(0).random((40, 4)), nn.Linear(4, 3).to(dtype)  # float64
    want = layer(torch.from_numpy(rows).to(dtype)).float().detach()
    torch.testing.assert_close(quietly(layer, rows, out), want)
    torch.testing.assert_close(quietly(layer, torch.from_numpy(rows).float(), out), want)


def test_tokens_are_sorted_by_length_too(out: Path) -> None:
    source = random.Random(0)
    items = [{"input_ids": [1] * source.randint(1, 30)} for _ in range(300)]
    model, widths = Tokens("tuple"), []
    model.register_forward_pre_hook(
        lambda _model, _args, fields: widths.append(fields["input_ids"].shape), with_kwargs=True
    )
    quietly(model, items, out, batch_size=10)
    assert sum(rows * width for rows, width in widths) < 1.1 * sum(len(item["input_ids"]) for item in items)


class Moving(nn.Linear):
    """Notes where it is moved to, and how."""

    def to(self, *args: Any, **kwargs: Any) -> Any:
        self.moves.append((str(args[0]), torch.is_inference_mode_enabled()))
        return self

    moves: list[tuple[str, bool]]


def test_the_model_goes_back_to_its_device(out: Path) -> None:
    """What is moved in inference mode could not be trained afterwards."""
    model = Moving(4, 2)
    model.moves = []
    # There is one device here; the batch cannot go to the other, where nothing has values, and the model is left.
    with pytest.raises(RuntimeError, match=r"rows 0 to 31 of the data: the model fails"):
        quietly(model, torch.rand(40, 4), out, device="meta")
    assert model.moves == [("meta", False), ("cpu", False)]


def test_random_numbers_of_the_caller_stay(net: Counting, pairs: Pairs, out: Path) -> None:
    states = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
    quietly(net, pairs, out)
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1:] == (np.random.get_state()[1].tolist(), random.getstate())  # noqa: NPY002


class Stream(IterableDataset[Tensor]):
    """Rows without numbers."""

    def __iter__(self) -> Any:
        return iter(torch.rand(5, 3, 8, 8))


def test_what_has_no_order_is_refused(net: Counting, pairs: Pairs, out: Path) -> None:
    with pytest.raises(ValueError, match="a loader with a RandomSampler, which changes the order of rows"):
        quietly(net, DataLoader(pairs, shuffle=True), out)
    with pytest.raises(ValueError, match="a loader with a list, which changes the order of rows"):
        quietly(net, DataLoader(pairs, batch_sampler=[[1, 0]]), out)
    with pytest.raises(TypeError, match="iterable dataset"):
        quietly(net, DataLoader(Stream()), out)
    with pytest.raises(TypeError, match="data is a Stream, want a map-style torch Dataset"):
        quietly(net, Stream(), out)
    with pytest.raises(TypeError, match="data is a int"):
        quietly(net, 5, out)
    with pytest.raises(DataError, match="data has no rows"):
        quietly(net, [], out)


def test_a_loader_s_own_collate_is_used(out: Path) -> None:
    texts = [("a b", 0), ("a", 1), ("a b c", 0)]

    def collate(items: list[tuple[str, int]]) -> dict[str, Tensor]:
        n_words = torch.tensor([len(text.split()) for text, _ in items])
        return {"words": n_words, "labels": torch.tensor([label for _, label in items])}

    class Model(nn.Module):
        def forward(self, words: Tensor) -> Tensor:
            return words.float().unsqueeze(1)

    loader = DataLoader(texts, batch_size=2, collate_fn=collate)  # type: ignore[arg-type]
    assert quietly(Model(), loader, out).tolist() == [[2.0], [1.0], [3.0]]
    with pytest.raises(ValueError, match="transform is given, and the loader has a collate_fn"):
        quietly(Model(), loader, out, transform=str)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pooling": "max"}, "pooling is 'max', want mean, cls, last or None"),
        ({"pooling": "cls"}, r"pooling is 'cls', the model's output \[32, 4\]: want tokens"),
        ({"batch_size": 0}, "batch_size is 0, want at least 1"),
        ({"dtype": "int8"}, "dtype is 'int8', want float32, float16"),
        ({"autocast": "int8"}, "autocast is 'int8', want bfloat16, float16 or None"),
        ({"max_length": 0}, "max_length is 0, want at least 1 or None"),
    ],
)
def test_wrong_options(net: Counting, images: Tensor, out: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        quietly(net, images, out, **options)


def test_wrong_outputs_and_inputs(net: Counting, images: Tensor, out: Path) -> None:
    with pytest.raises(ValueError, match="the model returns 1 rows for a batch of 32, want one row each"):
        quietly(lambda batch: batch.sum().view(1, 1), images, out)
    with pytest.raises(TypeError, match="the model returns a dict with loss, want a tensor"):
        quietly(lambda batch: {"loss": batch.sum()}, images, out)
    shapes = r"rows 0 to 1 of the data: the items of a batch are \[2\], \[3\], want one shape"
    with pytest.raises(ValueError, match=shapes):
        quietly(nn.Linear(2, 2), [torch.ones(2), torch.ones(3)], out)
    with pytest.raises(TypeError, match="options columns are for files, folders and tables; data is a Tensor"):
        quietly(net, images, out, columns="a")
    with pytest.raises(ValueError, match="max_length is 9, and means nothing to this model: want None"):
        quietly(net, images, out, max_length=9)
    with pytest.raises(ValueError, match="pretrained is False, and means nothing to this model: want True"):
        quietly(net, images, out, pretrained=False)
    with pytest.raises(TypeError, match="model is a int, want timm:NAME"):
        quietly(5, images, out)
    with pytest.raises(ValueError, match="model is 'resnet', want timm:NAME"):
        quietly("resnet", images, out)
