"""Group columns beside the classes: who was chosen, when, and how well the trained models serve whom.

No run depends on groups: they are looked up afterwards, in what finished runs chose and predicted, and are no part of
the journal's fingerprint. A pilot that is over can be reported by groups, or by others, without any run repeated.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from saln.datasets import Groups
from saln.pilot.config import PilotConfig
from saln.pilot.job import Job, Pool, offered_in, order_of
from saln.pilot.judging.intervals import Interval, interval
from saln.pilot.judging.selection import PARTS_OF_TRAINING
from saln.pilot.training.run import Run


@dataclass(frozen=True)
class MethodByGroup:
    """One method and the groups of a column.

    Attributes
    ----------
    method : str
    share : tuple of float
        Share of the chosen samples in each group, mean over seeds.
    share_over_time : tuple of tuple of float
        The same of successive tenths of training.
    accuracy : tuple of Interval or None
        Share of right answers in each group at the end, over seeds; None for a group without test rows, and where the
        training keeps its predictions to itself.
    gap : Interval or None
        Highest less lowest of these within a seed, over seeds; None where fewer than two groups have test rows.
    """

    method: str
    share: tuple[float, ...]
    share_over_time: tuple[tuple[float, ...], ...]
    accuracy: tuple[Interval | None, ...]
    gap: Interval | None


@dataclass(frozen=True)
class ByGroup:
    """One group column.

    Attributes
    ----------
    column : str
    groups : tuple of str
        Names.
    pool_share : tuple of float
        Share of each group among the samples offered, mean over seeds.
    test_rows : tuple of int
        Rows of each group that were tested on.
    methods : tuple of MethodByGroup
        In the order of the pilot's.
    """

    column: str
    groups: tuple[str, ...]
    pool_share: tuple[float, ...]
    test_rows: tuple[int, ...]
    methods: tuple[MethodByGroup, ...]

    @property
    def offered(self) -> tuple[int, ...]:
        """Numbers of the groups of which some sample was offered."""
        return tuple(i for i, share in enumerate(self.pool_share) if share > 0)

    def relative(self, share: Sequence[float]) -> tuple[float, ...]:
        """For each group in `offered`, its share among the chosen over its share among the offered.

        >>> from saln.pilot.judging.by_group import ByGroup
        >>> ByGroup("site", ("north", "south"), (0.5, 0.5), (0, 0), ()).relative((0.25, 0.75))
        (0.5, 1.5)
        """
        return tuple(share[i] / self.pool_share[i] for i in self.offered)


def describe_groups(
    job: Job, config: PilotConfig, runs: Mapping[str, Sequence[Run]], pools: Sequence[Pool]
) -> tuple[ByGroup, ...]:
    """Every group column of the data set.

    Parameters
    ----------
    job : Job
        Its `groups` are of all rows of its data set.
    config : PilotConfig
        Of the runs.
    runs : mapping of str to sequence of Run
        By method, the seeds in their order.
    pools : sequence of Pool
        By seed.
    """
    if not job.groups:
        return ()
    steps = runs["uniform"][0].final.step
    offered = [pool.rows[offered_in(order_of(pool, config), steps)] for pool in pools]
    return tuple(_of_column(each, job.labels, runs, pools, offered) for each in job.groups)


def _of_column(
    groups: Groups,
    labels: torch.Tensor | None,
    runs: Mapping[str, Sequence[Run]],
    pools: Sequence[Pool],
    offered: Sequence[torch.Tensor],
) -> ByGroup:
    codes, n = torch.from_numpy(groups.codes), len(groups.names)
    test_rows = torch.bincount(codes[pools[0].test_rows], minlength=n)  # the same for all seeds
    return ByGroup(
        groups.column,
        groups.names,
        pool_share=_mean_share([codes[rows] for rows in offered], n),
        test_rows=tuple(test_rows.tolist()),
        methods=tuple(_of_method(name, codes, n, labels, of_method, pools) for name, of_method in runs.items()),
    )


def _of_method(
    name: str, codes: torch.Tensor, n: int, labels: torch.Tensor | None, runs: Sequence[Run], pools: Sequence[Pool]
) -> MethodByGroup:
    parts = [run.chosen.tensor_split(min(PARTS_OF_TRAINING, len(run.chosen))) for run in runs]
    tenths = [[_codes(part, codes, pools[run.seed]) for part in each] for run, each in zip(runs, parts, strict=True)]
    accuracy = torch.stack([_accuracy(run, codes, n, labels, pools[run.seed].test_rows) for run in runs])  # [seeds, n]
    tested = accuracy[:, ~accuracy[0].isnan()]
    gaps = (tested.amax(dim=1) - tested.amin(dim=1)).tolist() if tested.shape[1] > 1 else []
    return MethodByGroup(
        name,
        share=_mean_share([torch.cat(of_run) for of_run in tenths], n),
        share_over_time=tuple(_mean_share(part, n) for part in zip(*tenths, strict=True)),
        accuracy=tuple(None if column[0].isnan() else interval(column.tolist()) for column in accuracy.T),
        gap=interval(gaps) if gaps else None,
    )


def _codes(chosen: torch.Tensor, codes: torch.Tensor, pool: Pool) -> torch.Tensor:
    """Groups of chosen places, `[samples]`."""
    return codes[pool.rows[chosen[chosen >= 0]]]


def _accuracy(
    run: Run, codes: torch.Tensor, n: int, labels: torch.Tensor | None, test_rows: torch.Tensor
) -> torch.Tensor:
    """Share of right answers in each group, `[n]`; NaN for a group without test rows."""
    if run.predicted is None or labels is None:
        return torch.full((n,), torch.nan, dtype=torch.float64)
    of_rows, right = codes[test_rows], run.predicted == labels[test_rows]
    rows = torch.bincount(of_rows, minlength=n)
    return torch.bincount(of_rows[right], minlength=n).double() / rows


def _mean_share(parts: Sequence[torch.Tensor], n: int) -> tuple[float, ...]:
    """Share of each group among the codes of a seed, mean over the seeds."""
    shares = [(torch.bincount(part.flatten(), minlength=n).double() / part.numel()).tolist() for part in parts]
    return tuple(statistics.fmean(column) for column in zip(*shares, strict=True))
