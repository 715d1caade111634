"""The built-in training as a job: any labelled data set, for a first answer where nobody has brought a training."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from saln.datasets import Dataset
from saln.pilot.builtin.config import BuiltinConfig
from saln.pilot.builtin.corruption import COPIED
from saln.pilot.builtin.pool import Split, make_pool
from saln.pilot.builtin.task import Task, make_task
from saln.pilot.config import PilotConfig
from saln.pilot.job import DataSummary, Job, Problem

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
                yield f"{tensor.dtype}{list(tensor.shape)}"
                yield tensor.contiguous().numpy().tobytes()
            yield ";"
        yield f"{data.name}{data.class_names}{data.features_given}"

    def about_settings(self, config: PilotConfig, data: DataSummary) -> tuple[str, ...]:
        """As in `Job`."""
        settings = _builtin(config)
        return (*_of_features(settings, data), *_of_spoiling(settings, data), *self._of_classes(settings), WITHHELD)

    def _of_classes(self, config: BuiltinConfig) -> list[str]:
        data = self.dataset
        rows = data.labels if data.is_test is None else data.labels[data.is_test]
        most = float(torch.bincount(rows).max()) / rows.shape[0]
        if config.metric != "accuracy" or most < LOPSIDED:
            return []
        return [
            f"Always answering the most frequent class would be right in {100 * most:.0f} % of the test rows: accuracy "
            "says little here. Consider balanced_accuracy or roc_auc (metric)."
        ]


WITHHELD = (
    "The rows held out for the reference network were withheld from uniform, too; without selection it could have "
    "trained on them."
)


def _builtin(config: PilotConfig) -> BuiltinConfig:
    if not isinstance(config, BuiltinConfig):
        raise TypeError(f"config is a {type(config).__name__}, want a BuiltinConfig for the built-in training")
    return config


def _of_features(config: BuiltinConfig, data: DataSummary) -> list[str]:
    if data.features_given and config.model != "resnet":
        return [
            "Features came with the data and are what every method, uniform too, trains on: what it took to extract "
            "them is counted for none."
        ]
    if data.features_given and not config.feature_ms:
        return [
            "Features came with the data, for selection alone: what it took to extract them is not known and not "
            "counted. Name it (feature_ms) before believing figures with everything counted."
        ]
    return []


def _of_spoiling(config: BuiltinConfig, data: DataSummary) -> list[str]:
    found = []
    if config.label_noise:
        found.append(f"{100 * config.label_noise:g} % of the labels are another class")
    if config.feature_noise:
        found.append(f"normal noise of {config.feature_noise:g} standard deviations was added to the inputs")
    if config.imbalance < 1.0:
        found.append(f"{', '.join(data.rare_classes)} kept {100 * config.imbalance:g} % of their rows")
    if config.duplicates:
        share = f"{100 * config.duplicates:g} % of the rows were replaced by copies of {100 * COPIED:g} % of them"
        found.append(share)
    if not found:
        return []
    return [f"The pilot made the training data worse: {'; '.join(found)}. Test rows are as they were."]
