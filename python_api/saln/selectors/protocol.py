"""What every selector offers, and the two things every selector does first: check the size, leave out broken rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor

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
    """

    n_rows: int
    n_left_out: int


@runtime_checkable
class Selector(Protocol):
    """Chooses a batch from a super-batch.

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
