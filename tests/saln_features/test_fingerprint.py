"""Whether a sampler notices that its features are of another dataset, and takes what is right."""

from __future__ import annotations

import copy
import json
import math
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

from feature_cases import Counting, Pairs
from saln import SpectralBatchSampler, extract, select
from saln.features import Features, Fingerprint
from saln.features.labels_agree import agreement

N = 150
ANOTHER = r"row 0 of the dataset is not the row 0 that the features were extracted from"


@pytest.fixture
def features(net: Counting, pairs: Pairs, out: Path) -> Features:
    return extract(net, pairs, out, progress=False)


def walk(features: Any, dataset: Any) -> int:
    return len(list(DataLoader(dataset, batch_sampler=SpectralBatchSampler(features, batch_size=10))))


@pytest.mark.parametrize("kind", ["features", "path", "text"])
def test_the_dataset_itself_is_taken(features: Features, pairs: Pairs, out: Path, kind: str) -> None:
    given = {"features": features, "path": out, "text": str(out)}[kind]
    assert walk(given, pairs) == N // 10
    assert walk(given, copy.deepcopy(pairs)) == N // 10


def test_another_order_and_other_rows_are_refused(features: Features, images: Tensor, pairs: Pairs) -> None:
    order = torch.randperm(N).tolist()
    others: list[Any] = [
        Subset(pairs, order),
        Pairs(torch.rand(N, 3, 8, 8), [row % 3 for row in range(N)]),
        TensorDataset(images.flip(0)),
    ]
    for dataset in others:
        with pytest.raises(ValueError, match=ANOTHER):
            walk(features, dataset)
        assert walk(features.tensor(), dataset) == N // 10  # who knows better says so
    with pytest.raises(ValueError, match="the dataset has 149 samples and the batch sampler features of 150"):
        walk(features, Subset(pairs, range(149)))
    moved = Subset(pairs, [*range(1, N), 0])  # a row put elsewhere
    with pytest.raises(ValueError, match=r"float32 \[3, 8, 8\]\), nor are 15 more of 16 compared"):
        walk(features, moved)


def test_labels_may_be_others(features: Features, images: Tensor) -> None:
    assert walk(features, Pairs(images, [0] * N)) == N // 10


def test_another_transform_is_told_from_another_order_by_the_labels(features: Features, pairs: Pairs) -> None:
    """Contents differ, and each label is where it was."""
    assert walk(features, Pairs(pairs.images * 2 - 1, pairs.labels)) == N // 10
    with pytest.raises(ValueError, match=ANOTHER):
        walk(features, Pairs(pairs.images.flip(0) * 2 - 1, pairs.labels[::-1]))
    with pytest.raises(ValueError, match=ANOTHER):  # labels that are all alike say nothing
        walk(features, Pairs(pairs.images * 2 - 1, [0] * N))


class Augmented(Dataset[tuple[Tensor, int]]):
    """Items that are others whenever they are asked for, by one of the global generators."""

    def __init__(self, pairs: Pairs, source: str, share: float = 1.0) -> None:
        self.pairs, self.source, self.share = pairs, source, share

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        image, _ = self.pairs[row]
        draw = {"torch": lambda: float(torch.rand(())), "numpy": np.random.rand, "random": random.random}
        return (image + draw[self.source]() if draw[self.source]() <= self.share else image), 0


@pytest.mark.parametrize("source", ["torch", "numpy", "random"])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_augmented_items_are_not_compared(features: Features, pairs: Pairs, source: str, share: float) -> None:
    assert walk(features, Augmented(pairs, source, share)) == N // 10
    with pytest.raises(ValueError, match="has 149 samples"):
        walk(features, Augmented(Subset(pairs, range(149)), source, share))  # type: ignore[arg-type]


