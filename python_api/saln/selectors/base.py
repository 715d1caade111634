"""What every selector offers, and the two things every selector does first: check the size, leave out broken rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor

from saln.selectors.support.schedule import share
from saln.superbatch import SuperBatch


@dataclass(frozen=True)
class SelectionReport:
    """What the last call of a selector looked at.

    Attributes
    ----------
    n_rows : int
        Rows of the super-batch.
    n_left_out : int
        Rows left out because a value the method reads is not finite.
    weights : Tensor [size] or None
        What to multiply the losses of the rows returned with, in their order, so that the weighted mean over the batch
        estimates the mean over the super-batch without bias; 1 on average over batches. None where the method knows of
        no such weights: most choose deterministically, and leave rows out for certain.
    """

    n_rows: int
    n_left_out: int
    weights: Tensor | None = None


@runtime_checkable
class Selector(Protocol):
    """Chooses a batch from a super-batch.

    A rule that changes over training has one attribute more, `progress`, the share of training that is over: 0 at
    first, and set by the trainer before it asks for a batch (`set_progress`). What else a selector keeps from one call
    to the next, if anything, is in its `state_dict` (`Stateful`).

    What holds for every selector: size 0 gives no row, the size of all eligible rows gives them all; a row with a value
    that is not finite in anything the method reads is left out and counted; a tensor that is missing is an error that
    names it. What a method makes of rows that are all alike is in its docstring; with one class alone those that read
    labels choose as if there were none.

    Attributes
    ----------
    name : str
        The registry's name.
    description : str
        One line.
    paper : str
        Where the method comes from.
    needs : tuple of str
        What the super-batch must hold beside the features, with the default options.
    last_report : SelectionReport or None
        Of the last call; None before the first.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    paper: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    last_report: SelectionReport | None

    def select(self, super_batch: SuperBatch, size: int, *, generator: torch.Generator | None = None) -> Tensor:
        """Choose `size` rows of the super-batch.

        Parameters
        ----------
        super_batch : SuperBatch
            M samples.
        size : int
            From 0 to the number of rows whose values are finite.
        generator : torch.Generator, optional
            The only source of chance: the same generator state gives the same rows. Torch's own when left out.

        Returns
        -------
        Tensor [size]
            int64 row numbers of the super-batch, none twice, on the features' device.

        Raises
        ------
        ValueError
            If size does not fit, or the super-batch lacks what the method reads.
        """
        ...


@runtime_checkable
class Stateful(Protocol):
    """A selector whose choices depend on its earlier calls."""

    def reset(self) -> None:
        """Forget them: the next call is the first of a run."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """A copy of what an exact resume needs, the options not included."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there."""
        ...


@runtime_checkable
class Prepared(Protocol):
    """A selector that may look at the whole dataset before the first batch: see `prepare`."""

    @property
    def wants_dataset(self) -> bool:
        """Whether, with its present options, it does."""
        ...

    def prepare(self, pool: SuperBatch) -> None:
        """Look at all samples that batches will be chosen from, row by row what is known of each."""
        ...


def prepare(selector: object, pool: SuperBatch) -> None:
    """Show a selector the whole dataset, once, before a run; most selectors look at super-batches alone.

    >>> import torch
    >>> from saln import SuperBatch, make_selector
    >>> from saln.selectors.base import prepare
    >>> selector = make_selector("one_pass")
    >>> prepare(selector, SuperBatch(torch.eye(3)))
    >>> selector.worth
    tensor([1., 1., 1.], dtype=torch.float64)
    """
    if wants_dataset(selector):
        selector.prepare(pool)  # type: ignore[attr-defined]


def wants_dataset(selector: object) -> bool:
    """Whether a selector is to be shown the whole dataset before a run."""
    return isinstance(selector, Prepared) and selector.wants_dataset


def abstains(selector: object) -> bool:
    """Whether a selector has found nothing to choose by: then the first rows of a super-batch are as good, at no cost.

    >>> from saln.selectors import make_selector
    >>> from saln.selectors.base import abstains
    >>> abstains(make_selector("herding"))
    False
    """
    return bool(getattr(selector, "abstains", False))


def set_progress(selector: object, progress: float) -> None:
    """Tell a selector what share of training is over, 0 to 1; those that do not change over training ignore it.

    >>> from saln.selectors import make_selector
    >>> from saln.selectors.base import set_progress
    >>> gstds = make_selector("gstds")
    >>> set_progress(gstds, 0.25)
    >>> gstds.progress
    0.25
    """
    if hasattr(selector, "progress"):
        selector.progress = share("progress", progress)


def start_epoch(selector: object) -> None:
    """Tell a selector that an epoch begins; those that count nothing by epochs ignore it."""
    if hasattr(selector, "start_epoch"):
        selector.start_epoch()


