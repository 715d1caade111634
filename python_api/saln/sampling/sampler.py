"""A batch sampler for any DataLoader: an epoch walked in super-batches, of each of which a selector keeps one batch."""

from __future__ import annotations

import contextlib
import itertools
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor
from torch.utils.data import BatchSampler

from saln.sampling.ahead import Place
from saln.sampling.callers import dataset_of_caller, refuse_double_sharding, thrown_away_by_caller
from saln.sampling.chooser import Chooser
from saln.sampling.epoch_sampler import EpochSampler
from saln.sampling.order import EpochOrder, super_batch_size
from saln.sampling.ranks import Ranks, checksum
from saln.sampling.recorder import Recorder
from saln.sampling.refresh import Refresh
from saln.sampling.samples import Given, check_dataset, opened, samples_of
from saln.sampling.served import ServedBatch
from saln.sampling.serving import Serving
from saln.sampling.walk import EpochCursor, EpochWalk
from saln.selectors import DEFAULT, Selector, make_selector
from saln.superbatch import FLOATING, SuperBatch


class SpectralBatchSampler(BatchSampler):
    """Yields, for every batch of a shuffled epoch, the batch that a selector keeps of a super-batch around it.

    An epoch has the batches of a plain shuffled loader, as many and of the same sizes, so that steps, schedules and
    evaluations of a training stay what they were. Each is chosen from a super-batch of about batch_size / (1 -
    filter_ratio) samples. An epoch passes over the dataset about 1 / (1 - filter_ratio) times, in super-batches mixed
    anew each time, and every pass offers every sample once (`saln.sampling.order.EpochOrder`). A selector that
    abstains, as the default does without labels and copies, serves the plain shuffled epoch: every sample exactly once.
    With `passes=1` an epoch is one pass: with a filter ratio of 0.8 a fifth of the batches, no sample twice.

    The batch of a step is a function of (seed, epoch, step) and the samples alone, so any step can be had without those
    before it: skipping and resuming cost nothing. With a selector that has a memory (`Selector.has_memory`) a batch
    depends on those before it, too: the memory is part of the sampler's state, so that resuming stays exact and costs
    nothing, and batches that are skipped are chosen all the same.

    Rank r of W yields batches r, r + W, r + 2 W, ... of those that one rank alone would; each rank chooses only its
    own, without a word to the others. Where the selector has a memory all ranks choose all of them, each scoring a
    share of the candidates (without `ahead`). Where batches do not suffice for all ranks at an epoch's end, the others
    get the first batches of the plain shuffled epoch, as by torch's DistributedSampler; with `drop_last` the last
    batches are left out instead. At the start of every epoch the ranks compare their features, seeds and options.

    Selectors that read losses or residuals, and are given none, choose by what the training's own forward passes say:
    one line in its loop, `with sampler.recorder(model):` around them (`saln.sampling.recorder.Recorder`). The default
    does without where nothing is recorded. Batches depend on those before them in this way, too. Reference losses that
    nobody has given are made of features and labels, once, when a selector first reads them: what a linear model says
    of samples that it was not fitted on (`saln.inspection.labels`).

    Parameters
    ----------
    features : Tensor [N, d], SuperBatch, Features or path
        Features of the dataset, row i for index i; or with them losses, labels, ... of the whole dataset, and indices
        where the rows are not in the dataset's order, or of a part of it. Rows with values that are not finite are
        never yielded. Features that `saln.extract` wrote, or the path of their npy file, are compared with the dataset.
    batch_size : int
        Samples per batch, on each rank.
    filter_ratio : float
        Share of a super-batch thrown away, at least 0 and below 1.
    labels : Tensor [N], optional
        For selectors that read labels, the default among them.
    selector : Selector or str
        A selector, or the name of one (`saln.selectors.make_selector`). It starts anew: what it remembers is forgotten.
    seed : int
        At least 0.
    drop_last : bool
        Leave out a last batch of fewer than `batch_size`.
    passes : int, optional
        End an epoch after so many passes over the super-batches, in place of a plain loader's number of batches.
    n_epochs : int, optional
        Epochs of the training, for selectors that change over it: their `progress` goes from 0 to 1 over these. Left
        out, setting `selector.progress` is up to the caller.
    ahead : int
        Batches chosen in a background thread before they are asked for. They are the same batches; but what they are
        chosen by is older by so many steps where it is refreshed.
    refresh : Refresh, optional
        Values of the samples worked out anew every so many steps; left out, they are frozen, but for what the recorder
        is given.
    activations : bool
        Let the learner's activations stand for the features, once the recorder has any.
    rank, world_size : int, optional
        As torch.distributed says at the time, if left out. `0, 1` where somebody else shards the batches.
    **options
        Of the selector, where it is given by name.

    Attributes
    ----------
    sampler : Sampler
        Iterates over the present epoch's permutation; its `set_epoch` is this sampler's.
    super_batch_size : int
        Samples offered to the selector at a step.
    n_left_out : int
        Rows left out because they are not finite.

    Raises
    ------
    TypeError
        If features is neither tensor nor SuperBatch, as when a trainer makes the sampler anew around one of its own.
    ValueError
        If an option is out of its range, or state and sampler do not belong together; from walking, if the dataset of
        the loader is not that of the features.
    RuntimeError
        From walking, if the ranks do not agree, or accelerate shards this rank's share once more.

    Notes
    -----
    A step costs a copy of the super-batch, O(M d), and what the selector costs; an epoch one permutation of N; with
    `ahead` and a selector with memory a copy of that memory a step.

    With worker processes a DataLoader asks for batches ahead of training, so that `state_dict` is ahead of it, too:
    there use torchdata's StatefulDataLoader, which saves the state that belongs to the batch it returns. As with
    its own samplers, what it saves right after an epoch's last batch, the loop not yet left, first ends that epoch with
    no batch more. Values that are refreshed are not in the state: after a resume they are worked out first, from the
    model as it is then, so that batches may differ from those of a run that went on. What the recorder keeps is in it,
    as it is when the state is asked for; StatefulDataLoader with worker processes asks at every batch, before training
    on it is done, so that it resumes exactly without workers only.

    Examples
    --------
    >>> import torch
    >>> from saln import SpectralBatchSampler
    >>> features = torch.randn(100, 8, generator=torch.Generator().manual_seed(0))
    >>> sampler = SpectralBatchSampler(features, batch_size=4)
    >>> len(sampler), sorted(index for batch in sampler for index in batch) == list(range(100))  # nothing to choose by
    (25, True)
    >>> sampler.state_dict()["epoch"]
    1
    >>> options = {"selector": "spectral_candidates", "n_candidates": 16}
    >>> alone = SpectralBatchSampler(features, 4, **options)
    >>> ranks = [SpectralBatchSampler(features, 4, rank=rank, world_size=2, **options) for rank in range(2)]
    >>> [len(each) for each in ranks], next(iter(ranks[1])) == alone.batch_at(0, 1)
    ([13, 13], True)
    """

    def __init__(
        self,
        features: Given,
        batch_size: int,
        *,
        filter_ratio: float = 0.8,
        labels: Tensor | None = None,
        selector: Selector | str = DEFAULT,
        seed: int = 0,
        drop_last: bool = False,
        passes: int | None = None,
        n_epochs: int | None = None,
        ahead: int = 0,
        refresh: Refresh | None = None,
        activations: bool = False,
        rank: int | None = None,
        world_size: int | None = None,
        **options: Any,
    ) -> None:
        features, self._fingerprint = opened(features)
        samples = samples_of(features, labels)
        self._whole = not (isinstance(features, SuperBatch) and features.indices is not None)
        super().__init__(EpochSampler(self), batch_size, drop_last)
        if n_epochs is not None and n_epochs < 1:
            raise ValueError(f"n_epochs is {n_epochs}, want at least 1 or None")
        if isinstance(selector, str):
            selector = make_selector(selector, **options)
        elif options:
            raise TypeError(f"options {', '.join(options)} belong to the selector; give them where it is made")
        self.selector = selector
        if ahead and self.selector.wants_reward:
            raise ValueError(f"ahead is {ahead}, want 0: {self.selector.name} is to be told what each batch was worth")
        self.filter_ratio = filter_ratio
        self.super_batch_size = super_batch_size(batch_size, filter_ratio)
        self.n_epochs = n_epochs
        self.ranks = Ranks(rank, world_size)
        finite = samples.finite_rows(FLOATING) & self.selector.eligible(samples)
        rows = finite.nonzero().squeeze(1).cpu()  # [n]
        self.order = EpochOrder(rows, batch_size, self.super_batch_size, seed, drop_last=drop_last, passes=passes)
        self.passes = passes
        self.n_left_out = len(samples) - self.order.n_rows
        if self.n_left_out:
            warnings.warn(
                f"{self.n_left_out} of {len(samples)} samples have values that are not finite and are never yielded",
                stacklevel=2,
            )
        self._chooser = Chooser(samples, self.selector, self.order, self.ranks, n_epochs, refresh, ahead, activations)
        self._cursor = EpochCursor(self.__len__)
        self._checksum: int | None = None  # of the samples as they were given, worked out when ranks compare
        self._given = samples
        self._compared: Callable[[], object] = _nothing  # the dataset whose rows' content was found to be right
        self._serving = Serving(self._chooser, self._cursor, ahead, self._extent, self._checksum_of_samples)
        self._serving.start_anew()

    def __len__(self) -> int:
        """Batches per epoch on this rank, the same on each and in each epoch."""
        return self._chooser.n_steps

    def __iter__(self) -> Iterator[list[int]]:
        """Walk the epoch that `set_epoch` named or a state was restored in, else the one after the last walked.

        For accelerate's `skip_first_batches` the batches to be thrown away are empty, and none of them is computed.
        """
        world_size = self.ranks.world_size
        refuse_double_sharding(world_size)
        if (dataset := dataset_of_caller(self)) is not None:
            self.check_dataset(dataset)
        if len(self) == 0 < self.n_batches:
            raise ValueError(f"an epoch has {self.n_batches} batches, want at least {world_size}, one per rank")
        walk = EpochWalk(self._cursor, self._serve)
        n_thrown_away = thrown_away_by_caller(self)
        if n_thrown_away == 0:
            return walk
        epoch, step = self.next_place
        if step not in (0, n_thrown_away):
            raise ValueError(
                f"accelerate is to skip {n_thrown_away} batches of epoch {epoch}, but the sampler was restored after "
                f"{step}: skip these, or none"
            )
        self.skip(n_thrown_away - step)
        return itertools.chain(([] for _ in range(n_thrown_away)), walk)

    @property
    def recorder(self) -> Recorder:
        """Keeps what training finds out about the samples, for selectors that read losses or residuals."""
        return self._chooser.recorder

    @property
    def served(self) -> deque[ServedBatch]:
        """The last batches yielded, with weights, seconds and ages; at most `saln.sampling.serving.REMEMBERED`."""
        return self._serving.served

    @property
    def n_batches(self) -> int:
        """Batches per epoch of one rank alone, none repeated or left out for want of a rank to train on it."""
        return self.order.n_batches

    @property
    def n_kept_rows(self) -> int:
        """Rows that a refresh gave values that are not finite, and that kept their former ones, so far."""
        return 0 if self._chooser.live is None else self._chooser.live.n_kept

    @property
    def samples(self) -> SuperBatch:
        """What is known of the samples at present."""
        return self._chooser.samples

    @property
    def has_memory(self) -> bool:
        """Whether batches depend on those before them."""
        return self._chooser.memory is not None

    @property
    def epoch(self) -> int:
        """The epoch under way, or the next where none is."""
        return self._cursor.position[0]

    @property
    def place(self) -> Place:
        """The epoch under way, or the next, and how many batches of it were asked for."""
        return self._cursor.position

    @property
    def next_place(self) -> Place:
        """Epoch and step at which a walk that began now would begin."""
        return self._cursor.next_start

    def set_epoch(self, epoch: int) -> None:
        """Name the epoch of the next walk; a position restored in that epoch stays."""
        if epoch < 0:
            raise ValueError(f"epoch is {epoch}, want at least 0")
        self._cursor.set_epoch(epoch)

    def skip(self, n_batches: int) -> None:
        """Let the next walk start so many batches later in its epoch.

        None of them is computed, but where the selector has a memory: then all are, when the walk starts.
        """
        epoch, step = self.next_place
        if not 0 <= n_batches <= len(self) - step:
            raise ValueError(f"n_batches is {n_batches}, want 0 to {len(self) - step}, what is left of epoch {epoch}")
        self._cursor.restore(epoch, step + n_batches)

    def reset(self) -> None:
        """Start a run anew: epoch 0, and a selector with nothing in its memory."""
        self._serving.discard_ahead()
        self._cursor.restore(0, 0)
        self._serving.start_anew()

    def refresh_with(self, refresh: Refresh) -> None:
        """Refresh the samples' values, as the option `refresh` does: for models made after the sampler.

        A RuntimeError once batches were asked for, unless since then the sampler was reset or has loaded a state.
        """
        if self._serving.has_begun:
            raise RuntimeError("refresh_with is called after batches were served, want it before the first, or a reset")
        self._chooser.refresh_with(refresh)

    def served_at(self, epoch: int, step: int) -> ServedBatch:
        """What is remembered of a batch: of the k-th that a loader gives in an epoch, step k, however far it has asked
        ahead. A KeyError if it was not served, or too long ago.
        """
        return self._serving.at(epoch, step)

    def offered_at(self, epoch: int, step: int) -> Tensor:
        """The rows of the samples that this rank's batch of a place is chosen from, `[M]` on the host."""
        return self.order.super_batch(epoch, self._chooser.number_of(step))

    def check_dataset(self, dataset: object) -> None:
        """Raise a ValueError if the features cannot be those of this dataset: they have other lengths, indices that
        were given beside them go beyond its end, or extracted features are of other rows or of another order. A
        DataLoader's dataset is looked at whenever it iterates the sampler, the content of its rows the first time.
        """
        fingerprint = None if self._compared() is dataset else self._fingerprint
        check_dataset(dataset, self._given, whole=self._whole, fingerprint=fingerprint)
        with contextlib.suppress(TypeError):  # lists have no weak references, and are compared again
            self._compared = weakref.ref(dataset)

    def remember(self, n_batches: int) -> None:
        """Let `state_at` go back so many batches from now on: a copy of the selector's memory, if any, for each."""
        self._serving.history.remember(n_batches)

    def state_dict(self) -> dict[str, Any]:
        """A copy of what an exact resume needs: the place in the epochs, what fixes their batches, the selector's
        memory if it has one, and what is recorded if it reads that. The same on every rank, but for what each recorded.

        After the last batch of an epoch it leads to a whole next epoch.
        """
        return self.state_at(*self.place)

    def state_at(self, epoch: int, step: int) -> dict[str, Any]:
        """The state as it was after so many batches of an epoch, whatever was asked for since.

        For trainers that know what they have trained on, with loaders that ask ahead. What was recorded is as it is
        now, and batches asked for since are kept. A ValueError if the selector has a memory, and what it was is not
        remembered: see `remember`.
        """
        progress = getattr(self.selector, "progress", None) if self.n_epochs is None else None
        return self._serving.state_at((epoch, step), progress)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Let the next walk go on from there, with the seed of the state.

        Raises a ValueError if the state is of another dataset size, batch size, super-batch size, selector, number of
        ranks, `drop_last` or `passes`.
        """
        self._serving.load_state_dict(state_dict)

    def _extent(self) -> dict[str, int | bool | str | None]:
        return {
            "num_samples": self.order.n_rows,
            "batch_size": self.batch_size,
            "super_batch_size": self.super_batch_size,
            "drop_last": self.drop_last,
            "passes": self.passes,
            "selector": self.selector.name,
            "world_size": self.ranks.world_size,
        }

    def batch_at(self, epoch: int, number: int) -> list[int]:
        """The dataset indices of one batch of all ranks', whatever came before it, by the samples' present values.

        A ValueError if the selector has a memory: then what came before it matters.
        """
        if not 0 <= number < self.n_batches:
            raise ValueError(f"number is {number}, want 0 to {self.n_batches - 1}")
        if self._chooser.memory is not None:
            raise ValueError(f"batches by {self.selector.name} depend on those before them: walk, or skip")
        rows, _ = self._chooser.select(epoch, number, self.samples)
        return self.samples.require("indices", by="the sampler")[rows].tolist()

    def _serve(self, epoch: int, step: int) -> list[int]:
        """What a walk yields: the present step of training."""
        return self._serving.serve((epoch, step))

    def _checksum_of_samples(self) -> int:
        if self._checksum is None:
            self._checksum = checksum(self._given)
        return self._checksum

    def __getstate__(self) -> dict[str, Any]:
        self._serving.discard_ahead()
        return {**self.__dict__, "_compared": _nothing}


def _nothing() -> None:
    """In place of a weak reference to a dataset."""
