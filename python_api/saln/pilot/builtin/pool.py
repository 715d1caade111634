"""Which rows of the data set a seed trains on, learns its reference from, and is tested on."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from saln.datasets import Dataset
from saln.pilot.builtin.config import BuiltinConfig
from saln.pilot.builtin.corruption import keep_rare, noisy_labels, rare_classes, with_copies
from saln.pilot.builtin.split import stratified_split
from saln.pilot.config import PilotError
from saln.pilot.job import Pool

TEST_SPLIT_SEED = 0
RARE_SEED = 0
SHARE_SEED_OFFSET = 4_000_037
CORRUPTION_SEED_OFFSET = 5_000_011


@dataclass(frozen=True)
class Split(Pool):
    """A pool, and what the built-in training holds out and spoils.

    Attributes
    ----------
    labels, wrong, copies : Tensor
        `[n]`; with label noise some labels are wrong, with duplicates some rows come more than once.
    reference_rows, reference_labels : Tensor
        `[m]`, for the reference network: in the same condition, and no row in common.
    rare : Tensor
        Classes made rare.
    """

    labels: torch.Tensor
    wrong: torch.Tensor
    copies: torch.Tensor
    reference_rows: torch.Tensor
    reference_labels: torch.Tensor
    rare: torch.Tensor


def make_pool(dataset: Dataset, config: BuiltinConfig, seed: int) -> Split:
    """Split, thin and corrupt by row numbers.

    The test rows are the same for all seeds. Which rows are in a stage's share, which are held out for the reference
    network and which are corrupted is drawn anew for each; the rows of a smaller share are among those of a larger one.

    Raises
    ------
    PilotError
        Too few rows are left for a batch, for the reference network, or to test on.
    """
    is_test = _test_mark(dataset, config)
    rows = (~is_test).nonzero().squeeze(1)
    if config.train_share < 1.0:
        source = torch.Generator().manual_seed(SHARE_SEED_OFFSET + seed)
        rows = rows[stratified_split(dataset.labels[rows], config.train_share, source)]
    source = torch.Generator().manual_seed(CORRUPTION_SEED_OFFSET + seed)
    rare = torch.empty(0, dtype=torch.int64)
    if config.imbalance < 1.0:
        rare = rare_classes(dataset.n_classes, torch.Generator().manual_seed(RARE_SEED))
        rows = rows[keep_rare(dataset.labels[rows], rare, config.imbalance, source)]
    held_out = stratified_split(dataset.labels[rows], config.reference_share, torch.Generator().manual_seed(seed))
    train, labels, wrong, copies = _corrupted(rows[~held_out], dataset, config, source)
    reference, reference_labels, _, _ = _corrupted(rows[held_out], dataset, config, source)
    if train.shape[0] < config.batch_size:
        raise PilotError(
            f"{dataset.name}: {train.shape[0]} training rows are left, fewer than a batch of {config.batch_size} "
            f"(batch_size{', stages' if config.train_share < 1.0 else ''})"
        )
    if reference.shape[0] == 0:
        raise PilotError(f"{dataset.name}: no rows left for the reference network; raise reference_share")
    test_rows = _tested(dataset, config, is_test)
    return Split(seed, train, labels, wrong, copies, test_rows, reference, reference_labels, rare)


def _test_mark(dataset: Dataset, config: BuiltinConfig) -> torch.Tensor:
    is_test = dataset.is_test
    if is_test is None:
        is_test = stratified_split(dataset.labels, config.test_share, torch.Generator().manual_seed(TEST_SPLIT_SEED))
    if not bool(is_test.any()) or bool(is_test.all()):
        raise PilotError(f"{dataset.name}: {int(is_test.sum())} of {is_test.shape[0]} rows are for testing")
    return is_test


def _tested(dataset: Dataset, config: BuiltinConfig, is_test: torch.Tensor) -> torch.Tensor:
    rows = is_test.nonzero().squeeze(1)
    if config.test_rows is None or config.test_rows >= rows.shape[0]:
        return rows
    source = torch.Generator().manual_seed(TEST_SPLIT_SEED)
    return rows[stratified_split(dataset.labels[rows], config.test_rows / rows.shape[0], source)]


def _corrupted(
    rows: torch.Tensor, dataset: Dataset, config: BuiltinConfig, source: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rows, labels, which labels are wrong, which rows are copies. A copy is exact, wrong label and all."""
    labels = dataset.labels[rows]
    wrong = torch.zeros(rows.shape[0], dtype=torch.bool)
    places = torch.arange(rows.shape[0])
    if config.label_noise:
        labels, wrong = noisy_labels(labels, config.label_noise, dataset.n_classes, source)
    if config.duplicates:
        places = with_copies(rows.shape[0], config.duplicates, source)
    return rows[places], labels[places], wrong[places], places != torch.arange(rows.shape[0])
