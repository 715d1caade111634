"""Whether the features are of the dataset that a loader takes its samples from."""

import pytest
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchdata.stateful_dataloader import StatefulDataLoader

from saln import SpectralBatchSampler, SuperBatch

N_ROWS, BATCH_SIZE = 20, 4


class WithoutLength(Dataset):
    def __getitem__(self, index):
        return torch.tensor(index)


def dataset_of(n_samples: int) -> TensorDataset:
    return TensorDataset(torch.arange(n_samples))


def served(
    sampler: SpectralBatchSampler, dataset: Dataset, loader: type[DataLoader] = DataLoader, **options
) -> list[int]:
    return sorted(index for (batch,) in loader(dataset, batch_sampler=sampler, **options) for index in batch.tolist())


@pytest.mark.parametrize("loader", [DataLoader, StatefulDataLoader])
@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("n_samples", [N_ROWS - 1, 3 * N_ROWS])
def test_another_length_is_refused(loader, workers, n_samples):
    sampler = SpectralBatchSampler(torch.eye(N_ROWS), BATCH_SIZE)
    with pytest.raises(ValueError, match=f"has {n_samples} samples and the batch sampler features of {N_ROWS}, want"):
        served(sampler, dataset_of(n_samples), loader, num_workers=workers)
    assert served(sampler, dataset_of(N_ROWS), loader, num_workers=workers) == list(range(N_ROWS))


def test_a_part_of_a_dataset_is_asked_for_by_indices():
    indices = torch.arange(N_ROWS) * 3
    sampler = SpectralBatchSampler(SuperBatch(torch.eye(N_ROWS), indices=indices), BATCH_SIZE)
    assert served(sampler, dataset_of(3 * N_ROWS)) == indices.tolist()
    with pytest.raises(ValueError, match=f"indices go up to {3 * N_ROWS - 3}, the dataset has {N_ROWS} samples"):
        served(sampler, dataset_of(N_ROWS))


def test_the_first_rows_of_a_dataset_are_a_part_too():
    samples = SuperBatch(torch.eye(N_ROWS), indices=torch.arange(N_ROWS))
    assert served(SpectralBatchSampler(samples, BATCH_SIZE), dataset_of(3 * N_ROWS)) == list(range(N_ROWS))


def test_rows_that_are_not_finite_count():
    features = torch.eye(N_ROWS)
    features[0] = torch.nan
    with pytest.warns(UserWarning, match="1 of 20"):
        sampler = SpectralBatchSampler(features, BATCH_SIZE)
    assert served(sampler, dataset_of(N_ROWS)) == list(range(1, N_ROWS))


def test_a_dataset_that_does_not_know_its_length_is_taken():
    sampler = SpectralBatchSampler(torch.eye(N_ROWS), BATCH_SIZE)
    batches = list(DataLoader(WithoutLength(), batch_sampler=sampler))
    assert sorted(torch.cat(batches).tolist()) == list(range(N_ROWS))


def test_another_loader_on_the_stack_is_not_looked_at():
    """A dataset may walk a batch sampler of its own while a loader of something else asks for a sample."""
    sampler = SpectralBatchSampler(torch.eye(N_ROWS), BATCH_SIZE)

    class Walking(Dataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return len(list(sampler))

    assert [int(n) for n in DataLoader(Walking())] == [5]
