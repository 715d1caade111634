"""The default: gradients that training remembers, by what one look at the dataset says each sample is worth."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter

import torch
from torch import Tensor

import saln_kernels
from saln.selectors.base import Offer, Selector
from saln.selectors.kinds.comparing import mean_diagonal
from saln.selectors.registry import register
from saln.selectors.support.choices import one_of
from saln.selectors.support.first_sight import DOUBTED, HELD_BACK, FirstSight
from saln.selectors.support.known import Known, look_at
from saln.selectors.support.listener import Listener
from saln.selectors.support.places import Places
from saln.selectors.support.range import fits
from saln.selectors.support.trained import Trained
from saln.superbatch import SuperBatch

METRICS = {
    "accuracy": 0.0,
    "f1_micro": 0.0,
    "f1_weighted": 0.0,
    "log_loss": 0.0,
    "roc_auc": 0.0,
    "roc_auc_ovr": 0.0,
    "balanced_accuracy": 0.5,
    "f1_macro": 0.5,
    "precision_macro": 0.5,
    "recall_macro": 0.5,
}
"""What a model may be judged by, in scikit-learn's names, and the power of the class frequency that quality is over."""
RIDGE = 0.1
TINY = 1e-12
STAGES = ("gradients", "features", "drawn", "learner", "shuffled")


