"""The contract that every selector keeps, to be run on anybody's."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from saln.selectors import Selector, as_selector
from saln.superbatch import FLOATING, PER_PAIR, SHAPES, SuperBatch

__all__ = ["check_selector", "example"]

ROWS, WIDTH, CLASSES = 23, 5, 3
BROKEN = (3, 8)
"""Rows whose values are spoiled."""
FILLED = (1e20, 9.97e36, 3.4e38)
"""Values that files have in place of missing ones, and that overflow when they are squared."""
MISSPELT = ("abstain", "want_reward", "on_epoch_start", "wants_data_set", "load_state")
Make = Callable[[], Selector]


def check_selector(selector: str | Selector | Callable[[], Selector]) -> None:
    """Run the whole contract of `saln.selectors.Selector` on a selector.

    Shapes, dtypes and chance; sizes 0, all and too many; ties, degenerate and half-precision inputs; rows that are not
    finite or whose squares overflow; tensors that are missing; the state saved and restored twice in a run; resets,
    rewards, progress and weights; options shown and copied; abilities that are misspelt.

    Parameters
    ----------
    selector : str, Selector or callable
        A name, a selector (it is copied, and stays as it is), or what makes a new one at every call. It has to choose
        from 23 rows, and from a single one.

    Raises
    ------
    AssertionError
        If the contract is broken: says by which check, and how.

    Examples
    --------
    >>> from saln.testing import check_selector
    >>> check_selector("rho_loss:temperature=0.5")
    """
    if isinstance(selector, str) or not callable(selector):
        pattern = as_selector(selector)
        make: Make = pattern.clone
    else:
        make = selector
    for check in CHECKS:
        try:
            check(make)
        except Exception as error:
            name, shown = check.__name__.removeprefix("_check_").replace("_", " "), type(error).__name__
            text = f"{make()!r}, {name}: {error if isinstance(error, AssertionError) else f'{shown}: {error}'}"
            raise AssertionError(text) from error


def example(rows: int = ROWS, seed: int = 0, **changes: Tensor | None) -> SuperBatch:
    """A super-batch that holds everything, `changes` excepted; its features tell its labels.

    >>> from saln.testing import example
    >>> example(4, losses=None).features.shape
    torch.Size([4, 5])
    """
    source = generator(seed)
    labels = torch.randint(CLASSES, (rows,), generator=source)
    values: dict[str, Tensor | None] = {
        "features": torch.randn(rows, WIDTH, generator=source) + 4 * torch.eye(CLASSES, WIDTH)[labels],
        "losses": torch.rand(rows, generator=source),
        "reference_losses": torch.rand(rows, generator=source),
        "labels": labels,
        "residuals": torch.randn(rows, CLASSES, generator=source),
        "indices": torch.arange(50, 50 + rows),
        "quality": torch.rand(rows, generator=source) + 0.1,
        "learner_scores": torch.randn(rows, rows, generator=source),
        "reference_scores": torch.randn(rows, rows, generator=source),
    }
    return SuperBatch(**{**values, **changes})  # type: ignore[arg-type]


def generator(seed: int) -> torch.Generator:
    """A generator on the host."""
    return torch.Generator().manual_seed(seed)


def expect_rows(rows: Tensor, size: int, eligible: Tensor) -> None:
    """An AssertionError unless these are `size` different rows, int64, of those that are eligible, bool `[M]`."""
    _expect(rows.dtype == torch.int64, f"rows are {rows.dtype}, want int64")
    _expect(rows.shape == (size,), f"rows have shape {list(rows.shape)}, want [{size}]")
    _expect(rows.device == eligible.device, f"rows are on {rows.device}, want {eligible.device}")
    _expect(not rows.requires_grad, "rows require a gradient")
    _expect(all(0 <= row < len(eligible) for row in rows.tolist()), f"rows are {rows.tolist()}, want those there are")
    _expect(len(set(rows.tolist())) == size, f"rows are {rows.tolist()}, want none twice")
    _expect(bool(eligible[rows].all()), f"rows are {rows.tolist()}, want none that is left out")


def _check_facts(make: Make) -> None:
    selector = make()
    _expect(isinstance(selector, Selector), f"it is a {type(selector).__name__}, want a Selector")
    for fact in ("name", "description", "paper"):
        text = getattr(selector, fact, None)
        _expect(isinstance(text, str) and bool(text) and "\n" not in text, f"{fact} is {text!r}, want a line of text")
    strange = set(selector.needs) - set(SHAPES)
    _expect(not strange, f"it reads {', '.join(sorted(strange))}, want fields of a super-batch")


def _check_options(make: Make) -> None:
    selector = make()
    shown = repr(selector)
    _expect(shown.startswith(f"{type(selector).__name__}("), f"repr is {shown}, want a call of its class")
    copied = selector.clone()
    _expect(repr(copied) == shown, f"a clone is {copied!r}, want {shown}")
    _expect(_run(copied) == _run(make()), "a clone chooses other rows")
    again = type(selector)(**selector.get_params(deep=False))
    given = again.get_params(deep=False)
    for name, value in selector.get_params(deep=False).items():
        _expect(given[name] is value, f"option {name} is {given[name]!r} after it was given as {value!r}")


def _check_sizes(make: Make) -> None:
    selector, samples = make(), example()
    everything = torch.ones(ROWS, dtype=torch.bool)
    for size in (0, 1, 2, 7, ROWS - 1, ROWS):
        rows = selector.select(samples, size, generator=generator(size))
        expect_rows(rows, size, everything)
        report = selector.last_report
        _expect(report is not None and report.n_rows == ROWS and report.n_left_out == 0, f"last_report is {report}")
    for size in (ROWS + 1, -1):
        with _raises(ValueError, f"size is {size}, want 0 to {ROWS}"):
            selector.select(samples, size)
    with _raises(TypeError, "size is a float"):
        selector.select(samples, 3.0)  # type: ignore[arg-type]


def _check_chance(make: Make) -> None:
    samples = example()
    for size in (1, 7, ROWS - 1):
        rows = [make().select(samples, size, generator=generator(size)) for _ in range(2)]
        _expect(torch.equal(*rows), "the same generator gives other rows")
    with torch.random.fork_rng(devices=[]):
        own = []
        for _ in range(2):
            torch.manual_seed(5)
            own.append(make().select(samples, 6))
    _expect(torch.equal(*own), "without a generator it does not go by torch's own")


def _check_candidates_shared_out(make: Make) -> None:
    def in_halves(rows_of: Callable[[Tensor], Tensor], candidates: Tensor) -> Tensor:
        return torch.cat([rows_of(half) for half in candidates.tensor_split(2)])

    selectors, samples = (make(), make()), example()
    for step in range(3):
        whole = selectors[0].select(samples, 6, generator=generator(step))
        halves = selectors[1].select(samples, 6, generator=generator(step), work_out=in_halves)
        _expect(torch.equal(whole, halves), "it chooses other rows where candidates are shared out")


def _check_nothing_is_changed(make: Make) -> None:
    samples = example()
    before = copy.deepcopy(samples)
    _run(make(), samples)
    for name in SHAPES:
        _expect(torch.equal(getattr(samples, name), getattr(before, name)), f"it changes {name} of the super-batch")


def _check_degenerate_super_batches(make: Make) -> None:
    x = torch.randn(9, WIDTH, generator=generator(3))
    ones = torch.ones(9)
    cases: dict[str, dict[str, Tensor]] = {
        "rows that are alike": {"features": torch.ones(9, WIDTH), "losses": ones, "reference_losses": ones},
        "zeros": {"features": torch.zeros(9, WIDTH), "learner_scores": torch.zeros(9, 9)},
        "one class": {"labels": torch.zeros(9, dtype=torch.int64)},
        "float64": {"features": x.double()},
        "bfloat16": {"features": x.bfloat16()},
        "float16": {"features": x.half(), "losses": torch.rand(9, generator=generator(3)).half()},
        "tiny features": {"features": x * 1e-15},
        "large features": {"features": x * 1e15},
        "strided features": {"features": torch.randn(WIDTH, 18, generator=generator(3)).T[::2]},
        "features with a gradient": {"features": x.clone().requires_grad_()},
    }
    for what, changes in cases.items():
        samples = example(9, 0, **changes)
        with _said(what):
            expect_rows(make().select(samples, 4, generator=generator(0)), 4, torch.ones(9, dtype=torch.bool))
    with _said("one row"):
        expect_rows(make().select(example(1), 1, generator=generator(0)), 1, torch.ones(1, dtype=torch.bool))


def _check_rows_that_are_not_finite(make: Make) -> None:
    for name in _floating(make()):
        selector, samples = make(), _spoiled(name, torch.nan, torch.inf)
        left = torch.ones(ROWS, dtype=torch.bool).index_fill(0, torch.tensor(BROKEN), False)
        with _said(f"{name} that are not finite"):
            for size in (6, ROWS - len(BROKEN)):
                expect_rows(selector.select(samples, size, generator=generator(1)), size, left)
                report = selector.last_report
                _expect(report is not None and report.n_left_out == len(BROKEN), f"last_report is {report}")
            with _raises(ValueError, f"want 0 to {ROWS - len(BROKEN)}"):
                selector.select(samples, ROWS - 1)


def _check_values_that_it_does_without(make: Make) -> None:
    for name in make().uses:
        for values in ((torch.nan, torch.inf), (FILLED[0], -FILLED[0]), (FILLED[-1], torch.nan)):
            selector, samples = make(), _spoiled(name, *values)
            with _said(f"{name} of {values[0]:g} and {values[1]:g}, which it does without elsewhere"):
                for size in (6, ROWS):
                    expect_rows(
                        selector.select(samples, size, generator=generator(1)), size, selector.eligible(samples)
                    )


def _check_finite_values_that_overflow(make: Make) -> None:
    for name in (each for each in _floating(make()) if each not in PER_PAIR):
        for value in FILLED:
            selector, samples = make(), _spoiled(name, value, -value if name == "features" else value)
            eligible = selector.eligible(samples)
            with _said(f"{name} of {value:g}"):
                rows = selector.select(samples, 6, generator=generator(1))
                expect_rows(rows, 6, eligible)
                report, n_left_out = selector.last_report, int((~eligible).sum())
                _expect(report is not None and report.n_left_out == n_left_out, f"last_report is {report}")
                if not bool(eligible[list(BROKEN)].any()):
                    without = make().select(_spoiled(name, torch.nan, torch.nan), 6, generator=generator(1))
                    _expect(torch.equal(rows, without), "rows that are left out change what is chosen")


def _check_missing_tensors(make: Make) -> None:
    selector = make()
    needs = [name for name in selector.needs if name != "features"]
    given = {name: getattr(example(), name) for name in ("features", *needs)}
    expect_rows(
        make().select(SuperBatch(**given), 4, generator=generator(0)), 4, torch.ones(ROWS, dtype=torch.bool)
    )  # nothing else is read
    for missing in needs:
        with _raises(ValueError, f"{selector.name} needs {missing}"):
            selector.select(SuperBatch(**{name: value for name, value in given.items() if name != missing}), 4)


def _check_state(make: Make) -> None:
    for prepared in (False, True) if make().wants_dataset else (False,):
        run = _Run(make(), prepared)
        for _ in range(2):
            run.go(4)
            state, kept = run.selector.state_dict(), copy.deepcopy(run.selector.state_dict())
            resumed = _Run(make(), prepared, run.step)
            resumed.selector.load_state_dict(pickle.loads(pickle.dumps(state)))
            memory = "restored from a state it chooses other rows"
            no_memory = "its choices depend on earlier calls, but has_memory is False"
            _expect(run.go(4) == resumed.go(4), memory if run.selector.has_memory else no_memory)
            _expect(repr(state) == repr(kept), "its state changes after it was saved")
        run.selector.reset()
        run.step = 0
        _expect(run.go(4) == _Run(make(), prepared).go(4), "after a reset it chooses other rows than a new one")


def _check_abilities(make: Make) -> None:
    selector = make()
    selector.progress = 0.25
    _expect(selector.progress == 0.25, f"progress is {selector.progress}, want 0.25, which it was set to")
    _expect(all(each.progress == 0.25 for each in selector.inner), "progress does not reach the selectors inside")
    with _raises(ValueError, "progress is 1.5"):
        selector.progress = 1.5
    samples = example()
    for step in range(4):
        rows = selector.select(samples, 6, generator=generator(step))
        weights = selector.last_weights
        if weights is not None:
            _expect(selector.gives_weights, "it gives weights, but gives_weights is False")
            _expect(
                weights.shape == (6,) and bool(weights.isfinite().all()), f"weights are {weights}, want [6], finite"
            )
        if selector.abstains:
            _expect(rows.tolist() == list(range(6)), f"it abstains, but chooses {rows.tolist()}")
        if selector.wants_reward:
            selector.update(torch.nan if step % 2 else 0.1)
    alike = make()
    alike.prepare(example(features=torch.randn(ROWS, WIDTH, generator=generator(9)), labels=None))
    alike.start_epoch()
    rows = alike.select(samples, 6, generator=generator(0))
    _expect(not alike.abstains or rows.tolist() == list(range(6)), f"it abstains, but chooses {rows.tolist()}")


def _check_misspelt_abilities(make: Make) -> None:
    for name in MISSPELT:
        with _raises(TypeError, f"{name} is no ability of a selector"):
            type("Misspelt", (type(make()),), {name: True})


CHECKS = (
    _check_facts,
    _check_options,
    _check_sizes,
    _check_chance,
    _check_candidates_shared_out,
    _check_nothing_is_changed,
    _check_degenerate_super_batches,
    _check_rows_that_are_not_finite,
    _check_values_that_it_does_without,
    _check_finite_values_that_overflow,
    _check_missing_tensors,
    _check_state,
    _check_abilities,
    _check_misspelt_abilities,
)


class _Run:
    """A selector in a run of training, from some step on."""

    def __init__(self, selector: Selector, prepared: bool = False, step: int = 0) -> None:
        self.selector, self.step = selector, step
        if prepared:
            copies = torch.randn(ROWS, WIDTH, generator=generator(7)).index_select(0, torch.arange(ROWS) // 2)
            selector.prepare(example(features=copies))

    def go(self, n_batches: int) -> list[list[int]]:
        chosen = []
        for _ in range(n_batches):
            self.step += 1
            self.selector.progress = self.step / 20
            rows = self.selector.select(example(), 6, generator=generator(self.step))
            if self.selector.wants_reward:
                self.selector.update(0.1 * self.step)
            chosen.append(rows.tolist())
        return chosen


def _run(selector: Selector, samples: SuperBatch | None = None) -> list[list[int]]:
    samples = example() if samples is None else samples
    return [selector.select(samples, size, generator=generator(size)).tolist() for size in (6, 2, 6)]


def _floating(selector: Selector) -> list[str]:
    return [name for name in FLOATING if name in (*selector.needs, *selector.finite_in)]


def _spoiled(name: str, *values: float) -> SuperBatch:
    value = getattr(example(), name).clone()
    for row, spoilt in zip(BROKEN, values, strict=True):
        if name in PER_PAIR:
            value[row] = value[:, row] = spoilt
        elif value.dim() > 1:
            value[row, 1] = spoilt
        else:
            value[row] = spoilt
    return dataclasses.replace(example(), **{name: value})


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


@contextmanager
def _said(what: str) -> Iterator[None]:
    """Errors say of which case they are."""
    try:
        yield
    except Exception as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error


@contextmanager
def _raises(kind: type[Exception], words: str) -> Iterator[None]:
    try:
        yield
    except kind as error:
        _expect(words in str(error), f"the error says {str(error)!r}, want {words!r} in it")
        return
    raise AssertionError(f"no {kind.__name__}, want one that says {words!r}")
