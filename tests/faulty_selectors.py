"""A sound selector, and one for every fault that the check of selectors finds."""

import numpy as np
import torch

from saln.selectors import Offer, Selector


class Lowest(Selector):
    """The first rows, as it should be; each class below breaks one thing."""

    name, description, paper = "lowest", "the first rows", "a test"

    def __init__(self, shift: int = 0) -> None:
        self.shift = shift

    def _choose(self, offer: Offer, size: int) -> torch.Tensor:
        return torch.arange(size)


class Nameless(Lowest):
    description = ""


class Strange(Lowest):
    reads = ("colours",)


class Twice(Lowest):
    def _choose(self, offer, size):
        return torch.zeros(size, dtype=torch.int64)


class Short(Lowest):
    def _choose(self, offer, size):
        return torch.arange(size - 1)


class Floats(Lowest):
    def select(self, super_batch, size, **options):
        return super().select(super_batch, size, **options).float()


class Own(Lowest):
    """Chance of its own."""

    def _choose(self, offer, size):
        return torch.from_numpy(np.random.default_rng().permutation(len(offer))[:size])


class Scribbler(Lowest):
    def _choose(self, offer, size):
        offer.features.zero_()
        return torch.arange(size)


class Whole(Lowest):
    """Goes by how many candidates it is given at a time."""

    def _choose(self, offer, size):
        n = offer.work_out(lambda rows: torch.full((len(rows), 1), len(rows)), torch.arange(8).unsqueeze(1))
        return (torch.arange(size) + n.amax()) % len(offer)


class Fragile(Lowest):
    """Needs two rows."""

    def _choose(self, offer, size):
        torch.linalg.inv(offer.features.T @ offer.features)
        return torch.arange(size)


class Credulous(Lowest):
    def eligible(self, super_batch):
        return torch.ones(len(super_batch), dtype=torch.bool)


class Overflowing(Lowest):
    """Squares, and believes all that is finite."""

    def eligible(self, super_batch):
        return super_batch.finite_rows(self.reads)

    def _choose(self, offer, size):
        squares = offer.features @ offer.features.T
        return (squares / squares.amax()).sum(dim=1).argsort()[:size] if squares.isfinite().all() else torch.zeros(size)


class Secretive(Lowest):
    """Reads more than it says."""

    def _choose(self, offer, size):
        return offer["losses"].argsort()[:size]


class Forgetful(Lowest):
    """Remembers, without a state."""

    calls = 0

    def _choose(self, offer, size):
        self.calls += 1
        return (torch.arange(size) + self.calls) % len(offer)


class Stuck(Forgetful):
    """Its state is saved, but a reset does nothing."""

    def state_dict(self):
        return {"calls": self.calls}

    def load_state_dict(self, state_dict):
        self.calls = state_dict["calls"]


class Shared(Stuck):
    """Its state is no copy."""

    def __init__(self):
        self.seen = []

    def _choose(self, offer, size):
        self.seen.append(size)
        return (torch.arange(size) + len(self.seen)) % len(offer)

    def reset(self):
        super().reset()
        self.seen = []

    def state_dict(self):
        return {"seen": self.seen}

    def load_state_dict(self, state_dict):
        self.seen = list(state_dict["seen"])


class Weighing(Lowest):
    def _choose(self, offer, size):
        self._give_weights(torch.ones(size))
        return torch.arange(size)


class Abstaining(Lowest):
    abstains = True

    def _choose(self, offer, size):
        return torch.arange(size).flip(0)


class Copying(Lowest):
    def get_params(self, deep=True):
        return {"shift": [1]} if deep else {"shift": [self.shift]}


FAULTS = {
    Nameless: "facts: description is ''",
    Strange: "facts: it reads colours, want fields of a super-batch",
    Copying: "options: option shift is",
    Twice: "sizes: rows are",
    Short: r"sizes: rows have shape \[0\], want \[1\]",
    Floats: "sizes: rows are torch.float32, want int64",
    Own: "options: a clone chooses other rows",
    Scribbler: "nothing is changed: it changes features",
    Whole: "candidates shared out: it chooses other rows",
    Fragile: "degenerate super batches: rows that are alike: ",
    Credulous: "rows that are not finite: features that are not finite: ",
    Overflowing: r"finite values that overflow: features of 1e\+20: ",
    Secretive: "missing tensors: ",
    Forgetful: "state: its choices depend on earlier calls, but has_memory is False",
    Stuck: "state: after a reset it chooses other rows",
    Shared: "state: its state changes after it was saved",
    Weighing: "abilities: it gives weights, but gives_weights is False",
    Abstaining: "abilities: it abstains, but chooses",
}
