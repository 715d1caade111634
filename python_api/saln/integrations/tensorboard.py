"""What selection does and costs, in TensorBoard while training runs."""

from __future__ import annotations

import time
from os import PathLike
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from saln.needs import missing
from saln.sampling.ahead import Place
from saln.sampling.sampler import SpectralBatchSampler
from saln.sampling.served import ServedBatch
from saln_kernels import score_batches

try:
    from torch.utils.tensorboard import SummaryWriter
except ImportError as error:
    raise missing("saln.integrations.tensorboard needs tensorboard", "tensorboard", error) from error

__all__ = ["SelectionLog"]


class Writer(Protocol):
    """What is asked of a writer; `torch.utils.tensorboard.SummaryWriter` has it."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> Any: ...

    def add_histogram(self, tag: str, values: Tensor, global_step: int) -> Any: ...


class SelectionLog:
    """Writes figures of a sampler's batches every so many batches trained on.

    `update` says how far training is, so that loaders may ask ahead. On several ranks rank 0 writes, of its own
    batches. All tags begin with "saln/", the step is the number of batches since the start of training.

    - score/served, score/random: histograms of the spectral score of the batches trained on, and of random ones of the
      same super-batches; score/served_mean, score/random_mean: their means
    - loss/chosen_over_offered: mean loss of the chosen samples over that of the offered, as the sampler knows them
    - coverage/samples: share of the samples trained on at least once so far
    - coverage/classes: share of the classes that came since the epoch's start; coverage/least_class: the least share of
      a class in these batches, over its share in the dataset
    - overhead/share_of_step: seconds waited for selection, over all seconds; overhead/seconds: of one choice, wherever
      it was made
    - staleness/mean, staleness/max: steps from the refresh of a batch's values to training on it, where there are any
    - recorded/age: mean steps from the record of an offered sample to training on the batch, where a recorder decides;
      recorded/unseen: share of the offered samples of which nothing was recorded
    - selector/...: what the method says of itself (`Selector.figures`), as auto of wrong labels, near copies
      and how many batches were chosen by what
    - read_ahead: batches that the loader asked for and training has not had

    Parameters
    ----------
    sampler : SpectralBatchSampler
    writer : str, path or SummaryWriter
        Where to write; a folder gets a writer of its own.
    every : int
        Batches of this rank from one writing to the next.
    criterion, similarity : str
        Of the score, as in `saln_kernels.score_batches`: whatever the selector goes by, so that runs compare.
    seed : int
        Of the random batches.

    Raises
    ------
    ValueError
        If every is below 1.

    Notes
    -----
    Costs two calls that score `every` batches each, every so many batches, and a pass over their indices; the log's own
    seconds are left out of what it says. Losses are those that the sampler was given, or refreshed. The loader's asking
    ahead counts as staleness as far as it is ahead when `update` is called. What was trained on before a resume is not
    known here.

    Examples
    --------
    >>> import torch
    >>> from saln import SpectralBatchSampler
    >>> from saln.integrations.tensorboard import SelectionLog
    >>> class Printing:
    ...     def add_scalar(self, tag, value, step):
    ...         print(tag, round(value, 2), step) if "coverage" in tag else None
    ...     def add_histogram(self, tag, values, step): ...
    >>> sampler = SpectralBatchSampler(torch.eye(40), 4, labels=torch.arange(40) % 2, passes=1)
    >>> log = SelectionLog(sampler, Printing(), every=2)
    >>> for step, batch in enumerate(sampler):
    ...     log.update(epoch=0, n_batches=step + 1)
    saln/coverage/samples 0.2 2
    saln/coverage/classes 1.0 2
    saln/coverage/least_class 1.0 2
    """

    def __init__(
        self,
        sampler: SpectralBatchSampler,
        writer: str | PathLike[str] | Writer,
        *,
        every: int = 50,
        criterion: str = "effective_rank",
        similarity: str = "cosine",
        seed: int = 0,
    ) -> None:
        if every < 1:
            raise ValueError(f"every is {every}, want at least 1")
        self._sampler = sampler
        self._writer = writer
        self._every = every
        self._criterion, self._similarity = criterion, similarity
        self._generator = torch.Generator().manual_seed(seed)
        self._place: Place = sampler.next_place
        self._batches: list[tuple[ServedBatch, int]] = []  # with how far the loader was ahead
        self._seen = torch.zeros(len(sampler.samples), dtype=torch.bool)  # rows, so far
        labels = sampler.samples.labels
        self._class_of: Tensor | None = None  # [N]
        if labels is not None:
            self._class_of = torch.from_numpy(np.unique(labels.cpu().numpy(), return_inverse=True)[1])
        self._of_epoch = self._count(torch.zeros(0, dtype=torch.int64))  # [G] since the epoch's start
        self._since: float | None = None
        self._waited = 0.0  # seconds, since then

    def update(self, epoch: int, n_batches: int) -> None:
        """So many batches of the epoch are trained on."""
        if self._sampler.ranks.rank != 0:
            return
        before = self._place[1] if epoch == self._place[0] and n_batches >= self._place[1] else 0
        if before == 0:
            self._of_epoch.zero_()
        at, n_steps = self._sampler.place, len(self._sampler)
        ahead = (at[0] - epoch) * n_steps + at[1] - n_batches
        for step in range(before, n_batches):
            try:
                batch = self._sampler.served_at(epoch, step)
            except KeyError:
                continue
            self._note(batch, ahead)
            if len(self._batches) == self._every:
                self._write(epoch * n_steps + step + 1)
        self._since = time.perf_counter() if self._since is None else self._since
        self._place = epoch, n_batches

    def close(self) -> None:
        """Flush what the writer holds back."""
        if isinstance(self._writer, SummaryWriter):
            self._writer.close()

    def _note(self, batch: ServedBatch, ahead: int) -> None:
        rows = batch.rows.cpu()
        self._batches.append((batch, ahead))
        self._seen[rows] = True
        self._of_epoch += self._count(rows)
        if self._since is not None:
            self._waited += batch.waited_seconds

    def _count(self, rows: Tensor) -> Tensor:
        """Rows of each class, `[G]`."""
        if self._class_of is None:
            return torch.zeros(0, dtype=torch.int64)
        counts: Tensor = self._class_of[rows].bincount(minlength=int(self._class_of.max()) + 1)
        return counts

    def _write(self, step: int) -> None:
        scalars = {**self._costs(), **self._staleness(), **self._coverage(), **self._losses()}
        scalars |= {f"selector/{name}": value for name, value in self._sampler.selector.figures.items()}
        if isinstance(self._writer, (str, PathLike)):
            self._writer = SummaryWriter(str(self._writer))
        for name, scores in self._scores().items():
            self._writer.add_histogram(f"saln/score/{name}", scores, step)
            scalars[f"score/{name}_mean"] = scores.mean().item()
        for name, value in scalars.items():
            self._writer.add_scalar(f"saln/{name}", value, step)
        self._batches.clear()
        self._since, self._waited = time.perf_counter(), 0.0

    def _scores(self) -> dict[str, Tensor]:
        size = max(batch.rows.numel() for batch, _ in self._batches)
        served, random = torch.full((2, len(self._batches), size), -1).unbind()
        for n, (batch, _) in enumerate(self._batches):
            offered = self._sampler.offered_at(batch.epoch, batch.step)
            drawn = torch.randperm(offered.numel(), generator=self._generator)[: batch.rows.numel()]
            served[n, : batch.rows.numel()], random[n, : batch.rows.numel()] = batch.rows.cpu(), offered[drawn]
        return {"served": self._score(served), "random": self._score(random)}

    def _score(self, batches: Tensor) -> Tensor:
        features = self._sampler.samples.features
        batches = batches.to(features.device)
        return score_batches(features, batches, self._criterion, similarity=self._similarity).cpu()

    def _costs(self) -> dict[str, float]:
        n = len(self._batches)
        costs = {
            "overhead/seconds": sum(batch.selection_seconds for batch, _ in self._batches) / n,
            "read_ahead": sum(ahead for _, ahead in self._batches) / n,
        }
        if self._since is not None:
            costs["overhead/share_of_step"] = self._waited / (time.perf_counter() - self._since)
        return costs

    def _staleness(self) -> dict[str, float]:
        steps = [batch.staleness + ahead for batch, ahead in self._batches if batch.staleness is not None]
        found = {"staleness/mean": sum(steps) / len(steps), "staleness/max": max(steps)} if steps else {}
        for name in ("age", "unseen"):
            values = [value for batch, _ in self._batches if (value := getattr(batch, name)) is not None]
            if values:
                found[f"recorded/{name}"] = sum(values) / len(values)
        return found

    def _coverage(self) -> dict[str, float]:
        shares = {"coverage/samples": self._seen.sum().item() / self._sampler.order.n_rows}
        if self._class_of is not None:
            came, there = self._of_epoch, self._class_of.bincount()
            shares["coverage/classes"] = (came > 0).double().mean().item()
            shares["coverage/least_class"] = (came / came.sum() / (there / there.sum())).min().item()
        return shares

    def _losses(self) -> dict[str, float]:
        losses = self._sampler.samples.losses
        if losses is None:
            return {}
        chosen = torch.cat([losses[batch.rows] for batch, _ in self._batches])
        places = ((batch.epoch, batch.step) for batch, _ in self._batches)
        offered = torch.cat([losses[self._sampler.offered_at(*place).to(losses.device)] for place in places])
        return {"loss/chosen_over_offered": (chosen.double().mean() / offered.double().mean()).item()}
