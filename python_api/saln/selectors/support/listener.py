"""What hears all that a training records, beside the values themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor


class Listener(Protocol):
    """Hears what training finds out of samples, as it comes; what it keeps is saved with what is recorded."""

    def hear(self, rows: Tensor, values: Mapping[str, Tensor], first: Tensor) -> None:
        """Values `[B]` or `[B, w]`, by name, of rows `[B]` of the dataset; `first` `[B]`: nothing was known of them."""

    def clear(self) -> None:
        """Nothing was heard."""

    def state_dict(self) -> dict[str, Any]:
        """A copy of what it keeps, on the host."""

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from there."""
