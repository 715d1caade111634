"""One seed's problem for the built-in training: inputs, features, reference losses, and how to train on them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeAlias

import torch
from torch import nn
from torch.nn import functional as F

from saln.datasets import Dataset
from saln.pilot.builtin.config import BuiltinConfig, Model
from saln.pilot.builtin.evaluation import evaluate
from saln.pilot.builtin.feedback import Feedback
from saln.pilot.builtin.inputs import image_inputs, table_inputs
from saln.pilot.builtin.models import Classifier, make_network, make_optimizer, train_step
from saln.pilot.builtin.pool import Split, make_pool
from saln.pilot.builtin.reference import Reference, build_reference
from saln.pilot.builtin.residual import ResidualNetwork
from saln.pilot.config import PilotError
from saln.pilot.job import Problem, order_of
from saln.pilot.training.sampler import PilotSampler
from saln.sampling.order import EpochOrder
from saln.sampling.refresh import Refresh
from saln.superbatch import SuperBatch

Compute: TypeAlias = Callable[[Any, torch.Tensor], SuperBatch]

REFERENCE_SEED_OFFSET = 1_000_003
PROBE_SEED_OFFSET = 7_000_003
PROBE_ROWS = 256


@dataclass(frozen=True)
class Task(Problem):
    """What every method of one seed is given. Tensors of rows lie where the models train.

    Attributes
    ----------
    pool : Split
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
    n_classes : int
    config : BuiltinConfig
    """

    pool: Split
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
    config: BuiltinConfig

    @property
    def device(self) -> torch.device:
        return self.x_train.device

    def samples(self, needs: frozenset[str]) -> SuperBatch:
        """Features for those that read them; else what the model trains on, pixels in a row: nothing is extracted.

        Where a method reads neither, there is nothing to look at.
        """
        n_rows = self.x_train.shape[0]
        seen = self.features if _reads_features(needs) else self.x_train.flatten(1)
        return SuperBatch(
            seen if needs else seen[:, :0],
            labels=self.labels_train,
            reference_losses=self.reference.losses if "reference_losses" in needs else None,
            indices=torch.arange(n_rows, device=self.device),
        )

    def setup_seconds(self, needs: frozenset[str]) -> float:
        """As in `Problem`."""
        passes = []
        if self.features_computed and _reads_features(needs):
            passes.append(self.reference.feature_seconds)
        if "reference_losses" in needs:
            passes.append(self.reference.loss_seconds)
        # The pass that gives the losses gives the features on its way.
        reference = self.reference.training_seconds + max(passes) if passes else 0.0
        # Where features are given, the reference network reads them, too.
        extracted = _reads_features(needs) or "reference_losses" in needs
        return reference + (self.extraction_seconds if extracted else 0.0)

    def train(self, sampler: PilotSampler, seed: int) -> None:
        """Adam on the sampler's batches; methods that read losses or residuals see those of the network as it is."""
        config = self.config
        n_steps = round(config.steps * sampler.stretch)
        evaluate_at = {round(i * n_steps / config.evaluations) for i in range(1, config.evaluations + 1)}
        network = make_network(config.model, config, self.x_train, self.n_classes, seed)
        optimizer = make_optimizer(network, config.learning_rate)
        self._report(sampler, 0, network)
        if {"losses", "residuals"} & sampler.needs:
            sampler.refresh_with(Refresh(self._values("residuals" in sampler.needs), network))
        feedback = Feedback(sampler, network, self.x_probe, self.labels_probe)
        batches = (batch for _ in range(n_steps) for batch in sampler)
        for step, batch in enumerate(islice(batches, n_steps), start=1):
            rows = torch.tensor(batch, device=self.device)
            weights = sampler.served[-1].weights
            with sampler.recorder(network) if sampler.selector.uses else nullcontext():
                train_step(network, optimizer, self.x_train[rows], self.labels_train[rows], weights)
            feedback.after_step()
            if step in evaluate_at:
                self._report(sampler, step, network)

    def _report(self, sampler: PilotSampler, step: int, network: nn.Module) -> None:
        with sampler.paused():
            metrics, predicted = evaluate(network, self.x_test, self.labels_test, self.n_classes, self.config.metric)
            sampler.report(step, metrics, predicted)

    def _values(self, residuals: bool) -> Compute:
        """Losses of samples; for gradients of the last layer, their factors: what it sees, and residuals."""

        def compute(network: Classifier | ResidualNetwork, rows: torch.Tensor) -> SuperBatch:
            rows = rows.to(self.device)
            labels = self.labels_train[rows]
            activations = network.penultimate(self.x_train[rows])  # [S, hidden]
            logits = network.head(activations)  # [S, classes]
            losses = F.cross_entropy(logits, labels, reduction="none")
            if not residuals:
                return SuperBatch(activations[:, :0], losses=losses)
            return SuperBatch(
                activations, losses=losses, residuals=logits.softmax(dim=1) - F.one_hot(labels, self.n_classes)
            )

        return compute


def _reads_features(needs: frozenset[str]) -> bool:
    """Methods that read residuals go by what the learner's last layer sees in place of features."""
    return "features" in needs and "residuals" not in needs


def make_task(dataset: Dataset, config: BuiltinConfig, seed: int) -> Task:
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
        config=config,
    )


def uses_computed_features(dataset: Dataset, config: BuiltinConfig) -> bool:
    """Selectors see the reference network's activations rather than the rows of the data set."""
    return config.features == "reference" or (config.features == "auto" and not dataset.features_given)
