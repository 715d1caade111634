"""Where samples of a dataset lie, by their indices."""

from __future__ import annotations

import torch
from torch import Tensor


class Places:
    """Finds rows of a dataset by index.

    Parameters
    ----------
    indices : Tensor [N]
        int64, of the rows; each once, else a ValueError.

    Examples
    --------
    >>> import torch
    >>> from saln.selectors.support.places import Places
    >>> Places(torch.tensor([7, 5, 9])).of(torch.tensor([9, 7]))
    tensor([2, 0])
    """

    def __init__(self, indices: Tensor) -> None:
        self._n = indices.numel()
        self._ascending: Tensor | None = None  # [N]; None where index and row are the same
        self._rows = indices
        if not torch.equal(indices, torch.arange(self._n, device=indices.device)):
            self._ascending, self._rows = indices.sort()
            if bool((self._ascending.diff() == 0).any()):
                raise ValueError("indices of the dataset holds one twice, want each once")

    def of(self, indices: Tensor) -> Tensor:
        """Rows `[M]` of indices `[M]`; a ValueError names one that is not in the dataset."""
        if self._ascending is None:
            strange = (indices < 0) | (indices >= self._n)
            rows = indices
        else:
            places = torch.searchsorted(self._ascending, indices).clamp_max(max(0, self._n - 1))
            strange = self._ascending[places] != indices
            rows = self._rows[places]
        if bool(strange.any()):
            raise ValueError(f"indices has {indices[strange][0]}, which is not in the dataset given to `prepare`")
        return rows
