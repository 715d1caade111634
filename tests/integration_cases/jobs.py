"""The same training as a job of the pilot, and bare, with a shuffled loader that is given the same indices."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader, Sampler, TensorDataset
from transformers import Trainer as HuggingFaceTrainer
from transformers import TrainingArguments

from integration_cases.runs import BATCH_SIZE, N_EPOCHS, N_ROWS, message, samples
from saln import make_selector
from saln.integrations import lightning, plain, transformers
from saln.pilot import PilotConfig, PilotSampler

SEED, N_STEPS, RATE, SLOW = 3, 48, 0.1, 0.01


def pilot_sampler(method: str = "uniform", stretch: float = 1.0) -> PilotSampler:
    """As the pilot makes it."""
    config = PilotConfig(batch_size=BATCH_SIZE, filter_ratio=0.4)
    return PilotSampler(samples(), config, make_selector(method), SEED, stretch=stretch)


class Order(Sampler[int]):
    """A shuffled epoch after the other: the sampler's."""

    def __init__(self) -> None:
        self.sampler = pilot_sampler()

    def __iter__(self) -> Iterator[int]:
        return iter([index for batch in self.sampler for index in batch])

    def __len__(self) -> int:
        return N_ROWS


def inputs() -> Tensor:
    return torch.randn(N_ROWS, 4, generator=torch.Generator().manual_seed(1))


def labels() -> Tensor:
    tensor = samples().labels
    assert tensor is not None
    return tensor


def make_model() -> nn.Sequential:
    """Its dropout draws from torch's generator, so that all draws in a training are compared."""
    return nn.Sequential(nn.Dropout(0.3), nn.Linear(4, 3))


def weight(model: nn.Module) -> list[float]:
    (tensor,) = (value for name, value in model.state_dict().items() if name.endswith("1.weight"))
    return tensor.flatten().tolist()


def accuracy(model: nn.Module) -> dict[str, float]:
    assert not model.training
    assert not torch.is_grad_enabled()
    time.sleep(SLOW)
    return {"accuracy": (model(inputs()).argmax(1) == labels()).double().mean().item()}


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=RATE)


def warmup(optimizer: torch.optim.Optimizer, n_steps: int) -> torch.optim.lr_scheduler.LRScheduler:
    return torch.optim.lr_scheduler.LinearLR(optimizer, 0.1, 1.0, n_steps)


def ran(job: Callable[[Any, int], None], made: list[nn.Module], *args: Any) -> Any:
    """What a job reports, the seconds that the pilot did not count, and the weight of the last model made for it."""
    sampler = pilot_sampler(*args)
    torch.manual_seed(SEED)
    begun = time.perf_counter()
    job(sampler, SEED)
    uncounted = time.perf_counter() - begun - sampler.points[-1].seconds
    return [(point.step, dict(point.metrics)) for point in sampler.points], uncounted, weight(made[-1])


def noted(make: Callable[..., Any], made: list[Any], *args: Any) -> Any:
    """What is made, kept."""
    made.append(make(*args))
    return made[-1]


def in_plain_pytorch(folder: Path) -> Any:
    """The job, the bare loop, and a job whose losses have weights."""
    dataset, made = TensorDataset(inputs(), labels()), []
    options = {"make_optimizer": sgd, "make_scheduler": warmup, "evaluate": accuracy, "epochs": N_EPOCHS}
    losses = nn.CrossEntropyLoss(reduction="none")
    make = partial(noted, make_model, made)
    job = plain.job(make, dataset, loss=losses, evaluations=4, num_workers=0, **options)
    torch.manual_seed(SEED)
    model = make_model()
    optimizer = sgd(model)
    scheduler = warmup(optimizer, N_STEPS)
    loader = DataLoader(dataset, BATCH_SIZE, sampler=Order())
    for _ in range(N_EPOCHS):
        for batch, targets in loader:
            optimizer.zero_grad()
            losses(model(batch), targets).mean().backward()
            optimizer.step()
            scheduler.step()
    by_job = ran(job, made)
    mean = plain.job(make, dataset, loss=nn.CrossEntropyLoss(), **options)
    wide = plain.job(make, dataset, loss=lambda outputs, targets: outputs, **options)
    return (
        by_job,
        weight(model),
        {
            "weighted": ran(job, made, "infobatch")[2],
            "longer": ran(job, made, "infobatch", 1.5)[0],
            "mean": ran(mean, made)[2],
            "jest": ran(job, made, "jest")[0],
            "gradients": ran(mean, made, "gradient_logdet")[0],
            "dropped": message(lambda: ran(mean, made, "infobatch")),
            "wide": message(lambda: ran(wide, made)),
            "epochs": message(lambda: plain.job(make, dataset, loss=losses, **{**options, "epochs": 0})),
        },
    )


