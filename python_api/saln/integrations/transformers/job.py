"""A training with the Hugging Face Trainer as a job of the pilot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from saln.integrations.transformers.losses import SampleLosses
from saln.integrations.transformers.trainer import use_sampler

# What the Trainer adds to the metrics of an evaluation.
NO_METRICS = ("epoch", "runtime", "samples_per_second", "steps_per_second", "jit_compilation_time", "preparation_time")


def job(
    make_trainer: Callable[[int], Any], *, sample_losses: SampleLosses | None = None, weights_applied: bool = False
) -> Callable[[Any, int], None]:
    """A training with a Hugging Face Trainer as a job, which the pilot runs with one method after the other.

    The Trainer's metrics are reported whenever it evaluates, by their names without `eval_`, and once more at the end
    if it did not then. Evaluation is off the pilot's clock.

    Parameters
    ----------
    make_trainer : callable
        Of the seed: the Trainer, with its model, its datasets and `TrainingArguments(seed=seed)`, made anew for each
        run. Its batch size is the pilot's.
    sample_losses, weights_applied
        As of `select_data`; methods that give weights are refused without one of them.

    Returns
    -------
    callable
        `train(sampler, seed)`.

    Examples
    --------
    >>> import torch
    >>> from transformers import Trainer, TrainingArguments
    >>> from saln.integrations.transformers import job
    >>> rows = [{"x": row, "labels": 0} for row in torch.eye(40)]
    >>> def make_trainer(seed):
    ...     arguments = TrainingArguments("runs", seed=seed, eval_strategy="epoch")
    ...     return Trainer(torch.nn.Linear(40, 2), arguments, train_dataset=rows, eval_dataset=rows)
    >>> train = job(make_trainer)  # saln.pilot.compare(train, features=torch.eye(40), batch_size=8)
    """

    def train(sampler: Any, seed: int) -> None:
        trainer = make_trainer(seed)
        use_sampler(trainer, sampler, sample_losses=sample_losses, weights_applied=weights_applied)
        own = type(trainer)
        trainer.__class__ = type(own.__name__, (ReportingTrainer, own), {"__module__": own.__module__})
        if trainer.args.max_steps > 0:
            trainer.args.max_steps = round(trainer.args.max_steps * sampler.stretch)
        trainer.train()
        if trainer.n_trained > trainer.n_reported:
            trainer.evaluate()

    return train


class ReportingTrainer:
    """The methods of a Trainer that differ where the pilot wants to know what an evaluation says."""

    n_trained = 0  # batches
    n_reported = 0  # of them at the last report
    _is_evaluating = False  # of several datasets one after the other the Trainer calls itself

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """As the Trainer's."""
        self.n_trained += 1
        return super().training_step(*args, **kwargs)  # type: ignore[misc]

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """As the Trainer's."""
        if self._is_evaluating:
            return super().evaluate(*args, **kwargs)  # type: ignore[misc]
        sampler = self.batch_sampler  # type: ignore[attr-defined]
        with sampler.paused():
            self._is_evaluating = True
            try:
                given = super().evaluate(*args, **kwargs)  # type: ignore[misc]
            finally:
                self._is_evaluating = False
            sampler.report(self.n_trained, _metrics(given))
        self.n_reported = self.n_trained
        return given


def _metrics(given: dict[str, Any]) -> dict[str, Any]:
    """The loss comes last: what runs are judged by if nothing is said is the first one."""
    named = {name.removeprefix("eval_"): value for name, value in given.items() if not name.endswith(NO_METRICS)}
    return dict(sorted(named.items(), key=lambda each: each[0].endswith("loss")))
