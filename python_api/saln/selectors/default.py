"""The default: what `saln.select` does where no method is named."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from saln.schedule import Schedule
from saln.selectors.gradient_logdet import GradientLogDet
from saln.superbatch import SHAPES, SuperBatch


class Default(GradientLogDet):
    """Gradient log-det, drawn, of samples that are learnable for their class and agree with their neighbours.

    This project's own: `GradientLogDet` with quality "class_learnability_agreement" and temperature 1, of the methods
    of the study in docs/default.md the one with the best worst case against uniform batches. Each part is there for a
    kind of data on which the rule without it lost: learnability is compared within the class because a reference model
    has a high loss on all of a class that it hardly knows (imbalance), labels are to agree with those of neighbours
    because a learner that has begun to fit wrong labels no longer finds them by its loss (noise), and agreement waits
    for the learner because neighbours in an untrained network's activations say little. All constants are guesses.

    It wants activations of the present network's last hidden layer as features, and losses that are cross-entropies.
    Where an input is missing, `select` raises an error that names it and falls back on nothing: every rule with less to
    go by lost to uniform on some of the study's data, and a fallback nobody asked for would hide that.

    Cost and degenerate inputs are those of `GradientLogDet` with label agreement: O(M² d + M (d + c) size + M size²)
    time, O(M²) memory. With one class, learnability decides alone. A reference no better than guessing counts as caught
    up with by any learner that is.

    Parameters
    ----------
    temperature : float or Schedule
    **options
        Of `GradientLogDet`, quality excepted.

    Raises
    ------
    ValueError
        If an option is out of its range; from `select`, if the size does not fit or the super-batch lacks a tensor.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import Default
    >>> features = torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.05], [0.0, 1.0], [0.1, 1.0]])
    >>> super_batch = SuperBatch(
    ...     features,
    ...     residuals=torch.ones(5, 2),
    ...     losses=torch.full((5,), 0.2),
    ...     reference_losses=torch.tensor([0.1, 0.1, 0.1, 5.0, 0.1]),  # the fourth is not learned by the reference
    ...     labels=torch.tensor([0, 0, 1, 1, 1]),  # the third is among samples of the other class
    ... )
    >>> Default(temperature=0.0).select(super_batch, 3).sort().values
    tensor([0, 1, 4])
    """

    name: ClassVar[str] = "default"
    description: ClassVar[str] = "drawn volume of gradients, times learnability within the class and label agreement"
    paper: ClassVar[str] = "this project"
    needs: ClassVar[tuple[str, ...]] = ("residuals", "losses", "reference_losses", "labels")

    def __init__(self, *, temperature: float | Schedule = 1.0, **options: Any) -> None:
        super().__init__("class_learnability_agreement", temperature=temperature, **options)

    @torch.no_grad()
    def select(self, super_batch: SuperBatch, size: int, *, generator: torch.Generator | None = None) -> Tensor:
        """As in `Selector`, in the order of choice."""
        missing = [name for name in self.needs if getattr(super_batch, name) is None]
        if missing:
            wanted = ", ".join(f"{name} {SHAPES[name]}" for name in missing)
            has = ", ".join(name for name in SHAPES if getattr(super_batch, name) is not None)
            raise ValueError(
                f"{self.name} needs {wanted} in the super-batch; it has {has}. Methods that need less are to be named: "
                "'gradient_logdet_agreement' needs no reference model, 'uniform' nothing (`saln methods` lists all)"
            )
        return super().select(super_batch, size, generator=generator)
