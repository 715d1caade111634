"""Which rank this process is, whether the ranks agree, and what they know together."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Mapping

import torch
import torch.distributed as dist
from torch import Tensor

from saln.superbatch import SHAPES, SuperBatch

# Each has a group of its own, because they talk from different threads, in an order that differs from rank to rank.
PURPOSES = ("agreement", "values", "scores")


class Ranks:
    """A process among those that train together: as given, or else as torch.distributed says when it is asked.

    Parameters
    ----------
    rank, world_size : int, optional
        Both or neither; `0, 1` where somebody else shards the batches.

    Raises
    ------
    ValueError
        If only one is given, or they do not fit together.

    Examples
    --------
    >>> from saln.sampling.ranks import Ranks
    >>> Ranks().world_size, Ranks(1, 4).rank
    (1, 1)
    """

    def __init__(self, rank: int | None = None, world_size: int | None = None) -> None:
        if (rank is None) != (world_size is None):
            raise ValueError(f"rank is {rank} and world_size is {world_size}, want both or neither")
        if rank is not None and world_size is not None and not 0 <= rank < world_size:
            raise ValueError(f"rank is {rank} and world_size is {world_size}, want 0 <= rank < world_size")
        self._given = None if rank is None or world_size is None else (rank, world_size)
        self._groups: dict[str, dist.ProcessGroup] = {}
        self._world: object = None  # the default group that they belong to

    @property
    def rank(self) -> int:
        """From 0 to world_size - 1."""
        return self._given[0] if self._given else dist.get_rank() if _initialized() else 0

    @property
    def world_size(self) -> int:
        """How many ranks there are."""
        return self._given[1] if self._given else dist.get_world_size() if _initialized() else 1

    @property
    def can_talk(self) -> bool:
        """Whether there are other ranks, and torch.distributed reaches just them."""
        return self.world_size > 1 and _initialized() and dist.get_world_size() == self.world_size

    def check_agreement(self, facts: Mapping[str, object]) -> None:
        """Raise a RuntimeError on every rank if they do not all hold the same facts; every rank has to call it.

        It comes before all other talk, and from the same thread on each rank.
        """
        if not self.can_talk:
            return
        self._meet()
        everyone: list[Mapping[str, object]] = [{}] * self.world_size
        dist.all_gather_object(everyone, dict(facts), group=self._groups["agreement"])
        differ = [name for name in facts if any(each[name] != everyone[0][name] for each in everyone)]
        if differ:
            shown = "; ".join(f"{name}: {', '.join(str(each[name]) for each in everyone)}" for name in differ)
            raise RuntimeError(
                f"the ranks' samplers do not agree, so that they would serve samples twice (by rank, {shown}). Give "
                "all of them the same features, seed and options, and start their epochs together"
            )

    def share_of(self, n_rows: int) -> slice:
        """Which of so many rows this rank works out for `gather`."""
        each = -(-n_rows // self.world_size)
        return slice(min(n_rows, each * self.rank), min(n_rows, each * (self.rank + 1)))

    def gather(self, share: SuperBatch, n_rows: int) -> SuperBatch:
        """The rows of all ranks, in order: the same bits on each. Every rank has to call it, at the same time.

        Goes over the host, by gloo, so that it may run in the background of whatever training sends.
        """
        values = {name: getattr(share, name) for name in SHAPES if getattr(share, name) is not None}
        return dataclasses.replace(
            share, **{name: self._gather(value, n_rows, "values") for name, value in values.items()}
        )

    def work_out(self, rows_of: Callable[[Tensor], Tensor], candidates: Tensor) -> Tensor:
        """`rows_of(candidates)`, every rank working out its share of the rows; all of them have to call it."""
        n_rows = candidates.shape[0]
        return self._gather(rows_of(candidates[self.share_of(n_rows)]), n_rows, "scores")

    def _gather(self, value: Tensor, n_rows: int, purpose: str) -> Tensor:
        group, each = self._groups[purpose], -(-n_rows // self.world_size)
        # A rank without rows may not know how wide they are.
        shape = torch.tensor([0, *value.shape[1:]])
        dist.all_reduce(shape, op=dist.ReduceOp.MAX, group=group)
        padded = torch.zeros(each, *shape[1:].tolist(), dtype=value.dtype)
        padded[: len(value)] = value.cpu()
        # As bytes, since gloo does not know every dtype.
        sent = padded.view(each, -1).contiguous().view(torch.uint8)
        received = [torch.empty_like(sent) for _ in range(self.world_size)]
        dist.all_gather(received, sent, group=group)
        whole = torch.cat(received).view(value.dtype).view(-1, *padded.shape[1:])[:n_rows]
        return whole.to(value.device)

    def _meet(self) -> None:
        if self._world is not dist.group.WORLD:
            self._groups = {purpose: dist.new_group(backend="gloo") for purpose in PURPOSES}
            self._world = dist.group.WORLD

    def __getstate__(self) -> dict[str, object]:
        return {"_given": self._given, "_groups": {}, "_world": None}


def checksum(samples: SuperBatch) -> int:
    """Of every byte of every tensor; equal tensors have equal ones on every device. O(bytes), about 1 ns each.

    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.sampling.ranks import checksum
    >>> len({checksum(SuperBatch(features)) for features in (torch.eye(3), torch.eye(3), torch.ones(3, 3))})
    2
    """
    value = 0
    for name in SHAPES:
        tensor: Tensor | None = getattr(samples, name)
        if tensor is not None and tensor.numel():
            value = zlib.crc32(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data, value)
    return value


def _initialized() -> bool:
    return dist.is_available() and dist.is_initialized()
