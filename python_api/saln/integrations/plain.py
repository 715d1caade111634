"""Selection in plain PyTorch: one line for a DataLoader, and a training as a job of the pilot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader

from saln.integrations.loaders import refuse_loader, with_batch_sampler
from saln.integrations.make_sampler import Features, Labels, make_sampler

__all__ = ["job", "select_data"]


def select_data(
    loader: DataLoader[Any],
    *,
    features: Features,
    labels: Labels | None = None,
    method: str = "auto",
    seed: int = 0,
    **options: Any,
) -> DataLoader[Any]:
    """The same loader with chosen batches: as many, of the same sizes, so that steps and schedules stay as they are.

    Parameters
    ----------
    loader : DataLoader
        Of the training samples, made with a batch size; torchdata's `StatefulDataLoader` too. On several processes each
        gets its own share of the batches, and a `DistributedSampler` is no longer needed.
    features : Tensor or array [N, d], Features, path or SuperBatch
        Row i is of sample i of the loader's dataset: what a pretrained network makes of it. What `saln.extract` wrote,
        or its path, is compared with the dataset. With a SuperBatch losses and more go in, and `indices` train on a
        part of the dataset.
    labels : Tensor, array or sequence [N], or str, optional
        Integers; a str names a column of the dataset. Left out, the dataset's own labels are taken, if it has some.
    method : str
        `saln methods` lists them. The batches of one that gives weights are biased without them: multiply the losses
        with `loader.batch_sampler.served_at(epoch, step).weights`.
    seed : int
        Of the order of the samples.
    **options
        Of `saln.SpectralBatchSampler` or of the method.

    Returns
    -------
    DataLoader
        Of the same class, dataset, workers and `collate_fn`; its `batch_sampler` is a `SpectralBatchSampler`.

    Raises
    ------
    TypeError
        If loader is no DataLoader, or features are of another kind.
    ValueError
        If the dataset is iterable or has another number of samples than the features, if the loader makes no batches,
        or if it has a sampler whose choice would be lost.

    Examples
    --------
    >>> import torch
    >>> from torch.utils.data import DataLoader, TensorDataset
    >>> import saln
    >>> inputs, labels = torch.randn(300, 8), torch.arange(300) % 3
    >>> loader = DataLoader(TensorDataset(inputs, labels), batch_size=16, shuffle=True)
    >>> loader = saln.select_data(loader, features=inputs)
    >>> len(loader), [len(part) for part in next(iter(loader))]
    (19, [16, 16])
    """
    refuse_loader(loader)
    sampler = make_sampler(
        loader.dataset,
        loader.batch_size or 1,
        features=features,
        labels=labels,
        method=method,
        seed=seed,
        **{"drop_last": loader.drop_last, **options},
    )
    return with_batch_sampler(loader, sampler)


def job(
    make_model: Callable[[], nn.Module],
    dataset: Any,
    *,
    loss: Callable[[Any, Any], Tensor],
    make_optimizer: Callable[[nn.Module], Optimizer],
    evaluate: Callable[[nn.Module], Mapping[str, float]],
    epochs: int,
    make_scheduler: Callable[[Optimizer, int], LRScheduler] | None = None,
    collate_fn: Callable[[list[Any]], Any] | None = None,
    num_workers: int = 0,
    evaluations: int = 10,
    device: torch.device | str | None = None,
) -> Callable[[Any, int], None]:
    """A training in plain PyTorch as a job, which the pilot runs with one method after the other.

    Parameters
    ----------
    make_model : callable
        Makes the model anew for each run; the pilot has seeded torch.
    dataset : Dataset
        Of pairs of inputs and targets, as its batches are. Inputs that are a mapping go into the model by name.
    loss : callable
        Of the model's outputs and the targets: each sample's, `[size]`, as with `reduction="none"`, so that weights of
        methods are applied and losses recorded for methods that choose by them; or their mean. Methods that read
        residuals, too, take them from the model's last linear layer (`saln.sampling.recorder.Recorder`).
    make_optimizer : callable
        Of the model.
    evaluate : callable
        Of the model, in evaluation mode and without gradients: metrics by name. It is off the pilot's clock.
    epochs : int
        At least 1.
    make_scheduler : callable, optional
        Of the optimiser and the number of steps; it takes a step after each of them.
    collate_fn, num_workers
        The DataLoader's.
    evaluations : int
        Over the training, at even distances, the last at its end. At least 1.
    device : torch.device or str, optional
        The first GPU, else the CPU, if left out.

    Returns
    -------
    callable
        `train(sampler, seed)`. It raises a ValueError if the sampler's method gives weights and the loss is a mean, or
        if the loss has another shape.

    Raises
    ------
    ValueError
        If epochs or evaluations are below 1.

    Examples
    --------
    >>> import torch
    >>> from torch.utils.data import TensorDataset
    >>> from saln.integrations.plain import job
    >>> inputs, labels = torch.randn(300, 8), torch.arange(300) % 3
    >>> train = job(
    ...     lambda: torch.nn.Linear(8, 3),
    ...     TensorDataset(inputs, labels),
    ...     loss=torch.nn.CrossEntropyLoss(reduction="none"),
    ...     make_optimizer=lambda model: torch.optim.SGD(model.parameters(), lr=0.1),
    ...     evaluate=lambda model: {"accuracy": (model(inputs).argmax(1) == labels).double().mean().item()},
    ...     epochs=2,
    ... )  # saln.pilot.compare(train, features=inputs, labels=labels, batch_size=16)
    """
    for name, value in (("epochs", epochs), ("evaluations", evaluations)):
        if value < 1:
            raise ValueError(f"{name} is {value}, want at least 1")

    def train(sampler: Any, seed: int) -> None:
        place = device or ("cuda" if torch.cuda.is_available() else "cpu")
        model = make_model().to(place)
        optimizer = make_optimizer(model)
        n_steps = epochs * len(sampler)
        scheduler = None if make_scheduler is None else make_scheduler(optimizer, n_steps)
        loader = DataLoader(dataset, batch_sampler=sampler, collate_fn=collate_fn, num_workers=num_workers)
        due = {-(-n_steps * number // evaluations) for number in range(1, evaluations + 1)}
        step = last = 0
        for _ in range(epochs):
            epoch, first = sampler.next_place
            for number, (inputs, targets) in enumerate(_on(loader, place), start=first):
                by_hand = "residuals" not in sampler.recorder.keeps
                with nullcontext() if by_hand else sampler.recorder(model):
                    outputs = model(**inputs) if isinstance(inputs, Mapping) else model(inputs)
                optimizer.zero_grad()
                losses = loss(outputs, targets)
                _mean(losses, sampler, (epoch, number), by_hand).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                if scheduler is not None:
                    scheduler.step()
                step += 1
                if step in due:
                    _report(sampler, step, model, evaluate)
                    last = step
        if last < step:  # the pilot has ended the run early
            _report(sampler, step, model, evaluate)

    return train


def _on(batches: Any, device: torch.device | str) -> Any:
    """A loader's batches, one after the other, or what is in one, on a device."""
    return (_moved(batch, device) for batch in batches)


