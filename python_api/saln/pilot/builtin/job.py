"""The built-in training as a job: any labelled data set, for a first answer where nobody has brought a training."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from saln.catalogue import Message, message
from saln.datasets import Dataset
from saln.pilot.builtin.config import BuiltinConfig
from saln.pilot.builtin.corruption import COPIED
from saln.pilot.builtin.pool import Split, make_pool
from saln.pilot.builtin.task import Task, make_task
from saln.pilot.config import PilotConfig
from saln.pilot.job import DataSummary, Job, Problem, content

LOPSIDED = 0.8
"""Share of the most frequent class among the test rows from which accuracy says little."""


class BuiltinJob(Job):
    """Trains small networks (`BuiltinConfig`) on a labelled data set.

    Parameters
    ----------
    dataset : Dataset

    Examples
    --------
    >>> from saln.datasets import load_builtin
    >>> from saln.pilot.builtin import BuiltinConfig, BuiltinJob
    >>> BuiltinJob(load_builtin("digits")).problem(BuiltinConfig(steps=30), seed=0).n_classes
    10
    """

    anneals = False

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.name = dataset.name
        self.labels = dataset.labels
        self.groups = dataset.groups
        self.notes = dataset.notes
        self.images = dataset.images

    def problem(self, config: PilotConfig, seed: int) -> Task:
        """As in `Job`."""
        return make_task(self.dataset, _builtin(config), seed)

    def pool(self, config: PilotConfig, seed: int) -> Split:
        """As in `Job`."""
        return make_pool(self.dataset, _builtin(config), seed)

    def steps(self, config: PilotConfig) -> int:
        """As in `Job`."""
        return _builtin(config).steps

    def summary(self, config: PilotConfig, problem: Problem) -> DataSummary:
        """As in `Job`."""
        data, task = self.dataset, problem
        assert isinstance(task, Task)
        return DataSummary(
            name=data.name,
            n_rows=data.x.shape[0],
            n_inputs=data.x.shape[1],
            n_train=task.x_train.shape[0],
            n_reference=task.pool.reference_rows.shape[0],
            n_test=task.x_test.shape[0],
            n_offered=len(task.order.super_batch(0, 0)),
            n_features=task.features.shape[1],
            features_computed=task.features_computed,
            features_given=data.features_given,
            missing_values=float(data.x.isnan().float().mean()),
            class_names=data.class_names,
            image_shape=tuple(task.x_train.shape[1:]) if task.x_train.dim() == 4 else None,
            wrong_labels=int(task.pool.wrong.sum()),
            copied_rows=int(task.pool.copies.sum()),
            rare_classes=tuple(data.class_names[int(value)] for value in task.pool.rare),
        )

    def fingerprint(self) -> Iterator[bytes | str]:
        """As in `Job`."""
        data = self.dataset
        for tensor in (data.x, data.labels, data.is_test, data.images):
            if tensor is not None:
                yield from content(tensor)
            yield ";"
        yield f"{data.name}{data.class_names}{data.features_given}"

    def about_settings(self, config: PilotConfig, data: DataSummary) -> tuple[str, ...]:
        """As in `Job`."""
        settings = _builtin(config)
        return (
            *_of_features(settings, data),
            *_of_spoiling(settings, data),
            *self._of_classes(settings),
            message("notes.held_out"),
        )

    def _of_classes(self, config: BuiltinConfig) -> list[Message]:
        data = self.dataset
        rows = data.labels if data.is_test is None else data.labels[data.is_test]
        most = float(torch.bincount(rows).max()) / rows.shape[0]
        lopsided = config.metric == "accuracy" and most >= LOPSIDED
        return [message("notes.lopsided", share=100 * most)] if lopsided else []


def _builtin(config: PilotConfig) -> BuiltinConfig:
    if not isinstance(config, BuiltinConfig):
        raise TypeError(f"config is a {type(config).__name__}, want a BuiltinConfig for the built-in training")
    return config


def _of_features(config: BuiltinConfig, data: DataSummary) -> list[Message]:
    if data.features_given and config.model != "resnet":
        return [message("notes.features_trained_on")]
    if data.features_given and not config.feature_ms:
        return [message("notes.features_unpriced")]
    return []


def _of_spoiling(config: BuiltinConfig, data: DataSummary) -> list[Message]:
    found = []
    if config.label_noise:
        found.append(message("spoiled.labels", share=100 * config.label_noise))
    if config.feature_noise:
        found.append(message("spoiled.noise", deviations=config.feature_noise))
    if config.imbalance < 1.0:
        found.append(message("spoiled.rare", classes=", ".join(data.rare_classes), share=100 * config.imbalance))
    if config.duplicates:
        found.append(message("spoiled.copies", share=100 * config.duplicates, of=100 * COPIED))
    return [message("notes.spoiled", how=tuple(found))] if found else []
