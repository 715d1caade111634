"""One seed's problem, the same for every method: inputs, features, reference losses, order."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from saln.datasets import Dataset
from saln.pilot.config import Model, PilotConfig, PilotError
from saln.pilot.problem.inputs import image_inputs, table_inputs
from saln.pilot.problem.pool import Pool, make_pool
from saln.pilot.problem.reference import Reference, build_reference
from saln.sampling.order import EpochOrder
from saln.superbatch import SuperBatch

REFERENCE_SEED_OFFSET = 1_000_003
ORDER_SEED_OFFSET = 2_000_003
PROBE_SEED_OFFSET = 7_000_003
PROBE_ROWS = 256


@dataclass(frozen=True)
class Task:
    """What every method of one seed is given. Tensors of rows lie where the models train.

    Attributes
    ----------
    pool : Pool
    x_train, x_test : Tensor
        Standardised inputs `[n, d]` and `[t, d]`, gaps filled, or images `[n, C, H, W]` and `[t, C, H, W]`.
    labels_train, labels_test : Tensor
        `[n]` and `[t]` int64.
    x_probe, labels_probe : Tensor
        At most `PROBE_ROWS` of the reference rows, for methods that ask how a step went.
    features : Tensor
        What selectors see of the training rows, `[n, f]`.
    features_computed : bool
        They come from the reference network, and cost what it cost.
    extraction_seconds : float
        What it took to extract given features that the model itself does not train on, for training and reference rows.
    reference : Reference
    order : EpochOrder
        As a sampler has it, over places in `pool.rows`, on the host; every batch is whole.
    n_classes : int
    seed : int
    """

    pool: Pool
    x_train: torch.Tensor
    labels_train: torch.Tensor
    x_test: torch.Tensor
    labels_test: torch.Tensor
    x_probe: torch.Tensor
    labels_probe: torch.Tensor
    features: torch.Tensor
    features_computed: bool
    extraction_seconds: float
    reference: Reference
    order: EpochOrder
    n_classes: int
    seed: int

    @property
    def device(self) -> torch.device:
        return self.x_train.device

    @property
    def dataset(self) -> SuperBatch:
        """For methods that look at all of it: what the model trains on, pixels in a row; nothing is extracted."""
        n_rows = self.x_train.shape[0]
        return SuperBatch(
            self.x_train.flatten(1), labels=self.labels_train, indices=torch.arange(n_rows, device=self.device)
        )

    def setup_seconds(self, needs: frozenset[str]) -> float:
        """Seconds that must be spent before a method with these needs can start."""
        passes = []
        if self.features_computed and "features" in needs:
            passes.append(self.reference.feature_seconds)
        if "reference_losses" in needs:
            passes.append(self.reference.loss_seconds)
        # The pass that gives the losses gives the features on its way.
        reference = self.reference.training_seconds + max(passes) if passes else 0.0
        # Where features are given, the reference network reads them, too.
        return reference + (self.extraction_seconds if needs & {"features", "reference_losses"} else 0.0)


def make_task(dataset: Dataset, config: PilotConfig, seed: int) -> Task:
    """Split, corrupt, fill, standardise, train the reference network of one seed.

    The reference network is an MLP on the rows of the data set where the model trains on rows or features are given,
    else one like the model, on the images.

    Raises
    ------
    PilotError
        The settings do not fit the data.
    """
    if config.model == "resnet" and dataset.images is None:
        raise PilotError(f"{dataset.name}: model resnet needs images, and there are none")
    pool = make_pool(dataset, config, seed)
    on_images = config.model == "resnet"
    on_rows = not on_images or dataset.features_given
    tables = table_inputs(dataset, pool, config) if on_rows else None
    inputs = image_inputs(dataset, pool, config) if on_images else tables
    reference_inputs = tables or inputs
    if inputs is None or reference_inputs is None:
        raise PilotError(f"{dataset.name}: nothing to train on")
    device = torch.device(config.device)
    labels_train, labels_reference = pool.labels.to(device), pool.reference_labels.to(device)
    reference_model: Model = "mlp" if on_rows else config.model
    reference = build_reference(
        config,
        reference_model,
        reference_inputs.reference,
        labels_reference,
        reference_inputs.train,
        labels_train,
        dataset.n_classes,
        REFERENCE_SEED_OFFSET + seed,
    )
    computed = uses_computed_features(dataset, config)
    n_train, n_reference = pool.rows.shape[0], pool.reference_rows.shape[0]
    probe = torch.randperm(n_reference, generator=torch.Generator().manual_seed(PROBE_SEED_OFFSET + seed))[:PROBE_ROWS]
    extracted = on_images and dataset.features_given and not computed
    return Task(
        pool=pool,
        x_train=inputs.train,
        labels_train=labels_train,
        x_test=inputs.test,
        labels_test=dataset.labels[pool.test_rows].to(device),
        x_probe=inputs.reference[probe.to(device)],
        labels_probe=labels_reference[probe.to(device)],
        features=reference.features if computed else reference_inputs.seen,
        features_computed=computed,
        extraction_seconds=1e-3 * config.feature_ms * (n_train + n_reference) if extracted else 0.0,
        reference=reference,
        order=order_of(pool, config),
        n_classes=dataset.n_classes,
        seed=seed,
    )


def order_of(pool: Pool, config: PilotConfig) -> EpochOrder:
    """The order in which the rows of a pool come, as places in `pool.rows`."""
    rows = torch.arange(pool.rows.shape[0])
    return EpochOrder(rows, config.batch_size, config.super_batch_size, ORDER_SEED_OFFSET + pool.seed, drop_last=True)


def offered_in(order: EpochOrder, steps: int) -> torch.Tensor:
    """All that a run of so many steps is offered, `[sum of the super-batches' sizes]`."""
    return torch.cat([order.super_batch(*order.place(step)) for step in range(steps)])


def uses_computed_features(dataset: Dataset, config: PilotConfig) -> bool:
    """Selectors see the reference network's activations rather than the rows of the data set."""
    return config.features == "reference" or (config.features == "auto" and not dataset.features_given)