@register
class Auto(Selector):
    """The default: the batch of most gradient volume, of samples that are worth learning.

    This project's own. `prepare` looks at the dataset once: how credible each label is and what a linear model of
    other samples loses on it (`saln.inspection.labels`), which samples are near copies (`saln.inspection.copies`), the
    leading directions of the features. No forward pass is added: losses and residuals are those that training itself
    had when it last trained the sample (`sampler.recorder`); a sample that it has not come to yet has those of a guess.
    What a batch is chosen by, its stage, is what there is to choose by:

    - "gradients": greedy maximum of log det(I + q_i K_ij q_j / σ²) with K_ij = (r_i·r_j)(h_i·h_j), the Gram matrix of
      last-layer gradients of residuals r and features h. Quality q is sigmoid(loss - out-of-fold loss), how much is
      left to learn, times the credibility of the label, over the root of the number of near copies, and over 1 + how
      often training had one of these, as far as labels are wrong. What is remembered holds the less the longer ago it
      was (`support.trained`): lengths of residuals go to the mean of late, losses to what they are out of fold. A
      sixteenth of the batch is drawn at random: nothing is left out for good.
    - "features": nothing is recorded, but there are doubtful labels or copies: the same with K_ij = h_i·h_j, and
      quality without the losses.
    - "drawn": the features say next to nothing of the labels, so that nobody can tell what is hard from what is wrong;
      but there are copies, or classes count alike: rows are drawn by quality, in which labels then have no part.
    - "learner": the learner has come to name the labels of samples it never saw as often as the look does
      (`support.first_sight`), as pretrained networks soon do: a shuffled epoch, but for samples of which it was sure of
      another label when it first met them.
    - "shuffled": there is nothing to choose by, or features say next to nothing of the labels.

    O(N d (d + c)) time for the look, O(N (w + c)) memory; a batch costs O(M (w + c) size + M size²), w at most 64
    directions. A super-batch of a dataset that was not looked at is looked at by itself.

    Parameters
    ----------
    metric : str
        What the model is judged by, one of `METRICS`: where classes count alike, quality is over the root of the
        class's frequency, and a repeat counts as the class is large.
    credibility, copies, learnability, spectrum, repeats, forgetting : bool
        Parts that can be left out: doubts of labels; copies that share a sample's worth; the sigmoid; the determinant,
        without which the rows of largest q² K_ii are taken; repeats; that memory fades.
    step_back : bool
        Whether the learner may become the judge.
    seed : int
        Of the look.
    backend : str, optional
        As in `saln_kernels.greedy_logdet`.

    Attributes
    ----------
    known : Known or None
        What the look at the dataset said.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import Auto
    >>> features = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [-1.0, 0.5]])
    >>> selector = Auto()
    >>> selector.select(SuperBatch(features), 3).tolist(), selector.last_report.stage  # a copy comes last
    ([1, 3, 0], 'features')
    """

    name = "auto"
    description = "the default: volume of remembered gradients, by label credibility, copies and what is left to learn"
    paper = "this project"
    finite_in = ("features",)
    wants_dataset = True

    def __init__(
        self,
        *,
        metric: str = "accuracy",
        credibility: bool = True,
        copies: bool = True,
        learnability: bool = True,
        spectrum: bool = True,
        repeats: bool = True,
        forgetting: bool = True,
        step_back: bool = True,
        seed: int = 0,
        backend: str | None = None,
    ) -> None:
        self.metric = one_of("metric", metric, tuple(METRICS))
        self.credibility = credibility
        self.copies = copies
        self.learnability = learnability
        self.spectrum = spectrum
        self.repeats = repeats
        self.forgetting = forgetting
        self.step_back = step_back
        self.seed = seed
        self.backend = backend
        self.known: Known | None = None
        self._places: Places | None = None
        self._sight: FirstSight | None = None
        self._trained: Trained | None = None
        self._stages: Counter[str] = Counter()

    @property
    def reads(self) -> tuple[str, ...]:
        """As in `Selector`; features are looked at once, by `prepare`."""
        return () if self.known is None else ("indices",)

    @property
    def uses(self) -> tuple[str, ...]:
        """As in `Selector`: where the dataset has labels."""
        return ("losses", "residuals") if self.known is None or self.known.losses is not None else ()

    @property
    def abstains(self) -> bool:
        """As in `Selector`: the dataset that was looked at has nothing to choose by, and no labels."""
        return self.known is not None and not self.known.tells and not self.uses

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """As in `Selector`."""
        return tuple(each for each in (self._sight, self._trained) if each is not None)

    @property
    def figures(self) -> dict[str, float]:
        """What features say of labels, shares of wrong labels and near copies, by the look; batches of each stage; how
        often learner and look named the labels of samples that the learner first met.
        """
        found = {f"batches_{stage}": float(self._stages[stage]) for stage in STAGES if self._stages[stage]}
        if self.known is not None:
            known = self.known
            found |= {} if known.skill is None else {"skill": known.skill}
            found |= {"wrong_labels": known.noise} if known.losses is not None else {}
            found |= {"near_copies": known.surplus, **({"abstains": 1.0} if self.abstains else {})}
        if self._sight is not None:
            learner, look = self._sight.shares
            found |= {"learner_right": learner, "look_right": look} if not math.isnan(learner) else {}
        return found

    @torch.no_grad()
    def prepare(self, pool: SuperBatch) -> None:
        """As in `Selector`: look at the whole dataset; features, and labels and indices where it has them.

        Raises a ValueError if two of the indices are the same.
        """
        indices = pool.indices if pool.indices is not None else torch.arange(len(pool), device=pool.device)
        self._places = Places(indices)
        self.known = self._look(pool)
        self._sight = self._trained = None
        if self.uses:
            self._trained = Trained(self.known.groups)
        if self.step_back and self.known.right is not None and pool.labels is not None:
            self._sight = FirstSight(pool.labels, self.known.right, seed=self.seed)

    def reset(self) -> None:
        """As in `Selector`."""
        super().reset()
        self._stages.clear()

    def _look(self, samples: SuperBatch) -> Known:
        return look_at(
            samples,
            credibility=self.credibility,
            copies=self.copies,
            balance=METRICS[self.metric],
            seed=self.seed,
        )

    def _choose(self, offer: Offer, size: int) -> Tensor:
        if self.known is None or self._places is None:
            known, rows = self._look(offer.samples), offer.everything[0]
        else:
            known, rows = self.known, self._places.of(offer["indices"])
        residuals = offer.samples.residuals if known.losses is not None else None
        if self._sight is not None and self._sight.overtaken:
            stage, chosen = "learner", (self._sight.trust[rows] < DOUBTED).float().argsort(stable=True)[:size]
        elif residuals is not None:
            stage, chosen = "gradients", self._by_gradients(offer, size, known, rows, residuals)
        elif known.tells and not known.skilled:
            stage, chosen = "drawn", offer.draw(known.quality[rows].double().log(), size)
        elif known.tells:
            quality, _, directions = known.take(rows)
            stage, chosen = "features", self._most_volume(directions, None, quality, size)
        else:  # what samplers offer comes shuffled
            stage, chosen = "shuffled", (offer.everything[0] if self.known else offer.shuffled(len(offer)))[:size]
        self._stages[stage] += 1
        assert self.last_report is not None
        self.last_report = dataclasses.replace(self.last_report, stage=stage)
        return chosen

    def _by_gradients(self, offer: Offer, size: int, known: Known, rows: Tensor, residuals: Tensor) -> Tensor:
        quality, reference, directions = known.take(rows)
        losses, trained = offer.samples.losses, self._trained
        usable = fits(offer.samples, {"residuals": offer.samples.reach("residuals")})
        residuals = residuals.where(usable.unsqueeze(1), 0)
        fades = self.forgetting and trained is not None
        forgotten = trained.forgotten(rows) if trained is not None and fades else torch.zeros_like(quality)
        if self.learnability and losses is not None and reference is not None:
            quality = quality * ((1 - forgotten) * (losses.float() - reference)).sigmoid()
        if trained is not None and fades:
            squares = residuals.float().square().sum(dim=1)
            by_now = torch.where(forgotten > 0, squares.lerp(trained.square, forgotten), squares)
            quality = quality * (by_now / squares.clamp_min(TINY)).sqrt()
        if trained is not None and self.repeats:
            quality = quality / (1 + known.turn[rows] * trained.times(rows))
        quality = quality.where(usable & quality.isfinite(), 0)  # what cannot be read comes last
        if self.known is None:
            return self._most_volume(directions, residuals, quality, size)
        drawn, free = self._drawn(rows, size)
        grown = self._most_volume(directions[free], residuals[free], quality[free], size - drawn.numel())
        return torch.cat([free[grown], drawn])

    def _drawn(self, rows: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """Places drawn at random, those held back before others, and those to choose from."""
        n_drawn = int(size * HELD_BACK)
        held = torch.zeros_like(rows, dtype=torch.bool) if self._sight is None else self._sight.held[rows]
        in_turn = (~held).float().argsort(stable=True)  # super-batches come shuffled
        rest = in_turn[n_drawn:]
        free = rest[~held[rest]]
        return in_turn[:n_drawn], free if free.numel() >= size - n_drawn else rest

    def _most_volume(self, directions: Tensor, residuals: Tensor | None, quality: Tensor, size: int) -> Tensor:
        """Places, int64 `[size]`, by the determinant, or without `spectrum` by the diagonal."""
        similarity = "linear" if residuals is None else "gradient"
        scale = mean_diagonal(directions, residuals, similarity)
        assert scale is not None
        weight = (quality / torch.where(scale > 0, scale, 1).sqrt()).float()
        if not self.spectrum:
            squares = directions.square().sum(dim=1)
            squares = squares if residuals is None else squares * residuals.float().square().sum(dim=1)
            return (weight.square() * squares).argsort(descending=True, stable=True)[:size]
        grown = saln_kernels.greedy_logdet(
            directions,
            torch.arange(quality.numel(), device=quality.device).unsqueeze(0),
            size,
            similarity=similarity,
            residuals=None if residuals is None else residuals.float(),
            quality=weight,
            sigma=math.sqrt(RIDGE),
            check_bounds=False,
            backend=self.backend,
        )
        return grown.positions[0]