@runtime_checkable
class Rewarded(Protocol):
    """A selector that may learn from what its batches were worth: see `give_reward`."""

    @property
    def wants_reward(self) -> bool:
        """Whether, with its present options, it waits for one after every batch."""
        ...

    def update(self, reward: float) -> None:
        """Tell what the last batch was worth, more is better; one that is not finite is dropped."""
        ...


def wants_reward(selector: object) -> bool:
    """Whether a trainer is to measure what each batch was worth and say so by `give_reward`; it need not otherwise.

    >>> from saln.selectors import Portfolio, make_selector
    >>> from saln.selectors.base import wants_reward
    >>> wants_reward(Portfolio(["herding"], reward="probe")), wants_reward(make_selector("herding"))
    (True, False)
    """
    return isinstance(selector, Rewarded) and selector.wants_reward


def give_reward(selector: object, reward: float) -> None:
    """Tell a selector, once after the training step on its batch, what that was worth; most selectors ignore it.

    The one way for a pilot, a sampler or a loop of one's own to reward a selector, bare or wrapped (a guard around a
    portfolio passes it on). Any unit does, more is better. The reward meant is the relative fall of the mean loss on a
    small probe of samples that are never trained on, (before - after) / before, `before` being the `after` of the step
    before: one pass over the probe a step, needed only where `wants_reward`.
    """
    if wants_reward(selector):
        selector.update(reward)  # type: ignore[attr-defined]


def reset(selector: object) -> None:
    """Let a selector start a run anew: training has not begun, nothing was chosen before."""
    set_progress(selector, 0.0)
    if isinstance(selector, Stateful):
        selector.reset()


def eligible_rows(
    super_batch: SuperBatch, size: int, reads: Sequence[str], *, by: str
) -> tuple[Tensor, SelectionReport]:
    """The rows a method may choose: those finite in everything that it reads.

    Returns the row numbers, int64 `[m]` ascending on the super-batch's device, and the count of those left out. Raises
    a ValueError if fewer than `size` rows remain. Costs one pass over what is read and, on an accelerator, one
    synchronisation.
    """
    if isinstance(size, bool) or not isinstance(size, int):
        raise TypeError(f"size is a {type(size).__name__}, want an int")
    n_rows = len(super_batch)
    for name in reads:
        super_batch.require(name, by=by)
    if all(value is None or not value.numel() for value in (getattr(super_batch, name) for name in reads)):
        rows = torch.arange(n_rows, device=super_batch.device)  # nothing is read
    else:
        rows = super_batch.finite_rows(reads).nonzero().squeeze(1)  # [m]
    report = SelectionReport(n_rows=n_rows, n_left_out=n_rows - rows.numel())
    if not 0 <= size <= rows.numel():
        left_out = f" ({report.n_left_out} of {n_rows} have values that are not finite)" if report.n_left_out else ""
        raise ValueError(f"{by}: size is {size}, want 0 to {rows.numel()}, the rows to choose from{left_out}")
    return rows, report


def random_uniform(shape: Sequence[int], *, generator: torch.Generator | None, device: torch.device) -> Tensor:
    """float64 in (0, 1), drawn where the generator lives: a host generator gives every device the same numbers."""
    where = device if generator is None else generator.device
    drawn = torch.rand(list(shape), generator=generator, device=where, dtype=torch.float64)
    return drawn.clamp_min(torch.finfo(torch.float64).tiny).to(device)


def gumbel(shape: Sequence[int], *, generator: torch.Generator | None, device: torch.device) -> Tensor:
    """Standard Gumbel noise, float64.

    The k largest of `logits + gumbel` are k draws without replacement with probability ∝ exp(logits) (Vieira 2014; Kool
    et al. 2019).
    """
    return -(-random_uniform(shape, generator=generator, device=device).log()).log()


def largest(scores: Tensor, size: int) -> Tensor:
    """Places of the `size` largest scores, int64 `[size]`, best first; among equal ones the lower place comes first.

    >>> import torch
    >>> from saln.selectors.base import largest
    >>> largest(torch.tensor([1.0, 3.0, 3.0, 2.0]), 2)
    tensor([1, 2])
    """
    return scores.argsort(descending=True, stable=True)[:size]


def draw(logits: Tensor, size: int, *, generator: torch.Generator | None) -> Tensor:
    """Places, int64 `[size]`, drawn one after another without replacement with probability ∝ exp(logits).

    >>> import torch
    >>> from saln.selectors.base import draw
    >>> draw(torch.tensor([0.0, 90.0, 0.0]), 1, generator=torch.Generator().manual_seed(0))
    tensor([1])
    """
    # Less the maximum, the leading logits keep their digits when the noise is added.
    logits = logits.double()
    keys = logits - logits.amax() + gumbel(logits.shape, generator=generator, device=logits.device)
    return largest(keys, size)
