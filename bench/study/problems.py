"""Sets and conditions of the study, and the settings of the pilot for each."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

from saln.datasets import Dataset, load_dataset
from saln.pilot.config import PilotConfig


class Problem(NamedTuple):
    """A set in a condition."""

    set: str
    condition: str

    def __str__(self) -> str:
        return f"{self.set} {self.condition}"


@dataclasses.dataclass(frozen=True)
class Set:
    """A data set of the study.

    Attributes
    ----------
    title : str
    path : str
        Of the file, in the folder of the sets.
    images : str or None
        Where its images are, if in another file.
    settings : dict
        Of the pilot, beside `SETTINGS`.
    conditions, methods : tuple of str
        All methods where empty.
    """

    title: str
    path: str
    images: str | None = None
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    conditions: tuple[str, ...] = ("clean", "noise", "duplicates", "imbalance")
    methods: tuple[str, ...] = ()


CONDITIONS: dict[str, dict[str, float]] = {
    "clean": {},
    "noise": {"label_noise": 0.3},
    "duplicates": {"duplicates": 0.8},
    "imbalance": {"imbalance": 0.1},
}
"""As switches of the pilot; test rows are always clean."""

SETTINGS: dict[str, Any] = {
    "steps": 150,
    "evaluations": 15,
    "batch_size": 64,
    "filter_ratio": 0.8,
    "hidden": 128,
    "learning_rate": 1e-3,
    "reference_share": 0.1,
    "reference_steps": 100,
    "test_rows": 2000,
}

# A residual network of 11 000 weights; given features cost what their network took on the two cores of an idle machine
# (EfficientNet-Lite0 at 160 x 160, 145 images a second).
IMAGES: dict[str, Any] = {
    "settings": {
        "model": "resnet",
        "image_size": 32,
        "width": 8,
        "feature_ms": 6.9,
        "test_rows": 1000,
    },
    "conditions": ("clean", "noise"),
    "methods": (
        "uniform",
        "one_pass",
        "drawn",
        "oracle",
        "jest",
        "gradient_logdet_learnable",
        "gradient_logdet_patient",
    ),
}

SETS: dict[str, Set] = {
    "cifar10": Set("CIFAR-10, features", "features_cifar10_20k_5k_efflite0_160.npz"),
    "trec": Set("TREC, sentence embeddings", "text_trec_questions.npz"),
    "imdb": Set("IMDb, sentence embeddings", "text_imdb_8k_4k.npz"),
    "neu": Set("NEU steel, features", "neu_surface_defects.npz"),
    # Failures are 7 % as it is, and accuracy is best where none is ever predicted.
    "secom": Set(
        "SECOM, sensors with gaps",
        "secom_semiconductor.npz",
        settings={"metric": "roc_auc"},
        conditions=("clean", "noise", "duplicates"),
    ),
    "neu_images": Set("NEU steel, images", "neu_surface_defects.npz", **IMAGES),
    "cifar10_images": Set(
        "CIFAR-10, images",
        "features_cifar10_20k_5k_efflite0_160.npz",
        images="cifar10_20k_5k.npz",
        **IMAGES,
    ),
}


def problems(data: Path) -> list[Problem]:
    """All problems whose files are in the folder."""
    there = [name for name, each in SETS.items() if (data / each.path).exists()]
    return [Problem(name, condition) for name in there for condition in SETS[name].conditions]


def load(data: Path, name: str) -> Dataset:
    """A set from the folder of the sets."""
    chosen = SETS[name]
    images = None if chosen.images is None else data / chosen.images
    return load_dataset(data / chosen.path, images_path=images)


def config(problem: Problem) -> PilotConfig:
    """The pilot's settings for a problem."""
    return PilotConfig(**{**SETTINGS, **SETS[problem.set].settings, **CONDITIONS[problem.condition]})


def all_settings() -> dict[str, Any]:
    """Whatever the outcome of a run depends on beside the data."""
    return {
        "pilot": SETTINGS,
        "conditions": CONDITIONS,
        "sets": {name: each.settings for name, each in SETS.items()},
    }
