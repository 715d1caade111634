"""What every selector is: facts, abilities, and the frame in which a method chooses."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor

from saln.selectors.support.chance import draw, gumbel, random_uniform
from saln.selectors.support.configured import Configured
from saln.selectors.support.listener import Listener
from saln.selectors.support.range import SQUARED, fits, near_one
from saln.selectors.support.schedule import share
from saln.selectors.support.spelling import refuse_misspelt
from saln.superbatch import FLOATING, SuperBatch

WorkOut: TypeAlias = Callable[[Callable[[Tensor], Tensor], Tensor], Tensor]
"""How f(candidates) is worked out, where every row of the result is one candidate's."""


def _here(rows_of: Callable[[Tensor], Tensor], candidates: Tensor) -> Tensor:
    return rows_of(candidates)


@dataclass(frozen=True)
class SelectionReport:
    """What the last call of a selector looked at.

    Attributes
    ----------
    n_rows : int
        Rows of the super-batch.
    n_left_out : int
        Rows left out because a value the method reads is not finite, or too large to be squared.
    weights : Tensor [size] or None
        What to multiply the losses of the rows returned with, in their order, so that the weighted mean over the batch
        estimates the mean over the super-batch without bias; 1 on average over batches. None where the method knows of
        no such weights: most choose deterministically, and leave rows out for certain.
    stage : str or None
        By what the batch was chosen, where a method has several ways.
    """

    n_rows: int
    n_left_out: int
    weights: Tensor | None = None
    stage: str | None = None


@dataclass(frozen=True)
class Offer:
    """What a method chooses from, and by.

    Attributes
    ----------
    samples : SuperBatch
        The m rows that may be chosen: finite in all that the method reads.
    by : str
        Who chooses, for messages.
    generator : torch.Generator or None
        The only source of chance; torch's own where None.
    work_out : callable
        `work_out(f, candidates)` is f(candidates), candidates shared out among ranks where all choose the same batch.
    """

    samples: SuperBatch
    by: str
    generator: torch.Generator | None = None
    work_out: WorkOut = _here

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, name: str) -> Tensor:
        """A tensor of the super-batch, or a ValueError that names it."""
        return self.samples.require(name, by=self.by)

    @property
    def features(self) -> Tensor:
        """`[m, d]`."""
        return self.samples.features

    @property
    def device(self) -> torch.device:
        """Where all lies."""
        return self.samples.device

    @property
    def everything(self) -> Tensor:
        """All rows as one candidate, int64 `[1, m]`."""
        return torch.arange(len(self), device=self.device).unsqueeze(0)

    def uniform(self, *shape: int) -> Tensor:
        """float64 in (0, 1)."""
        return random_uniform(shape, generator=self.generator, device=self.device)

    def gumbel(self, *shape: int) -> Tensor:
        """Standard Gumbel noise, float64."""
        return gumbel(shape, generator=self.generator, device=self.device)

    def draw(self, logits: Tensor, size: int) -> Tensor:
        """Places, int64 `[size]`, drawn one after another with probability ∝ exp(logits)."""
        return draw(logits, size, generator=self.generator)

    def shuffled(self, m: int) -> Tensor:
        """A permutation of m, int64."""
        return self.uniform(m).argsort(stable=True)

    def chosen_by(self, selector: Selector, size: int, among: Tensor | None = None) -> Tensor:
        """Places, int64 `[size]`, that another selector chooses; of the places `among` alone where given."""
        samples = self.samples if among is None else self.samples.take(among)
        chosen = selector.select(samples, size, generator=self.generator, work_out=self.work_out)
        return chosen if among is None else among[chosen]