class Module(LightningModule):
    """As a user has it."""

    def __init__(self) -> None:
        super().__init__()
        self.model = make_model()

    def training_step(self, batch: list[Tensor]) -> Tensor:
        loss = nn.functional.cross_entropy(self.model(batch[0]), batch[1])
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: list[Tensor]) -> None:
        self.log("accuracy", accuracy(self.model)["accuracy"])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return sgd(self)


class Data(LightningDataModule):
    """Shuffled, or in an order that is given."""

    def __init__(self, order: Order | None = None) -> None:
        super().__init__()
        self.order = order

    def train_dataloader(self) -> DataLoader[Any]:
        shuffle = {"shuffle": True} if self.order is None else {"sampler": self.order}
        return DataLoader(TensorDataset(inputs(), labels()), BATCH_SIZE, **shuffle)

    def val_dataloader(self) -> DataLoader[Any]:
        return DataLoader(TensorDataset(inputs(), labels()), N_ROWS)


def make_trainer(**options: Any) -> Trainer:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    return Trainer(
        accelerator="cpu", max_steps=N_STEPS - 3, max_epochs=-1, enable_checkpointing=False, **quiet, **options
    )


def in_lightning(folder: Path) -> Any:
    """The job, the bare training, and the data module after the job; steps end amid an epoch."""
    made, data = [], Data()
    job = lightning.job(partial(noted, Module, made), data, make_trainer)
    by_job = ran(job, made)
    torch.manual_seed(SEED)
    module = Module()
    make_trainer().fit(module, datamodule=Data(Order()))
    longer = lightning.job(Module, data, partial(make_trainer, accumulate_grad_batches=2))
    other = message(lambda: ran(lightning.job(Module, Other(), make_trainer), made))
    return (
        by_job,
        weight(module),
        [type(data.train_dataloader().sampler).__name__, other, ran(longer, [module], "uniform", 1.5)[0]],
    )


class Other(Data):
    """Of another batch size."""

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(TensorDataset(inputs(), labels()), BATCH_SIZE + 1, shuffle=True)


class Classifier(nn.Module):
    """As the Hugging Face Trainer wants it."""

    def __init__(self) -> None:
        super().__init__()
        self.model = make_model()

    def forward(self, inputs: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        logits = self.model(inputs)
        loss = {} if labels is None else {"loss": nn.functional.cross_entropy(logits, labels)}
        return {**loss, "logits": logits}


class Ordered(HuggingFaceTrainer):
    """In an order that is given."""

    def _get_train_sampler(self, train_dataset: Any = None) -> Order:
        return Order()


def make_hugging_face_trainer(
    folder: Path,
    made: list[nn.Module],
    seed: int,
    kind: type[HuggingFaceTrainer] = HuggingFaceTrainer,
    **options: Any,
) -> HuggingFaceTrainer:
    """As a user has it; two datasets to evaluate on."""
    arguments = TrainingArguments(
        str(folder),
        per_device_train_batch_size=BATCH_SIZE,
        num_train_epochs=N_EPOCHS,
        learning_rate=RATE,
        optim="sgd",
        eval_strategy="steps",
        eval_steps=20,
        save_strategy="no",
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        seed=seed,
        **options,
    )
    rows = [{"inputs": row, "labels": label} for row, label in zip(inputs(), labels(), strict=True)]

    def metrics(prediction: Any) -> dict[str, float]:
        time.sleep(SLOW)
        return {"accuracy": float((prediction.predictions.argmax(1) == prediction.label_ids).mean())}

    torch.manual_seed(seed)
    return kind(
        noted(Classifier, made),
        arguments,
        train_dataset=rows,
        eval_dataset={"all": rows, "few": rows[:9]},
        compute_metrics=metrics,
    )


def in_transformers(folder: Path) -> Any:
    """The job, the bare training, and jobs of methods with weights."""
    made: list[nn.Module] = []
    by_job = ran(transformers.job(partial(make_hugging_face_trainer, folder, made)), made)
    bare = make_hugging_face_trainer(folder, made, SEED, Ordered)
    bare.train()
    of_bare = weight(made[-1])
    job = transformers.job(partial(make_hugging_face_trainer, folder, made))
    weighted = transformers.job(
        partial(make_hugging_face_trainer, folder, made), sample_losses=transformers.cross_entropy
    )
    told = message(lambda: ran(job, made, "infobatch"))
    options = {"max_steps": 20, "gradient_accumulation_steps": 2}
    longer = transformers.job(partial(make_hugging_face_trainer, folder, made, **options))
    others = [told, ran(weighted, made, "infobatch")[2], ran(weighted, made)[2], ran(longer, made, "uniform", 1.5)[0]]
    return by_job, of_bare, others
