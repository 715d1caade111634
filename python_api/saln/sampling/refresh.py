"""Values of samples that follow the model: worked out anew every n steps, for just the batches that come next."""

from __future__ import annotations

import copy
import dataclasses
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from saln.sampling.ranks import Ranks
from saln.superbatch import FLOATING, PER_PAIR, SHAPES, SuperBatch

__all__ = ["Refresh"]


@dataclass(frozen=True)
class Refresh:
    """When and how a sampler refreshes what it knows of the samples.

    Parameters
    ----------
    compute : callable
        Called as `compute(model, indices)` with dataset indices `[n]`, int64 on the host; returns features `[n, d]`, or
        a `SuperBatch` of n rows with losses, residuals, ... too, from which what is there replaces what was known;
        features of no columns replace none. At the first refresh features may be of another width than those known, as
        activations in place of frozen features are; the width of the first refresh stays.
    model : nn.Module
        Passed to compute, without gradients. With a lag a copy of it, in evaluation mode, made when the refresh is due.
    every : int
        Steps from one refresh to the next; each is for the samples of so many steps only.
    lag : int
        0: training waits for a refresh. Above: the refresh runs in the background, its values are for batches from so
        many steps later on, and only who asks for these before it is done waits.

    Raises
    ------
    ValueError
        If every or lag is out of its range.
    """

    compute: Callable[[Any, Tensor], SuperBatch | Tensor]
    model: nn.Module
    every: int = 1
    lag: int = 0

    def __post_init__(self) -> None:
        if self.every < 1 or self.lag < 0:
            raise ValueError(f"every and lag are {self.every} and {self.lag}, want at least 1 and at least 0")


@dataclass(frozen=True)
class _Version:
    since: int  # step at which it was due
    first: int  # step of the first batch that it is for
    rows: Tensor
    values: Future[SuperBatch]


class LiveValues:
    """The samples' values, and from which step they are.

    Steps are numbered through the epochs. A refresh due at step s is for the batches of `every` steps from s + delay
    on; which batch sees which values is so a matter of numbers, never of timing.

    Parameters
    ----------
    samples : SuperBatch
        What is known at first.
    refresh : Refresh
    ahead : int
        How many steps before they are asked for batches are chosen. Together with the lag that is the delay.
    rows_of : callable
        The rows that the batches from one step to another choose from, int64 on the host.
    ranks : Ranks, optional
        Among which the rows of a refresh are divided where they can talk; left out, this rank works out all of them.

    Attributes
    ----------
    n_kept : int
        Rows that came back with values that are not finite, and kept their former ones, so far.
    refreshed : set of str
        Fields that a refresh has given.
    """

    def __init__(
        self,
        samples: SuperBatch,
        refresh: Refresh,
        ahead: int,
        rows_of: Callable[[int, int], Tensor],
        ranks: Ranks | None,
    ) -> None:
        # Of its own, because rows of it are overwritten.
        self.samples = samples.take(torch.arange(len(samples), device=samples.device))
        self.n_kept = 0
        self._refresh = refresh
        self._delay = refresh.lag + ahead
        self._rows_of = rows_of
        self._ranks = ranks
        self._waiting: deque[_Version] = deque()
        self._since = 0
        self.refreshed: set[str] = set()
        self._asked: int | None = None
        self._thread: ThreadPoolExecutor | None = None

    def ask(self, step: int) -> None:
        """Training asks for the batch of this step: begin what is due."""
        every = self._refresh.every
        if self._asked is None or step != self._asked + 1:
            self._drop()
            until = (step // every + 1) * every
            self._begin(step, step, until + self._delay, background=False)
        elif step % every == 0:
            self._begin(step, step + self._delay, step + self._delay + every, background=self._refresh.lag > 0)
        self._asked = step

    def at(self, step: int) -> tuple[SuperBatch, int]:
        """The values for the batch of this step, and the step at which they were due; waits for them."""
        while self._waiting and self._waiting[0].first <= step:
            version = self._waiting.popleft()
            self._put(version.rows, version.values.result())
            self._since = version.since
        return self.samples, self._since

    def restart(self) -> None:
        """The next batch asked for does not follow the last one: everything for it is worked out first."""
        self._asked = None

    def _drop(self) -> None:
        for version in self._waiting:
            version.values.exception()  # waits, so that no two refreshes run, or talk to other ranks, at once
        self._waiting.clear()

    def _begin(self, since: int, first: int, until: int, *, background: bool) -> None:
        rows = self._rows_of(first, until)
        if background:
            if self._thread is None:
                self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="saln-refresh")
            frozen = copy.deepcopy(self._refresh.model).eval()
            future = self._thread.submit(self._compute, frozen, rows)
        else:
            future = Future()
            future.set_result(self._compute(self._refresh.model, rows))
        self._waiting.append(_Version(since, first, rows, future))

    @torch.no_grad()
    def _compute(self, model: nn.Module, rows: Tensor) -> SuperBatch:
        ranks = self._ranks if self._ranks is not None and self._ranks.can_talk else None
        share = rows if ranks is None else rows[ranks.share_of(rows.numel())]
        indices = self.samples.require("indices", by="a refresh")
        values = self._refresh.compute(model, indices[share.to(indices.device)].cpu())
        values = SuperBatch(values) if isinstance(values, Tensor) else values
        if len(values) != share.numel():
            raise ValueError(f"compute returned {len(values)} rows, want {share.numel()}, one an index")
        return values if ranks is None else ranks.gather(values, rows.numel())

    def _put(self, rows: Tensor, values: SuperBatch) -> None:
        good = values.finite_rows(FLOATING)
        self.n_kept += int((~good).sum())
        rows = rows.to(self.samples.device)[good.to(self.samples.device)]
        for name in SHAPES:
            new: Tensor | None = getattr(values, name)
            if new is None or name == "indices" or (name == "features" and new.shape[1] == 0):
                continue
            if name in PER_PAIR:
                raise ValueError(f"compute returned {name}, want values of single samples")
            old: Tensor | None = getattr(self.samples, name)
            first = name not in self.refreshed
            self.refreshed.add(name)
            if old is None or (first and old.shape[1:] != new.shape[1:]):
                # Rows that no refresh has reached are offered to no selector.
                old = torch.zeros(len(self.samples), *new.shape[1:], dtype=new.dtype, device=self.samples.device)
                self.samples = dataclasses.replace(self.samples, **{name: old})
            elif old.shape[1:] != new.shape[1:]:
                raise ValueError(f"compute returned {name} {list(new.shape)}, want {SHAPES[name]} as before")
            old[rows] = new[good].to(old)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_waiting": deque(), "_asked": None, "_thread": None}
