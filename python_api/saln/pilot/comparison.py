"""The pilot in one call."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from saln.features.progress import error_console
from saln.needs import extra_pilot
from saln.pilot.config import PilotConfig, PilotError
from saln.pilot.function import FunctionJob, Train
from saln.pilot.output.bars import Bars
from saln.pilot.output.result import PilotResult
from saln.pilot.runner import run_pilot
from saln.pilot.training.methods import make_methods
from saln.pilot.training.watch import Watcher, Watchers
from saln.selectors import Selector


def compare(
    train: Train,
    *,
    features: Any,
    labels: Any = None,
    batch_size: int = 64,
    methods: Sequence[str | Selector] = ("auto",),
    seeds: int = 5,
    groups: Mapping[str, Any] | None = None,
    reference_losses: Any = None,
    feature_seconds: float | None = None,
    name: str = "",
    work: str | Path | None = None,
    fresh: bool = False,
    progress: bool = True,
    watchers: Sequence[Watcher] = (),
    **settings: Any,
) -> PilotResult:
    """Ask whether selection pays on your own training: run it with random batches and with each method's, and judge.

    Parameters
    ----------
    train : callable
        `train(sampler, seed)` makes a model, trains it on the sampler's batches, and says how it goes. `sampler` is a
        batch sampler of indices of the training set: hand it to a DataLoader as `batch_sampler`. Either `train` is a
        generator and yields `step, {"accuracy": 0.81}` as often as it evaluates, step being the batches trained on so
        far; or it calls `sampler.report(step, {"accuracy": 0.81})`. What an evaluation takes is not counted: exactly
        where the metrics are a function, or it is made within `with sampler.paused():`, and else by what a step usually
        takes. Methods that need losses take those that training sees: `sampler.recorder`. Before each run torch, numpy
        and random are seeded with `seed`; every run has to evaluate after the same steps.
    features : Tensor or ndarray [N, d], Features or path
        Of the training set, row i for index i; what `saln.extract` wrote, by its path, is compared with the dataset.
    labels : array_like [N] or path, optional
        Classes, by number or name; or a file of them (npy, npz, csv, ...).
    batch_size : int
    methods : sequence of str or Selector
        By name as in `saln methods`, or selectors; uniform is always compared.
    seeds : int
        Runs per method.
    groups : dict of str to array_like [N], optional
        Columns to report by: who is chosen, when.
    reference_losses : Tensor or ndarray [N], optional
        Of a model trained on other data, for methods that read them; by default out of fold, from features and labels.
    feature_seconds : float, optional
        What it took to extract the features: counted for methods that look at them. `saln.extract` writes it down.
    name : str
        Of the training, for people; by default that of the script that was started, else the function's.
    work : str or Path, optional
        A folder for finished runs. A pilot that was killed goes on there: runs of the same data and settings, and of
        the same training in all that it is made of (`saln.pilot.source`), are not run again.
    fresh : bool
        Run them again all the same.
    progress : bool
        Show bars on the screen.
    watchers : sequence of Watcher
        Further ones that want to know how it goes.
    **settings
        Of `saln.pilot.PilotConfig`: `metric`, `higher_is_better`, `filter_ratio`, `gates`, `stages`, `target`,
        `price_per_hour`, ...

    Returns
    -------
    PilotResult
        `saln.pages.render_report(result, "report.html")` makes the page; `result.to_frame()` the figures.

    Raises
    ------
    PilotError
        Something given or reported does not fit; the message names it.

    Examples
    --------
    >>> import torch
    >>> import saln.pilot
    >>> x = torch.randn(96, 4, generator=torch.Generator().manual_seed(0))
    >>> y = (x[:, 0] > 0).long()
    >>> def train(sampler, seed):
    ...     model = torch.nn.Linear(4, 2)
    ...     optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    ...     for step, rows in enumerate(sampler, start=1):
    ...         loss = torch.nn.functional.cross_entropy(model(x[rows]), y[rows])
    ...         optimizer.zero_grad()
    ...         loss.backward()
    ...         optimizer.step()
    ...     yield step, {"accuracy": float((model(x).argmax(1) == y).float().mean())}
    >>> result = saln.pilot.compare(
    ...     train, features=x, labels=y, batch_size=16, methods=["spectral_candidates"], seeds=2, progress=False
    ... )
    >>> result.methods, result.steps
    (('uniform', 'spectral_candidates'), 6)
    """
    _check_names(settings)
    job = FunctionJob(
        train, features, labels, reference_losses=reference_losses, groups=groups, feature_seconds=feature_seconds,
        name=name,
    )  # fmt: skip
    made = make_methods(methods, job.provides, settings.get("metric"))
    config = PilotConfig(methods=tuple(each.name for each in made), batch_size=batch_size, seeds=seeds, **settings)
    bars = _bars() if progress else nullcontext()
    try:
        with bars as shown:
            every = [*watchers, *([Bars(shown)] if shown is not None else [])]
            return run_pilot(job, config, made, Watchers(every), work=None if work is None else Path(work), fresh=fresh)
    except KeyboardInterrupt:
        kept = f"what is finished is kept in {work}: the same call goes on" if work else "nothing is kept without work="
        raise KeyboardInterrupt(f"interrupted; {kept}") from None


def _check_names(settings: Mapping[str, Any]) -> None:
    """A PilotError about the first that there is no such setting of."""
    names = [each.name for each in dataclasses.fields(PilotConfig) if each.name != "train_share"]
    unknown = next((name for name in settings if name not in names), None)
    if unknown is None:
        return
    own = [name for name in inspect.signature(compare).parameters if name not in ("train", "settings")]
    names = [*own, *(name for name in names if name not in own)]
    alike = difflib.get_close_matches(unknown, names, n=1)
    hint = f" (did you mean {alike[0]}?)" if alike else ""
    raise PilotError(f"compare has no setting '{unknown}'{hint}; there are {', '.join(names)}")


def _bars() -> Any:
    with extra_pilot():
        from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TextColumn("batches"), TimeRemainingColumn())
    return Progress(*columns, console=error_console())
