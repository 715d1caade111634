"""The default: what `saln.select` does when no method is named."""

from __future__ import annotations

from typing import Any, ClassVar

from saln.schedule import Schedule
from saln.selectors.gradient_logdet import GradientLogDet


class Default(GradientLogDet):
    """Gradient log-det, drawn, with quality "class_learnability_agreement": provisional."""

    name: ClassVar[str] = "default"
    description: ClassVar[str] = "drawn volume of gradients, times learnability within the class and label agreement"
    paper: ClassVar[str] = "this project"
    needs: ClassVar[tuple[str, ...]] = ("residuals", "losses", "reference_losses", "labels")

    def __init__(
        self, quality: str = "class_learnability_agreement", *, temperature: float | Schedule = 1.0, **options: Any
    ) -> None:
        super().__init__(quality, temperature=temperature, **options)
