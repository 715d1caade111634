"""Portfolio: a bandit over a few methods, uniform always among them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from saln.selectors.base import Offer, Selector
from saln.selectors.gradient_logdet import LearnableGradientLogDet
from saln.selectors.registry import as_selector, register
from saln.selectors.rho_loss import RHOLoss
from saln.selectors.support.choices import one_of, positive
from saln.selectors.support.schedule import share
from saln.selectors.uniform import Uniform

REWARDS = ("super_batch", "probe", "none")


def default_arms() -> list[Selector]:
    """Uniform, and the two rules that held up best under label noise once they drew instead of taking the largest."""
    return [Uniform(), RHOLoss(temperature=1.0), LearnableGradientLogDet(temperature=1.0)]


@register
class Portfolio(Selector):
    """Every batch by one of several methods, drawn by what batches of each have lately been worth.

    This project's own: no single rule is safe on every kind of data, and a mixture of rules was, in its trial. A bandit
    with softmax choice (Sutton & Barto 1998, section 2.3) over discounted means of the rewards (as in discounted UCB,
    Garivier & Moulines 2011, arXiv 0805.3415, since what a method is worth changes over training). With z_a the mean of
    arm a less the mean of all rewards, over their standard deviation,

        P(a) = explore / A + (1 - explore) exp(z_a / T) / Σ_b exp(z_b / T).

    Uniform is always an arm. Where the rewards come from:

    - "probe": `update(reward)` once after the training step on every batch, best the relative fall of the mean loss on
      a small held-out probe; a trainer that does not know what selector it has calls `give_reward` instead, see there
    - "super_batch": no probe and no call: every super-batch arrives before it is trained on, so that its mean loss,
      less the mean reference loss where there is one (which takes out how hard it happens to be), is an estimate of how
      far training has come; its relative fall from one call to the next is the reward of the arm before
    - "none": a fixed mixture, all arms alike: the ablation

    The default arms, uniform, RHO-LOSS and gradient log-det × learnability, both at temperature 1, are what lost least
    to uniform anywhere in a small trial (images and text, clean and with 30 % label noise, two or three seeds): a lead,
    not a result. T and discount are guesses; the exploration is that of the trial before.

    Costs what the arm drawn costs, and O(M) for the mean loss; on an accelerator one synchronisation to read it and one
    to draw the arm.

    Parameters
    ----------
    arms : sequence of str or Selector, optional
        `default_arms()` when left out. Uniform is added where it is missing.
    reward : {"super_batch", "probe", "none"}
    explore : float
        Share of the steps spread evenly over the arms, 0 to 1.
    temperature : float
        T, in standard deviations of the reward.
    discount : float
        What a reward counts for after one more step, above 0 and at most 1.

    Attributes
    ----------
    last_arm : str or None
        Who chose the last batch.
    counts : dict of str to int
        Batches by each arm.

    Examples
    --------
    >>> import torch
    >>> from saln import SuperBatch
    >>> from saln.selectors import Portfolio
    >>> portfolio = Portfolio(["uniform", "herding"], reward="probe", explore=0.2)
    >>> super_batch, source = SuperBatch(torch.randn(20, 3)), torch.Generator().manual_seed(0)
    >>> for _ in range(100):
    ...     rows = portfolio.select(super_batch, 5, generator=source)
    ...     portfolio.update(0.01 if portfolio.last_arm == "herding" else -0.01)
    >>> portfolio.probabilities()["herding"] > 0.8
    True
    """

    name = "portfolio"
    description = "a bandit over several methods, uniform always among them"
    paper = "this project; after Garivier & Moulines 2011, arXiv 0805.3415"
    finite_in = ("features",)
    chooses_all = True

    def __init__(
        self,
        arms: Sequence[str | Selector] | None = None,
        *,
        reward: str = "super_batch",
        explore: float = 0.2,
        temperature: float = 0.5,
        discount: float = 0.98,
    ) -> None:
        selectors = default_arms() if arms is None else [as_selector(each) for each in arms]
        if all(each.name != "uniform" for each in selectors):
            selectors.insert(0, Uniform())
        self.arms = tuple(each.name for each in selectors)
        if len(set(self.arms)) != len(self.arms):
            raise ValueError(f"arms are {', '.join(self.arms)}, want none twice")
        self.inner = tuple(selectors)
        self.reward = one_of("reward", reward, REWARDS)
        self.explore = share("explore", explore)
        self.temperature = positive("temperature", temperature)
        if not 0 < discount <= 1:
            raise ValueError(f"discount is {discount}, want above 0 and at most 1")
        self.discount = discount
        self._forget()

    def _forget(self) -> None:
        self.last_arm: str | None = None
        self.counts = dict.fromkeys(self.arms, 0)
        self._weights = [0.0] * len(self.arms)  # discounted number of rewards of each arm
        self._sums = [0.0] * len(self.arms)  # and their sum
        self._squares = 0.0  # of all arms
        self._level: float | None = None  # mean loss of the last super-batch, less the reference's
        self._rewarded = True

    @property
    def reads(self) -> tuple[str, ...]:
        """As in `Selector`."""
        return ("losses",) if self.reward == "super_batch" else ()

    def _choose(self, offer: Offer, size: int) -> Tensor:
        if self.reward == "super_batch":
            self._look_at(offer)
        cumulated = torch.tensor(list(self.probabilities().values()), dtype=torch.float64).cumsum(dim=0)
        drawn = min(int((cumulated <= float(offer.uniform())).sum()), len(self.arms) - 1)
        chosen = offer.chosen_by(self.inner[drawn], size)
        self._give_weights(self.inner[drawn].last_weights)
        self.last_arm = self.arms[drawn]
        self.counts[self.last_arm] += 1
        self._rewarded = False
        return chosen

    @property
    def wants_reward(self) -> bool:
        """As in `Selector`: with `reward="probe"`, or where an arm does."""
        return self.reward == "probe" or super().wants_reward

    def update(self, reward: float) -> None:
        """As in `Selector`: once a batch, for the arm that chose it."""
        if not self.wants_reward:
            raise ValueError(f"{self.name}: update was called, but reward is {self.reward!r}, want 'probe'")
        if self.last_arm is None or self._rewarded:
            raise ValueError(f"{self.name}: update was called without a batch to reward")
        arm = self.inner[self.arms.index(self.last_arm)]
        if arm.wants_reward:
            arm.update(reward)
        if self.reward == "probe":
            self._reward(reward)

    def probabilities(self) -> dict[str, float]:
        """By which probability each arm chooses the next batch."""
        n_arms = len(self.arms)
        total = sum(self._weights)
        if total == 0:
            return dict.fromkeys(self.arms, 1 / n_arms)
        mean = sum(self._sums) / total
        spread = math.sqrt(max(self._squares / total - mean**2, 0.0))
        means = [
            total_of / weight if weight else mean for total_of, weight in zip(self._sums, self._weights, strict=True)
        ]
        scores = [(each - mean) / spread / self.temperature if spread > 1e-12 * abs(mean) else 0.0 for each in means]
        powers = [math.exp(each - max(scores)) for each in scores]
        return {
            name: self.explore / n_arms + (1 - self.explore) * power / sum(powers)
            for name, power in zip(self.arms, powers, strict=True)
        }

    def _look_at(self, offer: Offer) -> None:
        loss = offer["losses"].double().mean()
        level, reference = loss, offer.samples.reference_losses
        if reference is not None:
            level = level - reference.double().nanmean()
        now, scale = torch.stack([level, loss]).tolist()
        if self._level is not None and not self._rewarded and scale > 0:
            self._reward((self._level - now) / scale)
        self._level = now

    def _reward(self, reward: float) -> None:
        self._rewarded = True
        if self.last_arm is None or not math.isfinite(reward):
            return
        arm = self.arms.index(self.last_arm)
        self._weights = [self.discount * each for each in self._weights]
        self._sums = [self.discount * each for each in self._sums]
        self._weights[arm] += 1
        self._sums[arm] += reward
        self._squares = self.discount * self._squares + reward**2

    def reset(self) -> None:
        """As in `Selector`."""
        super().reset()
        self._forget()

    def state_dict(self) -> dict[str, Any]:
        """As in `Selector`."""
        return {
            **super().state_dict(),
            "last_arm": self.last_arm,
            "counts": dict(self.counts),
            "weights": list(self._weights),
            "sums": list(self._sums),
            "squares": self._squares,
            "level": self._level,
            "rewarded": self._rewarded,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As in `Selector`; a ValueError if the state is of other arms."""
        if tuple(state_dict["counts"]) != self.arms:
            raise ValueError(f"the state has the arms {', '.join(state_dict['counts'])}, want {', '.join(self.arms)}")
        super().load_state_dict(state_dict)
        self.last_arm = state_dict["last_arm"]
        self.counts = dict(state_dict["counts"])
        self._weights = list(state_dict["weights"])
        self._sums = list(state_dict["sums"])
        self._squares = state_dict["squares"]
        self._level = state_dict["level"]
        self._rewarded = state_dict["rewarded"]