def test_comparing_leaves_random_numbers_as_they_are(features: Features, pairs: Pairs) -> None:
    states = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
    for source in ("torch", "numpy", "random"):
        SpectralBatchSampler(features, batch_size=10).check_dataset(Augmented(pairs, source))
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1:] == (np.random.get_state()[1].tolist(), random.getstate())  # noqa: NPY002


def test_features_of_augmented_items_are_known_to_be(net: Counting, pairs: Pairs, out: Path) -> None:
    found = extract(net, Augmented(pairs, "torch"), out, progress=False)
    assert found.fingerprint is not None
    assert found.fingerprint.is_random
    assert walk(found, Subset(pairs, torch.randperm(N).tolist())) == N // 10
    before = net.n_rows
    extract(net, Augmented(pairs, "torch"), out, progress=False)
    assert net.n_rows == before
    extract(net, Augmented(Pairs(pairs.images + 1, pairs.labels), "torch"), out, progress=False)
    assert net.n_rows == before + N


def test_items_of_another_kind_are_not_compared(out: Path) -> None:
    texts = [f"text {row}" for row in range(N)]
    found = extract(lambda batch: torch.tensor([[float(len(each))] for each in batch]), texts, out, progress=False)
    tokenised = [{"input_ids": [row, 1], "attention_mask": [1, 1], "labels": row % 3} for row in range(N)]
    sampler = SpectralBatchSampler(found, batch_size=10)
    sampler.check_dataset(tokenised)
    sampler.check_dataset([(text, 0) for text in texts])
    sampler.check_dataset([{"sentence": text, "label": 0} for text in texts])
    with pytest.raises(ValueError, match=ANOTHER):
        sampler.check_dataset([(text, 0) for text in reversed(texts)])


def test_a_dataset_is_read_once_and_little_of_it(features: Features, pairs: Pairs) -> None:
    reads: list[int] = []

    class Noting(Pairs):
        def __getitem__(self, row: int) -> tuple[Tensor, int]:
            reads.append(row)
            return super().__getitem__(row)

    sampler = SpectralBatchSampler(features, batch_size=10)
    dataset = Noting(pairs.images, pairs.labels)
    for _ in range(3):
        sampler.check_dataset(dataset)
    assert len(reads) == len(set(reads)) == 16
    assert (min(reads), max(reads)) == (0, N - 1)
    sampler.check_dataset(Noting(pairs.images, pairs.labels))
    assert len(reads) == 32


def test_a_copied_sampler_still_compares(features: Features, pairs: Pairs) -> None:
    sampler = pickle.loads(pickle.dumps(SpectralBatchSampler(features, batch_size=10)))
    sampler.check_dataset(pairs)
    with pytest.raises(ValueError, match=ANOTHER):
        sampler.check_dataset(Subset(pairs, list(range(N))[::-1]))


def test_a_dataset_that_fails_on_its_own_is_left_to_the_loader(features: Features) -> None:
    class Failing(Dataset[Tensor]):
        def __len__(self) -> int:
            return N

        def __getitem__(self, row: int) -> Tensor:
            raise OSError("gone")

    SpectralBatchSampler(features, batch_size=10).check_dataset(Failing())


def test_contents_are_told_apart() -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    images = [Image.fromarray(pixels), Image.fromarray(pixels + 1), Image.fromarray(pixels).convert("L")]
    assert len({probe.checksum for probe in Fingerprint.of(images).probes}) == 3
    zeros = [torch.zeros(2), torch.zeros(3), np.zeros(2, np.int32), torch.zeros(2).bfloat16()]
    values: list[Any] = ["a", "b", *zeros, 3, 4]
    assert len({probe.checksum for probe in Fingerprint.of(values).probes}) == len(values)
    assert Fingerprint.of([torch.zeros(2)]) == Fingerprint.of([np.zeros(2, np.float32)])


def test_select_takes_features(features: Features) -> None:
    chosen = select(features, 5, "logdet", generator=torch.Generator().manual_seed(0))
    assert torch.equal(chosen, select(features.tensor(), 5, "logdet", generator=torch.Generator().manual_seed(0)))


