"""A batch sampler in the hands of trainers that nobody thought of: what it yields is what it says, wherever it was."""

import copy
import math
import pickle

import pytest
import torch
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from properties.examples import examples
from saln import SpectralBatchSampler

SELECTORS = {
    "auto": {},  # without labels and copies it abstains
    "lowest_degree": {"selector": "lowest_degree"},
    "k_center": {"selector": "k_center"},
    "spectral_candidates": {"selector": "spectral_candidates", "n_candidates": 4},
}
FEATURES = torch.randn(37, 4, generator=torch.Generator().manual_seed(0))
FEATURES[5] = torch.nan


class Walks(RuleBasedStateMachine):
    """The model: batches are a function of epoch and step, and a place to begin at."""

    @initialize(
        selector=st.sampled_from(sorted(SELECTORS)),
        batch_size=st.integers(1, 9),
        drop_last=st.booleans(),
        passes=st.sampled_from([None, 1, 2]),
        ahead=st.sampled_from([0, 0, 2]),
        seed=st.integers(0, 3),
        ranks=st.sampled_from([(0, 1), (0, 1), (0, 2), (1, 2), (2, 3)]),
    )
    def begin(
        self, selector: str, batch_size: int, drop_last: bool, passes: int | None, ahead: int, seed: int,
        ranks: tuple[int, int],
    ) -> None:  # fmt: skip
        self.options = {
            "batch_size": batch_size, "drop_last": drop_last, "passes": passes, "seed": seed, **SELECTORS[selector],
        }  # fmt: skip
        self.how = {"ahead": ahead, "rank": ranks[0], "world_size": ranks[1]}
        self.truth = SpectralBatchSampler(FEATURES, **self.options)
        self.sampler = SpectralBatchSampler(FEATURES, **self.how, **self.options)
        world_size, n_batches = ranks[1], self.truth.n_batches
        self.n_steps = n_batches // world_size if drop_last else math.ceil(n_batches / world_size)
        assume(self.n_steps)
        self.rest_at(0, 0)

    def rest_at(self, epoch: int, step: int) -> None:
        """No walk is under way: the next begins where a state would go on."""
        if step == len(self.sampler):
            epoch, step = epoch + 1, 0
        self.begins = self.place = (epoch, step)
        self.under_way = False

    @rule(count=st.integers(1, 60))
    def walk(self, count: int) -> None:
        """Some batches of an epoch, or all of it; then the loop is left."""
        epoch, step = self.begins
        batches = []
        for batch in self.sampler:
            batches.append(batch)
            if len(batches) == count:
                break
        left = len(self.sampler) - step
        for n, batch in enumerate(batches):
            number = (step + n) * self.how["world_size"] + self.how["rank"]
            if number < self.truth.n_batches:  # else it is what fills up the last step of all ranks
                assert batch == self.truth.batch_at(epoch, number)
        assert len(batches) == min(count, left)
        assert all(len(set(batch)) == len(batch) and 5 not in batch for batch in batches)
        if count > left:
            self.rest_at(epoch + 1, 0)
        else:
            self.begins, self.under_way = (epoch + 1, 0), True
            self.place = self.reached = (epoch, step + len(batches))

    @rule(other=st.integers(0, 3))
    def resume(self, other: int) -> None:
        """In another process: the state as it is pickled, in a sampler of another seed."""
        state = pickle.loads(pickle.dumps(self.sampler.state_dict()))
        self.sampler = SpectralBatchSampler(FEATURES, **self.how, **{**self.options, "seed": other})
        self.sampler.load_state_dict(state)
        self.rest_at(*self.place)

    @rule(more=st.integers(1, 2))
    def other_ranks(self, more: int) -> None:
        """A state of another number of ranks is refused, and changes nothing."""
        state = {**self.sampler.state_dict(), "world_size": self.how["world_size"] + more}
        with pytest.raises(ValueError, match="world_size"):
            self.sampler.load_state_dict(state)

    @rule()
    def rewind(self) -> None:
        """Its own state, loaded at once."""
        self.sampler.load_state_dict(self.sampler.state_dict())
        self.rest_at(*self.place)

    @rule(epoch=st.integers(0, 5))
    def set_epoch(self, epoch: int) -> None:
        """Of the next walk; a place in it that was restored stays, one that a walk left does not."""
        self.sampler.set_epoch(epoch)
        if self.under_way:
            self.begins = (epoch, 0)
            self.place = self.reached if epoch == self.reached[0] else (epoch, 0)
        elif epoch != self.begins[0]:
            self.rest_at(epoch, 0)

    @rule(data=st.data())
    def skip(self, data: st.DataObject) -> None:
        epoch, step = self.begins
        count = data.draw(st.integers(0, len(self.sampler) - step))
        self.sampler.skip(count)
        self.rest_at(epoch, step + count)

    @rule()
    def reset(self) -> None:
        self.sampler.reset()
        self.rest_at(0, 0)

    @rule()
    def duplicate(self) -> None:
        """A copy goes on where this one is, and leaves it alone."""
        other = copy.deepcopy(self.sampler)
        assert other.next_place == self.sampler.next_place
        next(iter(other), None)
        assert self.sampler.next_place == self.begins

    @invariant()
    def tells_where_it_is(self) -> None:
        if hasattr(self, "begins"):
            assert len(self.sampler) == self.n_steps
            assert (self.sampler.place, self.sampler.next_place) == (self.place, self.begins)


TestWalks = Walks.TestCase
TestWalks.settings = examples(8)
