"""What is kept of a training, in whatever order it comes: the recorder and a history, against plain dictionaries."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
import tempfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from torch import Tensor

from properties.examples import examples
from saln import History, SuperBatch
from saln.datasets import load_state
from saln.sampling.recorder import Recorder

N = 11
INDICES = (7 * torch.arange(N) + 3) % 31  # of the dataset, in no order, and more than there are rows
SHARES = 64
"""Probabilities are whole multiples of 1 / SHARES: then residuals are exact, and ties are ties."""
BROKEN = (math.nan, math.inf, -math.inf)
ROWS = st.lists(st.integers(0, N - 1), unique=True, max_size=6)


@st.composite
def residuals_of(draw: st.DrawFn, n_rows: int, n_classes: int) -> Tensor:
    """[B, C] softmax minus one-hot, of any labels; some rows broken."""
    found = torch.zeros(n_rows, n_classes, dtype=torch.float64)
    for row in found:
        cuts = sorted(draw(st.lists(st.integers(0, SHARES), min_size=n_classes - 1, max_size=n_classes - 1)))
        parts = [high - low for low, high in zip([0, *cuts], [*cuts, SHARES], strict=True)]
        row += torch.tensor(parts) / SHARES
        row[draw(st.integers(0, n_classes - 1))] -= 1
        if draw(st.integers(0, 7)) == 0:
            row[draw(st.integers(0, n_classes - 1))] = draw(st.sampled_from(BROKEN))
    return found.to(draw(st.sampled_from([torch.float32, torch.float64, torch.bfloat16])))


class Counts:
    """What a history should have counted, row by row, by the definitions."""

    def __init__(self, early: int) -> None:
        self.early = early
        self.seen: dict[int, list[tuple[float, bool]]] = {row: [] for row in range(N)}  # length, and whether right

    def record(self, rows: list[int], residuals: Tensor) -> None:
        for row, residual in zip(rows, residuals.double().tolist(), strict=True):
            if all(map(math.isfinite, residual)):
                label = residual.index(min(residual))
                others = [share for place, share in enumerate(residual) if place != label]
                right = residual[label] + 1 > max(others)
                self.seen[row].append((math.hypot(*residual), right))

    def check(self, history: History) -> None:
        for row, seen in self.seen.items():
            lengths = [length for length, _ in seen[: self.early]]
            right = [each for _, each in seen]
            events = sum(one and not other for one, other in itertools.pairwise(right))
            el2n, forgetting = history.el2n()[row].item(), history.forgetting()[row].item()
            if not seen:
                assert math.isnan(el2n)
                assert math.isnan(forgetting)
                continue
            assert el2n == pytest.approx(sum(lengths) / len(lengths), rel=1e-6)
            assert forgetting == (events if any(right) else math.inf)


class Histories(RuleBasedStateMachine):
    """A history is what it heard, whether it was saved, copied or sent on the way."""

    @initialize(early=st.integers(1, 3), n_classes=st.integers(2, 4))
    def begin(self, early: int, n_classes: int) -> None:
        self.history, self.counts, self.n_classes = History(N, early=early), Counts(early), n_classes

    @rule(rows=ROWS, data=st.data())
    def record(self, rows: list[int], data: st.DataObject) -> None:
        residuals = data.draw(residuals_of(len(rows), self.n_classes))
        self.history.record(torch.tensor(rows, dtype=torch.int64), residuals)
        self.counts.record(rows, residuals)

    @rule()
    def save(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self.history.save(Path(folder) / "h.npz")
            found = History.load(Path(folder) / "h.npz")
        assert (found.n_rows, found.early) == (N, self.history.early)
        self.history = found

    @rule(how=st.sampled_from([copy.deepcopy, lambda history: pickle.loads(pickle.dumps(history))]))
    def duplicate(self, how: Any) -> None:
        """A copy goes on, and what it was made of knows nothing of that."""
        before, self.history = self.history, how(self.history)
        before.clear()

    @rule(other=st.integers(0, 3))
    def go_on(self, other: int) -> None:
        """In another one, which had counted something else; the state is a copy."""
        state, found = self.history.state_dict(), History(N, early=self.history.early)
        found.record(torch.arange(other), torch.full((other, 2), 0.5))
        self.history.clear()
        found.load_state_dict(state)
        self.history = found

    @rule(n_rows=st.sampled_from([0, 1, N - 1, N + 1]))
    def another(self, n_rows: int) -> None:
        """A state of another number of rows is refused, and changes nothing."""
        with pytest.raises(ValueError, match=rf"the state is of {n_rows} rows, want {N}"):
            self.history.load_state_dict(History(n_rows).state_dict())

    @rule()
    def clear(self) -> None:
        self.history.clear()
        self.counts = Counts(self.counts.early)

    @invariant()
    def counts_right(self) -> None:
        if hasattr(self, "history"):
            self.counts.check(self.history)


class Records(RuleBasedStateMachine):
    """A recorder knows of each sample the last finite record, of whatever batch it was, and how long ago that is."""

    @initialize(uses=st.booleans(), n_classes=st.integers(2, 4), watched=st.booleans())
    def begin(self, uses: bool, n_classes: int, watched: bool) -> None:
        self.options = {"uses" if uses else "needs": ["residuals"]}
        self.n_classes, self.watched = n_classes, watched
        self.recorder, self.history = self.made()
        self.forget()

    def made(self) -> tuple[Recorder, History]:
        samples = SuperBatch(torch.zeros(N, 1), labels=torch.arange(N) % 2, indices=INDICES)
        recorder, history = Recorder(samples, **{"needs": (), **self.options}), History(N, early=2)
        if self.watched:
            recorder.watch(history)
        return recorder, history

    def forget(self) -> None:
        self.losses: dict[int, float] = {}
        self.residuals: dict[int, Tensor] = {}
        self.steps: dict[int, int] = {}
        self.counts = Counts(2)
        self.n_records = self.now = 0
        self.go_elsewhere()

    def go_elsewhere(self) -> None:
        """No batch that was served is waited for."""
        self.waiting: list[tuple[int, list[int]]] = []
        self.last: int | None = None

    @rule(batches=st.lists(ROWS, min_size=1, max_size=4), gap=st.sampled_from([0, 0, 0, 2]))
    def serve_some(self, batches: list[list[int]], gap: int) -> None:
        for place, rows in enumerate(batches):
            self.serve(rows, 0 if place else gap)

    def serve(self, rows: list[int], gap: int) -> None:
        """The sampler serves a batch; after a gap in the steps what was served before is not waited for."""
        step = 0 if self.last is None else self.last + 1 + gap
        self.recorder.served(step, tuple(INDICES[rows].tolist()))
        self.waiting = [*(self.waiting if gap == 0 else []), (step, rows)]
        self.last = step

    def put(self, rows: list[int], step: int, data: st.DataObject, indices: Any) -> None:
        residuals = data.draw(residuals_of(len(rows), self.n_classes))
        numbers = st.floats(-(2**20), 2**20, width=32) | st.sampled_from(BROKEN)
        losses = torch.tensor(data.draw(st.lists(numbers, min_size=len(rows), max_size=len(rows))))
        self.recorder.record(losses, indices, residuals=residuals)
        for place, row in enumerate(rows):
            self.steps[row] = step
            if losses[place].isfinite() and residuals[place].isfinite().all():
                self.losses[row], self.residuals[row] = losses[place].item(), residuals[place].float()
        self.n_records, self.now = self.n_records + 1, max(self.now, step)
        if self.watched:
            self.counts.record(rows, residuals)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def record_next(self, data: st.DataObject) -> None:
        """The batch that training is at: the first of those served."""
        step, rows = self.waiting.pop(0)
        self.put(rows, step, data, None)

    @rule(rows=ROWS, as_list=st.booleans(), data=st.data())
    def record_rows(self, rows: list[int], as_list: bool, data: st.DataObject) -> None:
        self.record(rows, as_list, data)

    def record(self, rows: list[int], as_list: bool, data: st.DataObject) -> None:
        """Any rows by their indices: of the first batch served that holds them all; those before are passed over."""
        place = next((place for place, (_, batch) in enumerate(self.waiting) if set(rows) <= set(batch)), None)
        step = self.now
        if place is not None:
            step, batch = self.waiting[place]
            del self.waiting[: place + (len(rows) == len(batch))]
        self.put(rows, step, data, INDICES[rows].tolist() if as_list else INDICES[rows])

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def record_served(self, data: st.DataObject) -> None:
        """All or some rows of a batch that was served, not always of the first."""
        _, batch = data.draw(st.sampled_from(self.waiting[::-1]))
        rows = data.draw(st.permutations(batch))
        self.record(rows[: data.draw(st.integers(0, len(rows)))], True, data)

    @rule(rows=st.lists(st.integers(0, N - 1), unique=True, min_size=1, max_size=4), data=st.data())
    def wrong(self, rows: list[int], data: st.DataObject) -> None:
        """What does not fit is refused, and changes nothing; with another width, an index that there is not."""
        b, c = len(rows), self.n_classes
        good, indices = torch.zeros(b, c), INDICES[rows]
        cases = [
            (indices + 100, good, "which is not among the sampler's samples"),
            (INDICES[:0], good, f"indices are 0, want {b}"),
            (indices, good[0], "residuals has shape"),
            (indices, None, "residuals are left out"),
        ]
        if self.residuals or self.recorder.values("residuals") is not None:
            cases.append((indices, torch.zeros(b, c + 1), f"residuals has {c + 1} columns, want {c}"))
        given, residuals, words = data.draw(st.sampled_from(cases))
        if words == "residuals are left out" and "uses" in self.options:
            return  # then it goes on without, and says so
        with pytest.raises(ValueError, match=words):
            self.recorder.record(torch.zeros(b), given, residuals=residuals)

    @rule()
    def clear(self) -> None:
        self.recorder.clear()
        self.forget()

    @rule(how=st.sampled_from(["pickled", "torch", "as it is"]))
    def resume(self, how: str) -> None:
        """In another recorder, which had recorded something else: what was served and not recorded is served again."""
        state = self.recorder.state_dict()
        if how == "pickled":
            state = pickle.loads(pickle.dumps(state))
        if how == "torch" and state is not None:
            with tempfile.TemporaryDirectory() as folder:
                torch.save(state, Path(folder) / "s.pt")
                state = load_state(Path(folder) / "s.pt")
        before, (self.recorder, self.history) = self.recorder, self.made()
        self.recorder.record(torch.ones(2), INDICES[:2], residuals=torch.ones(2, 3))
        before.record(torch.zeros(N), INDICES, residuals=torch.zeros(N, self.n_classes))
        self.recorder.load_state_dict(state)
        before.clear()
        self.go_elsewhere()
        assert (state is None) == (self.n_records == 0)

    @rule(pickled=st.booleans())
    def duplicate(self, pickled: bool) -> None:
        """A copy goes on, with the history that listens."""
        both = self.recorder, self.history
        self.recorder, self.history = pickle.loads(pickle.dumps(both)) if pickled else copy.deepcopy(both)
        both[0].clear()

    @rule(rows=st.sampled_from([1, N - 1]))
    def another(self, rows: int) -> None:
        """A state of another number of rows, or of other listeners, is refused, and changes nothing."""
        samples = SuperBatch(torch.zeros(rows, 1), indices=torch.arange(rows))
        other = Recorder(samples, ["residuals"])
        other.record(torch.ones(1), [0], residuals=torch.ones(1, 2))
        state = other.state_dict()
        assert state is not None
        with pytest.raises(ValueError, match="the state"):
            self.recorder.load_state_dict(state)

    @invariant()
    def knows(self) -> None:
        if not hasattr(self, "recorder"):
            return
        for name, known in (("losses", self.losses), ("residuals", self.residuals)):
            found = self.recorder.values(name)
            if found is None:
                assert not self.n_records
                continue
            for row in range(N):
                wanted = torch.as_tensor(known.get(row, math.nan), dtype=torch.float32)
                assert torch.equal(found[row].nan_to_num(-9.0), wanted.expand_as(found[row]).nan_to_num(-9.0))
        assert self.recorder.n_records == self.n_records
        if self.watched:
            self.counts.check(self.history)

    @invariant()
    def tells_ages(self) -> None:
        if not hasattr(self, "recorder") or not self.n_records:
            return
        rows, step = torch.arange(0, N, 2), self.now + 3
        ages = [step - self.steps[row] for row in rows.tolist() if row in self.steps]
        age, unseen = self.recorder.ages(rows, step)
        assert age == (pytest.approx(sum(ages) / len(ages)) if ages else None)
        assert unseen == pytest.approx(1 - len(ages) / len(rows))

    @invariant()
    def fills(self) -> None:
        """What a selector is offered: what is known, and of others what one who guesses between two classes makes."""
        if not hasattr(self, "recorder"):
            return
        rows = torch.arange(N - 1, -1, -3)
        labels = torch.arange(N) % 2
        found = self.recorder.fill(SuperBatch(torch.zeros(len(rows), 1), indices=INDICES[rows]), rows)
        if "uses" in self.options and not self.n_records:
            assert found.residuals is None
            return
        residuals = found.residuals
        assert residuals is not None
        width = residuals.shape[1]
        for place, row in enumerate(rows.tolist()):
            guess = 1 / width - torch.nn.functional.one_hot(labels[row], width)
            torch.testing.assert_close(residuals[place], self.residuals.get(row, guess), rtol=0, atol=1e-6)
            if found.losses is not None:
                assert found.losses[place].item() == pytest.approx(self.losses.get(row, math.log(2)), abs=1e-6)


TestHistories = Histories.TestCase
TestHistories.settings = examples(10)
TestRecords = Records.TestCase
TestRecords.settings = examples(12)