def _moved(value: Any, device: torch.device | str) -> Any:
    if hasattr(value, "to"):
        return value.to(device, non_blocking=True) if isinstance(value, Tensor) else value.to(device)
    if isinstance(value, Mapping):
        return {name: _moved(part, device) for name, part in value.items()}
    return [_moved(part, device) for part in value] if isinstance(value, (list, tuple)) else value


def _mean(losses: Tensor, sampler: Any, place: tuple[int, int], record: bool) -> Tensor:
    """What a step minimises, weighted as the method says; the single losses are recorded."""
    served = sampler.served_at(*place)
    size = len(served.indices)
    if losses.dim() == 0:
        if served.weights is not None or (record and sampler.recorder.keeps):
            raise ValueError(
                f"loss gives a mean, and {sampler.selector.name} weights or reads single losses: want one loss per "
                'sample, as with reduction="none"'
            )
        return losses
    if losses.shape != (size,):
        raise ValueError(f"loss gives shape {list(losses.shape)}, want [{size}], one per sample, or their mean")
    if record:
        sampler.recorder.record(losses)
    return (losses if served.weights is None else losses * served.weights.to(losses)).mean()


def _report(sampler: Any, step: int, model: nn.Module, evaluate: Callable[[nn.Module], Mapping[str, float]]) -> None:
    with sampler.paused(), torch.no_grad():
        model.eval()
        sampler.report(step, dict(evaluate(model)))
        model.train()
