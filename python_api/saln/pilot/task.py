"""One seed's problem, the same for every method: split, inputs, features, reference losses."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from saln.datasets import Dataset
from saln.pilot.config import PilotConfig, PilotError
from saln.pilot.reference import Reference, build_reference
from saln.pilot.stream import stratified_split, super_batch_stream

TEST_SPLIT_SEED = 0
REFERENCE_SEED_OFFSET = 1_000_003
STREAM_SEED_OFFSET = 2_000_003


@dataclass(frozen=True)
class Task:
    """What every method of one seed is given.

    Attributes
    ----------
    x_train, x_test : Tensor
        Standardised inputs `[n, d]` and `[m, d]`, gaps filled.
    labels_train, labels_test : Tensor
        `[n]` and `[m]` int64.
    features : Tensor
        What selectors see of the training rows, `[n, f]`.
    features_computed : bool
        They come from the reference network, and cost what it cost.
    reference : Reference
    stream : Tensor
        `[steps, super_batch_size]` row numbers of the super-batches.
    n_classes : int
    seed : int
    """

    x_train: torch.Tensor
    labels_train: torch.Tensor
    x_test: torch.Tensor
    labels_test: torch.Tensor
    features: torch.Tensor
    features_computed: bool
    reference: Reference
    stream: torch.Tensor
    n_classes: int
    seed: int

    def setup_seconds(self, needs: frozenset[str]) -> float:
        """Seconds that must be spent before a method with these needs can start."""
        passes = []
        if self.features_computed and "features" in needs:
            passes.append(self.reference.feature_seconds)
        if "reference_losses" in needs:
            passes.append(self.reference.loss_seconds)
        # The pass that gives the losses gives the features on its way.
        return self.reference.training_seconds + max(passes) if passes else 0.0


def make_task(dataset: Dataset, config: PilotConfig, seed: int) -> Task:
    """Split, fill, standardise, train the reference network and draw the stream of one seed.

    The test rows are the same for all seeds; which of the others are held out for the reference network is drawn anew.
    """
    is_test = dataset.is_test
    if is_test is None:
        is_test = stratified_split(dataset.labels, config.test_share, torch.Generator().manual_seed(TEST_SPLIT_SEED))
    if not bool(is_test.any()) or bool(is_test.all()):
        raise PilotError(f"{dataset.name}: {int(is_test.sum())} of {is_test.shape[0]} rows are for testing")
    x, labels = dataset.x[~is_test], dataset.labels[~is_test]
    generator = torch.Generator().manual_seed(seed)
    in_reference = stratified_split(labels, config.reference_share, generator)
    n_train = int((~in_reference).sum())
    if n_train < config.batch_size:
        raise PilotError(
            f"{dataset.name}: {n_train} training rows are left, fewer than a batch of {config.batch_size} (batch_size)"
        )
    if not bool(in_reference.any()):
        raise PilotError(f"{dataset.name}: no rows left for the reference network; raise reference_share")
    fill, mean, scale = _column_statistics(x[~in_reference])
    x_train, x_reference, x_test = (
        _standardise(part, fill, mean, scale) for part in (x[~in_reference], x[in_reference], dataset.x[is_test])
    )
    reference = build_reference(
        config,
        x_reference,
        labels[in_reference],
        x_train,
        labels[~in_reference],
        dataset.n_classes,
        REFERENCE_SEED_OFFSET + seed,
    )
    computed = uses_computed_features(dataset, config)
    return Task(
        x_train=x_train,
        labels_train=labels[~in_reference],
        x_test=x_test,
        labels_test=dataset.labels[is_test],
        features=reference.features if computed else _filled(x[~in_reference], fill),
        features_computed=computed,
        reference=reference,
        stream=super_batch_stream(
            n_train,
            config.steps,
            config.batch_size,
            min(config.super_batch_size, n_train),
            torch.Generator().manual_seed(STREAM_SEED_OFFSET + seed),
        ),
        n_classes=dataset.n_classes,
        seed=seed,
    )


def uses_computed_features(dataset: Dataset, config: PilotConfig) -> bool:
    """Selectors see the reference network's activations rather than the rows of the data set."""
    return config.features == "reference" or (config.features == "auto" and not dataset.features_given)


def _column_statistics(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Median, and mean and standard deviation after filling gaps by it, each `[d]`, of the training rows alone."""
    # An all-NaN column has a NaN median.
    fill = x.nanmedian(dim=0).values.nan_to_num() if bool(x.isnan().any()) else torch.zeros(x.shape[1])
    filled = _filled(x, fill)
    scale = filled.std(dim=0)
    return fill, filled.mean(dim=0), torch.where(scale > 0, scale, torch.ones_like(scale))


def _filled(x: torch.Tensor, fill: torch.Tensor) -> torch.Tensor:
    return torch.where(x.isnan(), fill, x)


def _standardise(x: torch.Tensor, fill: torch.Tensor, mean: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    return (_filled(x, fill) - mean) / scale
