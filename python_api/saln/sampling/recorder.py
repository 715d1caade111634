"""What training already knows of its samples: losses, residuals and activations of its own forward passes."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from saln.sampling.forward import BY_HAND, Seen, Unseen, losses_and_residuals, watched
from saln.sampling.history import WITHOUT_SAMPLER, History
from saln.sampling.recorded import RecordedValues, StandIns
from saln.sampling.unrecorded import Unrecorded
from saln.selectors.support.listener import Listener
from saln.superbatch import SuperBatch

__all__ = ["Recorder"]
READ = ("losses", "residuals")
"""Fields of a super-batch that are recorded where the selector reads one of them."""


class Recorder:
    """Keeps what training finds out about its samples anyway, for the choice of later batches: no pass is added.

    A sampler makes its own (`SpectralBatchSampler.recorder`). In the loop, one line: `with sampler.recorder(model):`
    around the forward pass of a classifier, or `sampler.recorder.record(losses)` with losses of one's own. Kept is what
    the selector reads; where it reads neither losses nor residuals both ways do nothing.

    Of samples that training has not come to yet, a learner that guesses stands in: with labels of C classes the loss
    log C and the residual 1/C - one-hot, without labels the mean of what is recorded (`StandIns`). Losses and residuals
    that the sampler was given stand until they are recorded; those of a refresh always.

    Parameters
    ----------
    samples : SuperBatch
        Of the whole dataset, with indices.
    needs : collection of str
        Fields that the selector reads.
    uses : collection of str
        Fields that it chooses by where they are recorded, and does without elsewhere.
    activations : bool
        Let activations stand for the features, as soon as there are any.
    check : callable, optional
        Raises where recorded values must not decide, as on ranks that choose together.
    listeners : sequence of Listener
        Hear what is recorded; what they keep is part of the state.

    Attributes
    ----------
    keeps : tuple of str
        What is kept: some of "losses", "residuals", "activations".
    n_records : int
        Calls that recorded something.

    Notes
    -----
    Recording a batch of B costs O(B (C + h)) and waits for no GPU: what comes from one is read when the next batch is
    chosen. Kept are 4 bytes a number: N losses, with residuals N C, with activations N h. A row with a value that is
    not finite keeps what it had.

    Examples
    --------
    >>> import torch
    >>> from torch.utils.data import DataLoader, TensorDataset
    >>> from saln import SpectralBatchSampler
    >>> inputs, labels = torch.randn(200, 8), torch.arange(200) % 4
    >>> sampler = SpectralBatchSampler(inputs, 16, labels=labels, selector="jest")
    >>> model = torch.nn.Linear(8, 4)
    >>> for batch, targets in DataLoader(TensorDataset(inputs, labels), batch_sampler=sampler):
    ...     with sampler.recorder(model):
    ...         loss = torch.nn.functional.cross_entropy(model(batch), targets)
    >>> sampler.recorder.n_records, sampler.served[-1].age > 1
    (13, True)
    """

    def __init__(
        self,
        samples: SuperBatch,
        needs: Collection[str],
        *,
        uses: Collection[str] = (),
        activations: bool = False,
        check: Callable[[], None] | None = None,
        listeners: Sequence[Listener] = (),
    ) -> None:
        recorded = {*needs, *uses}
        reads = ("losses", *(["residuals"] if "residuals" in recorded else [])) if set(READ) & recorded else ()
        self.keeps: tuple[str, ...] = (*reads, *(["activations"] if activations else []))
        self.n_records = 0
        self._needs = tuple(name for name in READ if name in needs)
        self._uses = tuple(name for name in READ if name in uses and name not in needs)
        self._check = check
        self._samples = samples
        self._labels = samples.labels
        self._values = RecordedValues(len(samples), samples.device, listeners)
        self._stand_ins = StandIns(samples)
        self._steps = torch.full((len(samples),), -1)  # [N] of the run, when each row was recorded; on the host
        self._now = 0
        self._unrecorded = Unrecorded()
        self._row_of: tuple[Tensor, Tensor] | None = None  # indices in ascending order, and their rows

    def record(
        self,
        losses: Tensor,
        indices: Sequence[int] | Tensor | None = None,
        activations: Tensor | None = None,
        residuals: Tensor | None = None,
    ) -> None:
        """Keep what a forward pass said of its samples.

        Parameters
        ----------
        losses : Tensor [B]
            One a sample, as of `reduction="none"`; any floating dtype, on any device, with or without gradients.
        indices : sequence of int or Tensor [B], optional
            Of the dataset, none twice; on a GPU they are waited for. Left out, the samples are those of the batch that
            training is at: the k-th record is of the k-th batch that the sampler served, however far a loader asks
            ahead.
        activations : Tensor [B, h], optional
            What the last layer was given; needed where the sampler was made with `activations=True`.
        residuals : Tensor [B, C], optional
            Softmax minus one-hot; needed where the selector reads residuals. One that can do without them goes on
            with nothing recorded, and a warning says so.

        Raises
        ------
        ValueError
            If a shape does not fit, something needed is missing, or indices are not the sampler's.
        """
        if not self.keeps:
            return
        if not losses.is_floating_point():
            raise ValueError(f"losses has dtype {losses.dtype}, want floating numbers")
        given = {"losses": losses, "residuals": residuals, "activations": activations}
        values: dict[str, Tensor] = {}
        for name in self.keeps:
            value = given[name]
            if value is None:
                missing = ValueError(f"{name} are left out, want them recorded beside losses: {_why(name)}")
                if name not in self._uses:
                    raise missing
                self._do_without(missing)
                return
            wanted = ["B"] if name == "losses" else [losses.shape[0] if losses.dim() else 0, "n"]
            if value.dim() != len(wanted) or (name != "losses" and value.shape[0] != wanted[0]):
                shown = ", ".join(map(str, wanted))
                raise ValueError(f"{name} has shape {list(value.shape)}, want [{shown}], one row a sample")
            values[name] = value
        if not self._may_record():
            return
        self._check_widths(values)
        rows, step = self._place(indices, next(iter(values.values())).shape[0])
        self._put(rows, step, values)

    @contextmanager
    def __call__(
        self, model: nn.Module, indices: Sequence[int] | Tensor | None = None, *, head: nn.Module | str | None = None
    ) -> Iterator[None]:
        """Record the forward pass of a classifier that is made inside, from what its last layer gives.

        Losses are cross-entropies of those logits and the labels that the sampler has; residuals are softmax minus
        one-hot. A pass without gradients, as in evaluation, is no batch of training: it is recorded only with indices.

        Parameters
        ----------
        model : nn.Module
            Wrapped by DistributedDataParallel, torch.compile or accelerate, or as it is.
        indices : sequence of int or Tensor [B], optional
            As in `record`.
        head : nn.Module or str, optional
            The layer whose output `[B, C]` are the logits, or its name; left out, the linear layer called last.

        Raises
        ------
        ValueError
            As `record`; if the sampler has no labels, or they are not from 0 to C - 1; if no logits were seen, or ones
            of more than two dimensions, as of sequence models.
        """
        if not self.keeps or (indices is None and not torch.is_grad_enabled()):
            yield
            return
        with ExitStack() as stack:
            try:
                seen = stack.enter_context(watched(model, head))
            except Unseen as error:
                self._do_without(error)
                yield
                return
            yield
            try:
                stack.close()  # says if nothing was seen
                self._put_seen(seen, indices)
            except Unseen as error:
                self._do_without(error)

    def _put_seen(self, seen: Seen, indices: Sequence[int] | Tensor | None) -> None:
        """Keep what was seen of a forward pass."""
        labels = self._labels if "losses" in self.keeps else None
        if "losses" in self.keeps and labels is None:
            raise Unseen(f"the sampler has no labels to compare logits with: give it labels, or {BY_HAND}")
        logits = _joined(seen.logits)
        values: dict[str, Tensor] = {"residuals": logits} if "residuals" in self.keeps else {}
        if "activations" in self.keeps:
            if not seen.activations:
                raise ValueError(f"what the last layer is given was not seen, as inside a compiled model: {BY_HAND}")
            values["activations"] = _joined(seen.activations)
        if labels is not None:
            self._check_labels(logits.shape[1])
        if not self._may_record():
            return
        self._check_widths(values)
        rows, step = self._place(indices, logits.shape[0])
        if labels is not None:
            own = labels[rows.to(labels.device)].to(logits.device, non_blocking=True)  # [B]
            losses, residuals = losses_and_residuals(logits, own)
            values |= {"losses": losses} | ({"residuals": residuals} if "residuals" in self.keeps else {})
        self._put(rows, step, values)

    def watch(self, history: History) -> None:
        """Let a history count what is recorded from now on: its rows are the sampler's, in the order given to it.

        What it counted is part of the sampler's state: a run that goes on lets one watch before the state is loaded. A
        ValueError if the selector reads no residuals, or the history is of another number of rows.
        """
        if "residuals" not in self.keeps:
            raise ValueError(f"a history needs residuals, and the selector reads none: {WITHOUT_SAMPLER}")
        if history.n_rows != len(self._samples):
            raise ValueError(f"history is of {history.n_rows} rows, want {len(self._samples)}, the sampler's")
        self._values.listeners = (*self._values.listeners, history)

    def _may_record(self) -> bool:
        """Whether recorded values may decide; raises where they must not, and the selector needs them."""
        if self._check is None:
            return True
        try:
            self._check()
        except ValueError as error:
            self._do_without(error)
            return False
        return True

    def _do_without(self, why: ValueError) -> None:
        """Record nothing from now on, or raise where the selector needs it."""
        if self._needs or "activations" in self.keeps:
            raise why
        warnings.warn(f"selection goes on without what training knows of its samples: {why}", stacklevel=4)
        self.keeps = ()

    def values(self, name: str) -> Tensor | None:
        """What is recorded of all samples, `[N]` or `[N, w]` float32, NaN where nothing is; None before the first."""
        return self._values.get(name)

    def served(self, step: int, indices: tuple[int, ...], left: int | None = None) -> None:
        """The sampler has served this batch, at a step of the run; `left` is as in `Unrecorded.add`."""
        if self.keeps:
            self._unrecorded.add(step, indices, left)

    def lacks(self, samples: SuperBatch, fresh: Collection[str]) -> tuple[str, ...]:
        """What the selector reads that is neither given nor refreshed, so that somebody has to record it."""
        return tuple(name for name in self._needs if getattr(samples, name) is None and name not in fresh)

    def wants(self, samples: SuperBatch) -> tuple[str, ...]:
        """What is worth recording: what it lacks, and what the selector does without elsewhere."""
        return (*self.lacks(samples, ()), *(self._uses if self.keeps else ()))

    def fill(self, super_batch: SuperBatch, rows: Tensor, fresh: Collection[str] = ()) -> SuperBatch:
        """A super-batch with what is recorded of its samples.

        Parameters
        ----------
        super_batch : SuperBatch
            M samples.
        rows : Tensor [M]
            Theirs, on the host.
        fresh : collection of str
            Fields that a refresh has given: they stay.
        """
        if not self.keeps:
            return super_batch
        if self.lacks(super_batch, fresh) and self._check is not None:
            self._check()
        here = rows.to(super_batch.device)
        filled: dict[str, Tensor] = {}
        for name in (*self._needs, *self._uses, *(["activations"] if "activations" in self.keeps else [])):
            field = "features" if name == "activations" else name
            everything = self._values.get(name)
            given = getattr(super_batch, field) is not None
            if field in fresh or (everything is None and (given or name in self._uses)):
                continue
            known = None if everything is None else everything.index_select(0, here)
            filled[field] = self._stand_ins.fill(name, known, here, everything)
        return dataclasses.replace(super_batch, **filled) if filled else super_batch

    def ages(self, rows: Tensor, step: int, fresh: Collection[str] = ()) -> tuple[float | None, float | None]:
        """Of rows `[M]` on the host at a step of the run: mean steps since they were recorded, and the share that never
        was; None where nothing is recorded or waited for.
        """
        if not self.n_records and not self.lacks(self._samples, fresh):
            return None, None
        steps = self._steps[rows]
        known = steps[steps >= 0]
        age = (step - known).double().mean().item() if known.numel() else None
        return age, 1 - known.numel() / max(1, rows.numel())

    def clear(self) -> None:
        """A run starts anew: nothing is recorded."""
        self.n_records = self._now = 0
        self._values.clear()
        self._steps.fill_(-1)
        self._unrecorded.clear()

    def state_dict(self) -> dict[str, Any] | None:
        """A copy of what is recorded, on the host; None if nothing is."""
        if not self.n_records:
            return None
        return {
            "n_records": self.n_records,
            "now": self._now,
            "steps": self._steps.clone(),
            "values": self._values.state_dict(),
            "listeners": [listener.state_dict() for listener in self._values.listeners],
        }

    def load_state_dict(self, state_dict: dict[str, Any] | None) -> None:
        """Go on from there; of a selector that reads other fields only what is kept is taken.

        A ValueError, and nothing changes, if the state is of another number of rows, or of other listeners.
        """
        if state_dict is not None and self.keeps:
            self._values.check_state(len(state_dict["steps"]), len(state_dict["listeners"]))
        self.clear()
        if state_dict is None or not self.keeps:
            return
        self.n_records, self._now = state_dict["n_records"], state_dict["now"]
        self._steps.copy_(state_dict["steps"])
        kept = {name: value for name, value in state_dict["values"].items() if name in self.keeps}
        self._values.load_state_dict(kept)
        for listener, state in zip(self._values.listeners, state_dict["listeners"], strict=True):
            listener.load_state_dict(state)

    def _put(self, rows: Tensor, step: int, values: dict[str, Tensor]) -> None:
        self._values.put(rows, values)
        self._steps[rows] = step
        self._now = max(self._now, step)
        self.n_records += 1

    def _place(self, indices: Sequence[int] | Tensor | None, n_rows: int) -> tuple[Tensor, int]:
        """Rows `[B]` on the host, and the step of the run that they were trained on at."""
        if indices is None:
            batch = self._unrecorded.next(n_rows)
            return self._rows(list(batch.indices)), batch.step
        wanted = indices.tolist() if isinstance(indices, Tensor) else list(indices)
        if len(wanted) != n_rows:
            raise ValueError(f"indices are {len(wanted)}, want {n_rows}, one a row")
        rows = self._rows(wanted)
        step = self._unrecorded.step_of(wanted)
        return rows, self._now if step is None else step

    def _rows(self, indices: list[int]) -> Tensor:
        if self._row_of is None:
            ascending, rows = self._samples.require("indices", by="the recorder").cpu().sort()
            self._row_of = ascending, rows
        ascending, rows = self._row_of
        wanted = torch.tensor(indices, dtype=torch.int64)
        places = torch.searchsorted(ascending, wanted).clamp_max(len(ascending) - 1)
        if bool((unknown := ascending[places] != wanted).any()):
            raise ValueError(f"indices has {wanted[unknown][0]}, which is not among the sampler's samples")
        return rows[places]

    def _check_widths(self, values: dict[str, Tensor]) -> None:
        self._values.check_widths(values)
        given = self._samples.residuals
        if given is not None and "residuals" in values and values["residuals"].shape[1] != given.shape[1]:
            raise ValueError(
                f"residuals has {values['residuals'].shape[1]} columns, want {given.shape[1]} as those that the "
                "sampler was given"
            )

    def _check_labels(self, n_classes: int) -> None:
        lowest, highest = self._stand_ins.label_range
        if not 0 <= lowest <= highest < n_classes:
            raise Unseen(
                f"the sampler's labels go from {lowest} to {highest}, want 0 to {n_classes - 1}, one a column of the "
                f"logits; otherwise {BY_HAND}"
            )


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _why(name: str) -> str:
    if name == "residuals":
        return "the selector reads residuals, softmax minus one-hot [B, C]"
    return "the sampler was made with activations=True, what the last layer is given [B, h]"