class Selector(Configured, abc.ABC):
    """Chooses a batch from a super-batch.

    A method is a subclass with the facts below, a constructor with its options, and `_choose`. It may have abilities:
    each is an attribute or a method here that does no harm as it is. A public name in a subclass that is nearly that
    of an ability is a TypeError, since a misspelt ability would be ignored without a word.

    What holds for every selector: size 0 gives no row, the size of all eligible rows gives them all; a row with a value
    that is not finite in anything the method reads, or too large to be squared where it is, is left out and counted; a
    tensor that is missing is an error that names it. With one class alone those that read labels choose as if there
    were none. `saln.testing.check_selector` checks all of it on any selector.

    Attributes
    ----------
    name : str
        The registry's name.
    description : str
        One line.
    paper : str
        Where the method comes from.
    reads : tuple of str
        Fields of the super-batch that the method itself reads, with its present options.
    finite_in : tuple of str
        Further fields in which a row has to be finite, so that methods choose from the same rows.
    chooses_all : bool
        Whether the method is asked even where all rows are wanted: for their order, weights, or what it remembers.
    inner : tuple of Selector
        Those inside, which get what this one is told: progress, rewards, the dataset, epochs, resets and states.
    last_report : SelectionReport or None
        Of the last call; None before the first.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import Offer, Selector
    >>> class HighestLoss(Selector):
    ...     name = "highest_loss"
    ...     description = "the largest losses"
    ...     paper = "an example"
    ...     reads = ("losses",)
    ...
    ...     def _choose(self, offer: Offer, size: int) -> torch.Tensor:
    ...         return offer["losses"].argsort(descending=True, stable=True)[:size]
    >>> losses = torch.tensor([1.0, 3.0, float("nan"), 2.0])
    >>> HighestLoss().select(SuperBatch(torch.zeros(4, 1), losses=losses), 2)
    tensor([1, 3])
    """

    name: ClassVar[str]
    description: ClassVar[str]
    paper: ClassVar[str]
    finite_in: ClassVar[tuple[str, ...]] = ()
    chooses_all: ClassVar[bool] = False
    inner: tuple[Selector, ...] = ()
    last_report: SelectionReport | None = None
    _progress = 0.0

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        abilities = [name for name in {**vars(Selector), **Selector.__annotations__} if not name.startswith("_")]
        refuse_misspelt(cls.__name__, [*vars(cls), *vars(cls).get("__annotations__", ())], abilities)

    @abc.abstractmethod
    def _choose(self, offer: Offer, size: int) -> Tensor:
        """Places, int64 `[size]`, in the rows offered, none twice; 0 < size < m, or m with `chooses_all`.

        `last_report` is that of this call already, for methods that give weights.
        """

    @torch.no_grad()
    def select(
        self,
        super_batch: SuperBatch,
        size: int,
        *,
        generator: torch.Generator | None = None,
        work_out: WorkOut | None = None,
    ) -> Tensor:
        """Choose `size` rows of the super-batch.

        Parameters
        ----------
        super_batch : SuperBatch
            M samples.
        size : int
            From 0 to the number of eligible rows.
        generator : torch.Generator, optional
            The only source of chance: the same generator state gives the same rows. Torch's own when left out.
        work_out : callable, optional
            `work_out(f, candidates)` gives f(candidates), whose rows are one candidate's each, for methods that score
            many: ranks that all choose the same batch share them out. Left out, all is worked out here.

        Returns
        -------
        Tensor [size]
            int64 row numbers of the super-batch, none twice, on the features' device, in the order of choice.

        Raises
        ------
        TypeError
            If size is no int.
        ValueError
            If size does not fit, or the super-batch lacks what the method needs.
        """
        if isinstance(size, bool) or not isinstance(size, int):
            raise TypeError(f"size is a {type(size).__name__}, want an int")
        for name in self.needs:
            super_batch.require(name, by=self.name)
        rows = self.eligible(super_batch).nonzero().squeeze(1)  # [m] ascending
        n_rows, m = len(super_batch), rows.numel()
        if not 0 <= size <= m:
            why = f" ({n_rows - m} of {n_rows} have values that are not finite, or too large)" if m < n_rows else ""
            raise ValueError(f"{self.name}: size is {size}, want 0 to {m}, the rows to choose from{why}")
        self.last_report = SelectionReport(n_rows, n_rows - m)
        if size == 0 or (size == m and not self.chooses_all):
            return rows[:size]
        samples = super_batch if m == n_rows else self._taken(super_batch, rows)
        if self.by_direction:
            samples = near_one(samples)
        return rows[self._choose(Offer(samples, self.name, generator, work_out or _here), size)]

    def eligible(self, super_batch: SuperBatch) -> Tensor:
        """Which rows may be chosen, bool `[M]`; tensors that are missing are not looked at.

        Those finite in what the method reads, whose squares do not overflow where it computes them: a Gram matrix
        that is not finite chooses nothing. Costs one pass over what is read.
        """
        names = [name for name in dict.fromkeys((*self.finite_in, *self.reads)) if name in FLOATING]
        reach = {name: super_batch.reach(name) for name in names if getattr(super_batch, name) is not None}
        eligible = torch.ones(len(super_batch), dtype=torch.bool, device=super_batch.device)
        for each in reach.values():
            eligible &= each.isfinite()
        squared = [name for name in self.reads if name in SQUARED and name in reach]
        if self.by_direction and "features" in squared:
            squared.remove("features")
        if squared:
            eligible &= fits(super_batch, {name: reach[name] for name in squared})
        for selector in self.inner:
            eligible &= selector.eligible(super_batch)
        return eligible

    @property
    def reads(self) -> tuple[str, ...]:
        """See above; the features where a method does not say."""
        return ("features",)

    @property
    def needs(self) -> tuple[str, ...]:
        """What the super-batch must hold: what this method and those inside read, with their present options."""
        return tuple(dict.fromkeys([*self.reads, *(name for each in self.inner for name in each.needs)]))

    @property
    def uses(self) -> tuple[str, ...]:
        """Losses and residuals that it chooses by where a training records them, and does without elsewhere."""
        return tuple(dict.fromkeys(name for each in self.inner for name in each.uses))

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """What is to hear all that a training records of its samples, beside the values themselves."""
        return tuple(listener for each in self.inner for listener in each.listeners)

    @property
    def figures(self) -> dict[str, float]:
        """What it has found and done so far, in numbers, by name: for trackers, and for who asks why."""
        return {name: value for each in self.inner for name, value in each.figures.items()}

    @property
    def summary(self) -> str:
        """The same in a line.

        >>> from saln.selectors import make_selector
        >>> make_selector("uniform").summary
        'uniform'
        """
        return " ".join([self.name, ", ".join(f"{name} {value:.4g}" for name, value in self.figures.items())]).strip()

    @property
    def by_direction(self) -> bool:
        """Whether features count by their direction alone, so that rows of any length serve."""
        return getattr(self, "similarity", None) == "cosine"

    @property
    def abstains(self) -> bool:
        """Whether there is nothing to choose by: then it takes the first rows, and need not be asked."""
        return False

    @property
    def gives_weights(self) -> bool:
        """Whether `last_report.weights` may be there, with the present options."""
        return any(each.gives_weights for each in self.inner)

    @property
    def progress(self) -> float:
        """Share of training that is over, 0 to 1; a trainer sets it before each batch."""
        return self._progress

    @progress.setter
    def progress(self, progress: float) -> None:
        self._progress = share("progress", progress)
        for each in self.inner:
            each.progress = progress

    def start_epoch(self) -> None:
        """An epoch begins."""
        for each in self.inner:
            each.start_epoch()

    @property
    def wants_dataset(self) -> bool:
        """Whether it is shown the whole dataset before a run; batches hold features then only if it reads any."""
        return any(each.wants_dataset for each in self.inner)

    def prepare(self, pool: SuperBatch) -> None:
        """Look at all samples that batches will be chosen from; most methods look at super-batches alone.

        >>> import torch
        >>> from saln import SuperBatch, make_selector
        >>> selector = make_selector("one_pass")
        >>> selector.prepare(SuperBatch(torch.eye(3)))
        >>> selector.worth
        tensor([1., 1., 1.], dtype=torch.float64)
        """
        for each in self.inner:
            each.prepare(pool)

    @property
    def wants_reward(self) -> bool:
        """Whether it is to be told by `update` what each batch was worth.

        >>> from saln.selectors import Portfolio, make_selector
        >>> Portfolio(["herding"], reward="probe").wants_reward, make_selector("herding").wants_reward
        (True, False)
        """
        return any(each.wants_reward for each in self.inner)

    def update(self, reward: float) -> None:
        """Say, once after the training step on its batch, what that was worth; needed only where `wants_reward`.

        Any unit does, more is better, and a number that is not finite is dropped. The reward meant is the relative fall
        of the mean loss on a small probe of samples that are never trained on, (before - after) / before, `before`
        being the `after` of the step before: one pass over the probe a step.
        """
        for each in self.inner:
            if each.wants_reward:
                each.update(reward)

    @property
    def has_memory(self) -> bool:
        """Whether it keeps anything from one call to the next: then a batch depends on those before it."""
        return type(self).state_dict is not Selector.state_dict or any(each.has_memory for each in self.inner)

    def reset(self) -> None:
        """Start a run anew: training has not begun, nothing was chosen before. What `prepare` saw stays."""
        self.progress = 0.0
        for each in self.inner:
            each.reset()

    def state_dict(self) -> dict[str, Any]:
        """A copy of what an exact resume needs, neither options nor progress included."""
        return {"inner": [each.state_dict() for each in self.inner]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there; after `prepare`, where the dataset is wanted."""
        for each, state in zip(self.inner, state_dict["inner"], strict=True):
            each.load_state_dict(state)

    @property
    def last_weights(self) -> Tensor | None:
        """Those of `last_report`, if any."""
        return None if self.last_report is None else self.last_report.weights

    def _give_weights(self, weights: Tensor | None) -> None:
        """Put them into `last_report`, from `_choose`."""
        assert self.last_report is not None
        self.last_report = dataclasses.replace(self.last_report, weights=weights)

    def _taken(self, super_batch: SuperBatch, rows: Tensor) -> SuperBatch:
        return super_batch.take(rows)