NAMES = ["abbreviation", "entity", "description", "person", "place", "number"]


def described(labels: list[int]) -> list[dict[str, object]]:
    return [{"text": f"text {row}", "label": NAMES[label]} for row, label in enumerate(labels)]


def tokenised(labels: list[int]) -> list[dict[str, object]]:
    return [{"input_ids": [row, 1], "labels": label} for row, label in enumerate(labels)]


def test_rows_of_another_kind_and_order_are_known_by_their_labels() -> None:
    random.seed(0)
    labels = [random.randrange(6) for _ in range(2000)]
    found = Fingerprint.from_dict(json.loads(json.dumps(Fingerprint.of(described(labels)).as_dict())))
    assert len(found.labels) == 253
    found.check(tokenised(labels))
    half_wrong = [random.randrange(6) if row % 2 else label for row, label in enumerate(labels)]
    found.check(tokenised(half_wrong))
    missing = [-1 if row % 2 else label for row, label in enumerate(labels)]
    found.check(tokenised(missing))
    found.check([{"input_ids": [row]} for row in range(2000)])
    words = (
        "labels are not those of the rows that the features were extracted from: .* even with half of the labels wrong"
    )
    for others in (sorted(labels), labels[::-1], [*labels[1:], labels[0]]):
        with pytest.raises(ValueError, match=words):
            found.check(tokenised(others))
    coarse = Fingerprint.of(tokenised(labels))
    coarse.check([{"text": "a", "label": str(6 * label + row % 3)} for row, label in enumerate(labels)])


def test_augmented_rows_are_known_by_their_labels() -> None:
    random.seed(0)
    labels = [random.randrange(6) for _ in range(300)]
    found = Fingerprint.of([(torch.full((2,), float(row)), label) for row, label in enumerate(labels)])

    class Shifted(Dataset[tuple[Tensor, int]]):
        def __init__(self, labels: list[int]) -> None:
            self.labels = labels

        def __len__(self) -> int:
            return len(self.labels)

        def __getitem__(self, row: int) -> tuple[Tensor, int]:
            return torch.rand(2), self.labels[row]

    found.check(Shifted(labels))
    with pytest.raises(ValueError, match="labels are not those of the rows"):
        found.check(Shifted(labels[::-1]))


def test_how_often_labels_are_taken_for_others() -> None:
    """Of the same rows, half of the labels wrong: never. In another order: nearly always with 4 to 50 classes."""
    generator = np.random.default_rng(0)
    noticed = {}
    for n_classes in (2, 3, 4, 6, 20, 50, 100):
        noticed[n_classes] = 0.0
        for _ in range(300):
            right = generator.integers(0, n_classes, 253)
            wrong = (right + generator.integers(1, n_classes, 253)) % n_classes
            given = np.where(generator.random(253) < 0.5, wrong, right)
            explained, _, least = agreement([(str(a), f"class {b}") for a, b in zip(right, given, strict=True)])
            assert explained >= least
            shuffled = generator.permutation(right)
            explained, _, least = agreement([(str(a), f"class {b}") for a, b in zip(right, shuffled, strict=True)])
            noticed[n_classes] += (explained < least) / 300
    assert all(noticed[n_classes] > 0.9 for n_classes in (4, 6, 20, 50))
    # Too few classes, or too few rows of each, to tell: nothing is said.
    assert all(noticed[n_classes] < 0.05 for n_classes in (2, 3, 100))
    # What the simulation is too small to see: of the right labels alone.
    for n_pairs in (1, 30, 64, 253):
        *_, least = agreement([("a", "b")] * n_pairs)
        probability = sum(math.comb(n_pairs, heads) for heads in range(least)) / 2**n_pairs
        assert probability <= 1e-6
    assert least == 89
    assert agreement([("a", "b"), ("b", None), ("c", "-1")]) == (1, 1, 0)
