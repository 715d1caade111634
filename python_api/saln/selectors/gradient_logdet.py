"""Gradient log-det: samples whose last-layer gradients span most, weighted by what they are worth."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from saln.selectors.base import Offer
from saln.selectors.logdet import LogDet
from saln.selectors.registry import register
from saln.selectors.support.choices import one_of, positive
from saln.selectors.support.quality import QUALITIES, READS, row_quality
from saln.selectors.support.schedule import Schedule, positive_throughout, value_at


@register
class GradientLogDet(LogDet):
    """Greedy maximum of log det(I + q_i K_ij q_j / σ²), K the Gram matrix of last-layer gradients.

    This project's own. Its ancestor in active learning is BADGE (Ash et al. 2020, arXiv 1906.03671), which spreads
    batches over last-layer gradients of guessed labels; here the labels are known. Quality × diversity is that of
    Kulesza & Taskar 2012 (arXiv 1207.6083, section 3.1). With residuals r = softmax - onehot and penultimate
    activations x (the features), K_ij = (r_i·r_j)(x_i·x_j), and no gradient is formed. As in `LogDet`, σ² is `ridge`
    times the mean of the diagonal of K before quality.

    Quality, `[M]` from 0 to 1:

    - "none": 1
    - "learnability": sigmoid((loss - reference loss) / T), needs losses and reference losses
    - "gate": 1 where loss - reference loss is above the threshold, else 0: the rest comes last, by row
    - "class_learnability": sigmoid of the same less its mean over the row's class in the super-batch, over T, since a
      reference model that has seen little of a class has a high loss on all of it; needs labels, too
    - "label_agreement": `saln.selectors.support.quality.label_agreement`, needs labels and no reference model
    - "class_learnability_agreement": the last but one times the last to the power p, how far the learner has come from
      guessing to the reference model: p = (log C - mean loss) / (log C - mean reference loss), from 0 to 1, C the
      classes in the super-batch. Neighbours in an untrained network's features say little. Losses are cross-entropies
    - "given": the super-batch's

    The rules are this project's; T, threshold, width and ridge are guesses.

    O(M (d + c) size + M size²) time with c residuals a row, O(M size) memory; label agreement adds O(M² d) and O(M²).
    At temperature 0 nothing is drawn; ties go to the lower row, and so do rows that gain nothing: those without a
    residual, or with quality 0.

    Parameters
    ----------
    quality : str
        One of the above.
    quality_temperature : float or Schedule
        T, in units of the loss.
    threshold : float
        Of "gate", in units of the loss.
    width : float
        Of label agreement.
    ridge : float
        0: log det K_S itself.
    temperature : float or Schedule
        As in `LogDet`.
    backend : str, optional
        As in `saln_kernels.greedy_logdet`.

    Examples
    --------
    The second sample pulls where the first does; the last has nothing left to learn:

    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import GradientLogDet
    >>> features = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.5, 0.5]])
    >>> residuals = torch.tensor([[0.9, -0.9], [0.9, -0.9], [0.5, -0.5], [0.0, 0.0]])
    >>> GradientLogDet().select(SuperBatch(features, residuals=residuals), 2)
    tensor([1, 2])
    """

    name = "gradient_logdet"
    description = "most volume of last-layer gradients, times quality; greedy"
    paper = "this project; after Ash et al. 2020, arXiv 1906.03671"

    def __init__(
        self,
        quality: str = "none",
        *,
        quality_temperature: float | Schedule = 1.0,
        threshold: float = 0.0,
        width: float = 0.05,
        ridge: float = 0.1,
        temperature: float | Schedule = 0.0,
        backend: str | None = None,
    ) -> None:
        super().__init__(similarity="gradient", ridge=ridge, temperature=temperature, backend=backend)
        self.quality = one_of("quality", quality, QUALITIES)
        self.quality_temperature = positive_throughout("quality_temperature", quality_temperature)
        self.threshold = threshold
        self.width = positive("width", width)

    @property
    def reads(self) -> tuple[str, ...]:
        """As in `Selector`."""
        return (*super().reads, *READS[self.quality])

    def _choose(self, offer: Offer, size: int) -> Tensor:
        quality = row_quality(
            self.quality,
            offer.samples,
            temperature=value_at(self.quality_temperature, self.progress),
            threshold=self.threshold,
            width=self.width,
        )
        return self.most_volume(offer, size, quality)


@register
class LearnableGradientLogDet(GradientLogDet):
    """`GradientLogDet` with quality sigmoid((loss - reference loss) / T).

    Cost, options and guesses are those of `GradientLogDet`.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import LearnableGradientLogDet
    >>> super_batch = SuperBatch(
    ...     torch.eye(2),
    ...     residuals=torch.ones(2, 2),
    ...     losses=torch.tensor([2.0, 2.0]),
    ...     reference_losses=torch.tensor([3.0, 0.1]),  # the first is noise
    ... )
    >>> LearnableGradientLogDet().select(super_batch, 1)
    tensor([1])
    """

    name = "gradient_logdet_learnable"
    description = "most volume of last-layer gradients, times learnability; greedy"
    paper = "this project"

    def __init__(self, quality: str = "learnability", **options: Any) -> None:
        super().__init__(quality, **options)


@register
class AgreeingGradientLogDet(GradientLogDet):
    """`GradientLogDet` with quality from the agreement of labels on the similarity graph: no reference model.

    Cost, options and guesses are those of `GradientLogDet`.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import AgreeingGradientLogDet
    >>> features = torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.05], [0.0, 1.0], [0.1, 1.0]])
    >>> labels = torch.tensor([0, 0, 1, 1, 1])  # the third is wrong
    >>> super_batch = SuperBatch(features, residuals=torch.ones(5, 2), labels=labels)
    >>> 2 in AgreeingGradientLogDet().select(super_batch, 4)
    False
    """

    name = "gradient_logdet_agreement"
    description = "most volume of last-layer gradients, times label agreement; greedy"
    paper = "this project"

    def __init__(self, quality: str = "label_agreement", **options: Any) -> None:
        super().__init__(quality, **options)


@register
class PatientGradientLogDet(GradientLogDet):
    """Gradient log-det, drawn, of samples that are learnable for their class and agree with their neighbours.

    This project's own: `GradientLogDet` with quality "class_learnability_agreement" and temperature 1, of the methods
    that look at every step's losses the one with the best worst case (docs/log/one-pass.md). Each part is there for a
    kind of data on which the rule without it lost: learnability is compared within the class because a reference model
    has a high loss on all of a class that it hardly knows (imbalance), labels are to agree with those of neighbours
    because a learner that has begun to fit wrong labels no longer finds them by its loss (noise), and agreement waits
    for the learner because neighbours in an untrained network's activations say little. All constants are guesses.

    It wants activations of the present network's last hidden layer as features, and losses that are cross-entropies.

    Cost and degenerate inputs are those of `GradientLogDet` with label agreement: O(M² d + M (d + c) size + M size²)
    time, O(M²) memory. With one class, learnability decides alone. A reference no better than guessing counts as caught
    up with by any learner that is.

    Parameters
    ----------
    temperature : float or Schedule
    **options
        Of `GradientLogDet`, quality excepted.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import PatientGradientLogDet
    >>> features = torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, 0.05], [0.0, 1.0], [0.1, 1.0]])
    >>> super_batch = SuperBatch(
    ...     features,
    ...     residuals=torch.ones(5, 2),
    ...     losses=torch.full((5,), 0.2),
    ...     reference_losses=torch.tensor([0.1, 0.1, 0.1, 5.0, 0.1]),  # the fourth is not learned by the reference
    ...     labels=torch.tensor([0, 0, 1, 1, 1]),  # the third is among samples of the other class
    ... )
    >>> PatientGradientLogDet(temperature=0.0).select(super_batch, 3).sort().values
    tensor([0, 1, 4])
    """

    name = "gradient_logdet_patient"
    description = "drawn volume of gradients, times learnability within the class and label agreement"
    paper = "this project"

    def __init__(self, *, temperature: float | Schedule = 1.0, **options: Any) -> None:
        super().__init__("class_learnability_agreement", temperature=temperature, **options)
