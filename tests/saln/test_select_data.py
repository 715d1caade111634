"""One line for a plain loader: what stays, what is taken from the dataset, what is refused."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
)
from torchdata.stateful_dataloader import StatefulDataLoader

import saln
from saln import SpectralBatchSampler, SuperBatch
from saln.integrations.make_sampler import labels_of

N = 40
FEATURES = torch.randn(N, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(N) % 3
DATASET = TensorDataset(torch.arange(N), LABELS)


def loader_of(dataset=DATASET, **options) -> DataLoader:
    return DataLoader(dataset, **{"batch_size": 3, "shuffle": True, **options})


def pairs(batch):
    return tuple(batch)


@pytest.mark.parametrize("kind", [DataLoader, StatefulDataLoader])
def test_all_of_a_loader_but_its_batches_stays(kind):
    given = kind(DATASET, batch_size=3, shuffle=True, num_workers=2, collate_fn=pairs, drop_last=True, timeout=7)
    chosen = saln.select_data(given, features=FEATURES)
    assert type(chosen) is kind
    assert (chosen.dataset, chosen.collate_fn, chosen.num_workers, chosen.timeout) == (DATASET, pairs, 2, 7)
    assert len(chosen) == len(given) == N // 3
    assert sum(len(batch) for batch in chosen) == N // 3 * 3


def test_the_batches_are_those_of_a_sampler():
    options = {"seed": 5, "filter_ratio": 0.5}
    sampler = SpectralBatchSampler(FEATURES, 3, labels=LABELS, selector="guard", method="saln", **options)
    loader = saln.select_data(loader_of(), features=FEATURES, method="guard:saln", **options)
    for _ in range(2):
        assert [indices.tolist() for indices, _ in loader] == list(sampler)


def test_features_are_a_tensor_an_array_a_file_or_a_super_batch(tmp_path):
    np.save(tmp_path / "features.npy", FEATURES.numpy())
    given = [
        FEATURES,
        FEATURES.numpy(),
        tmp_path / "features.npy",
        str(tmp_path / "features.npy"),
        SuperBatch(FEATURES),
    ]
    for features in given:
        samples = saln.select_data(loader_of(), features=features).batch_sampler.samples
        assert torch.equal(samples.features, FEATURES)
        assert torch.equal(samples.labels, LABELS)
    part = torch.tensor([3, 30, 5, 7])
    loader = saln.select_data(loader_of(), features=SuperBatch(FEATURES[part], indices=part), method="uniform")
    assert torch.equal(loader.batch_sampler.samples.labels, LABELS[part])
    assert {3, 5, 7, 30} >= {index for indices, _ in loader for index in indices.tolist()} > set()


def hugging_face(**columns):
    """What a Hugging Face dataset is asked for."""

    class Table(dict):
        column_names, features = list(columns), {k: SimpleNamespace(dtype=d) for k, (d, _) in columns.items()}

        def __len__(self):
            return N

    return Table({name: values for name, (_, values) in columns.items()})


@pytest.mark.parametrize(
    "dataset",
    [
        DATASET,
        Subset(TensorDataset(torch.zeros(2 * N), (torch.arange(2 * N) - N) % 3), range(N, 2 * N)),
        [{"x": 0.5, "label": label} for label in LABELS.tolist()],
        [{"x": 0.5, "labels": label} for label in LABELS],
        [(0.5, label) for label in LABELS.tolist()],
        SimpleNamespace(targets=LABELS.tolist(), __len__=None),
        SimpleNamespace(labels=LABELS.numpy().astype("uint8")),
        hugging_face(text=("string", ["a"] * N), label=("int64", LABELS.tolist())),
    ],
    ids=["tensors", "subset", "label", "labels", "pairs", "targets", "source", "hugging face"],
)
def test_a_dataset_s_own_labels_are_found(dataset):
    if isinstance(dataset, SimpleNamespace):
        dataset = type("Data", (), {**vars(dataset), "__len__": lambda self: N})()
    assert torch.equal(labels_of(dataset), LABELS)


@pytest.mark.parametrize(
    "dataset",
    [
        range(N),
        TensorDataset(torch.arange(N)),
        TensorDataset(torch.zeros(N), torch.zeros(N)),
        TensorDataset(torch.zeros(N), torch.zeros(N, 2, dtype=torch.int64)),
        [{"x": 1, "label": 0.5}] * N,
        [{"input_ids": [1, 2], "labels": [1, 2]}] * N,
        [(0.5, [1])] * N,
        hugging_face(labels=("list", [[1, 2]] * N)),
    ],
)
def test_what_is_no_integer_per_sample_is_no_label(dataset):
    assert labels_of(dataset) is None


def test_labels_are_given_by_column_or_by_value():
    rows = [{"x": 0.5, "label": 0, "kind": kind} for kind in LABELS.tolist()]
    for labels in ("kind", LABELS.tolist(), LABELS.numpy()):
        sampler = saln.select_data(loader_of(rows), features=FEATURES, labels=labels).batch_sampler
        assert torch.equal(sampler.samples.labels, LABELS)
    with pytest.raises(ValueError, match="labels is 'sort', and the dataset has no such column of integers"):
        saln.select_data(loader_of(rows), features=FEATURES, labels="sort")
    with pytest.raises(ValueError, match="labels are given twice"):
        saln.select_data(loader_of(rows), features=SuperBatch(FEATURES, labels=LABELS), labels=LABELS)


class Stream(IterableDataset):
    def __iter__(self):
        return iter(range(N))


WEIGHTED = WeightedRandomSampler([1.0] * N, N)


@pytest.mark.parametrize(
    ("loader", "told"),
    [
        (DataLoader(Stream(), batch_size=3), "the dataset is a Stream, which gives samples in its own order"),
        (DataLoader(DATASET, batch_size=None), "the loader's batch_size is None, so that it makes no batches"),
        (loader_of(shuffle=False, sampler=WEIGHTED), "has a WeightedRandomSampler, whose choice would be lost"),
        (loader_of(shuffle=False, sampler=RandomSampler(DATASET, replacement=True)), "a RandomSampler, whose choice"),
        (loader_of(shuffle=False, sampler=RandomSampler(DATASET, num_samples=9)), "a RandomSampler, whose choice"),
        (DataLoader(DATASET, batch_sampler=SpectralBatchSampler(FEATURES, 3)), "has a SpectralBatchSampler already"),
        (DataLoader(DATASET, batch_sampler=type("Own", (BatchSampler,), {})(WEIGHTED, 3, False)), "has a Own, whose"),
        (loader_of(range(N + 1)), "the dataset has 41 samples and the batch sampler features of 40"),
    ],
)
def test_loaders_that_selection_cannot_stand_in_for_are_refused(loader, told):
    with pytest.raises(ValueError, match=told):
        saln.select_data(loader, features=FEATURES)


def test_other_kinds_are_refused():
    with pytest.raises(TypeError, match="loader is a list, want a DataLoader"):
        saln.select_data([1, 2], features=FEATURES)
    with pytest.raises(TypeError, match=r"features is a list, want a tensor \[N, d\], a SuperBatch or extracted"):
        saln.select_data(loader_of(), features=FEATURES.tolist())


def test_loaders_of_one_rank_and_in_order_are_taken():
    for sampler in (DistributedSampler(DATASET, 2, 0), None):
        assert len(saln.select_data(loader_of(shuffle=False, sampler=sampler), features=FEATURES)) == 14
