"""Where a sampler is in its epochs: settled lazily, saved, restored and moved on without computing a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator


class EpochCursor:
    """The epoch and step that the newest walk has reached, or where the next one starts.

    A walk settles its epoch when its first batch is asked for, not when it is made, because loaders make iterators that
    they never use. `set_epoch` names the epoch of the next walk; without it each walk takes the epoch after the last
    one. Only the newest walk moves the cursor.

    Parameters
    ----------
    n_steps : callable
        How many batches an epoch has; asked whenever it matters, because the number of ranks is known late.

    Examples
    --------
    >>> from saln.sampling.walk import EpochCursor, EpochWalk
    >>> cursor = EpochCursor(lambda: 2)
    >>> list(EpochWalk(cursor, lambda epoch, step: [epoch, step]))
    [[0, 0], [0, 1]]
    >>> cursor.position
    (1, 0)
    """

    def __init__(self, n_steps: Callable[[], int]) -> None:
        self._n_steps = n_steps
        self._epoch = 0
        self._step = 0
        self._untouched = True  # no walk has started from here yet
        self._wanted: int | None = None  # by set_epoch while a walk is under way
        self._walk: EpochWalk | None = None
        self.broke_off = False  # the walk before the present one did not come to its end

    @property
    def n_steps(self) -> int:
        """Batches of an epoch."""
        return self._n_steps()

    @property
    def position(self) -> tuple[int, int]:
        """Epoch and batches already given of it."""
        if self._wanted is not None and self._wanted != self._epoch:
            return self._wanted, 0
        return self._epoch, self._step

    @property
    def starts(self) -> bool:
        """Whether no batch was given yet of the walk under way."""
        return self._step == 0

    @property
    def next_start(self) -> tuple[int, int]:
        """Where a walk that started now would start."""
        if self._wanted is not None:
            return self._wanted, 0
        return (self._epoch, self._step) if self._untouched else (self._epoch + 1, 0)

    def set_epoch(self, epoch: int) -> None:
        """Name the epoch of the next walk; a restored position in that same epoch stays."""
        if self._untouched:
            if epoch != self._epoch:
                self._epoch, self._step = epoch, 0
        else:
            self._wanted = epoch

    def restore(self, epoch: int, step: int) -> None:
        """Let the next walk start here; at an epoch's end that is the start of the next."""
        if epoch < 0 or not 0 <= step <= self.n_steps:
            raise ValueError(f"epoch and step are {epoch} and {step}, want at least 0 and 0 to {self.n_steps}")
        if step == self.n_steps:
            epoch, step = epoch + 1, 0
        self._place(epoch, step, untouched=True)

    def _place(self, epoch: int, step: int, *, untouched: bool, walk: EpochWalk | None = None) -> None:
        self._epoch, self._step, self._untouched, self._wanted, self._walk = epoch, step, untouched, None, walk

    def begin(self, walk: EpochWalk, start: tuple[int, int]) -> None:
        """`walk`, from now on the newest, starts here."""
        self.broke_off = not self._untouched
        self._place(*start, untouched=False, walk=walk)

    def advance(self, walk: EpochWalk, step: int) -> None:
        """`walk` has given `step` batches."""
        if walk is self._walk:
            self._step = step

    def finish(self, walk: EpochWalk, epoch: int) -> None:
        """`walk` is at the end of `epoch`; an epoch asked for meanwhile comes next, this one itself does not again."""
        if walk is self._walk:
            asked = self._wanted is not None and self._wanted != epoch
            self._place(self.position[0] if asked else epoch + 1, 0, untouched=True)


class EpochWalk(Iterator[list[int]]):
    """One pass over an epoch. It has a state of its own, which torchdata's loader saves beside the sampler's.

    Parameters
    ----------
    cursor : EpochCursor
        Says where to start and hears how far the walk is.
    batch_at : callable
        The batch of an epoch and a step.
    """

    def __init__(self, cursor: EpochCursor, batch_at: Callable[[int, int], list[int]]) -> None:
        self._cursor = cursor
        self._batch_at = batch_at
        self._at: tuple[int, int] | None = None
        self._restored_at_end: tuple[int, int] | None = None

    def __next__(self) -> list[int]:
        if self._restored_at_end is not None:
            raise StopIteration
        if self._at is None:
            self._at = self._cursor.next_start
            self._cursor.begin(self, self._at)
        epoch, step = self._at
        if step >= self._cursor.n_steps:
            self._cursor.finish(self, epoch)
            raise StopIteration
        batch = self._batch_at(epoch, step)
        self._at = epoch, step + 1
        self._cursor.advance(self, step + 1)
        return batch

    def state_dict(self) -> dict[str, int]:
        """Epoch and batches given of it; of a walk not yet begun, where it would start."""
        epoch, step = self._at or self._restored_at_end or self._cursor.next_start
        return {"epoch": epoch, "step": step}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Go on from there. At an epoch's end nothing is left of this walk, and the next is the next epoch."""
        epoch, step = state_dict["epoch"], state_dict["step"]
        self._cursor.restore(epoch, step)
        self._at = None
        self._restored_at_end = (epoch, step) if step == self._cursor.n_steps else None
