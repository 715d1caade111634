"""What a pilot judges by: a number of the user's, better when larger or when smaller."""

from __future__ import annotations

from dataclasses import dataclass

SHARES = frozenset(
    {"accuracy", "balanced_accuracy", "worst_class", "roc_auc", "auroc", "auc", "average_precision", "precision"}
    | {"recall", "f1", "f1_macro", "f1_micro", "top1", "top5", "iou", "miou", "dice", "map", "ndcg", "mrr"}
)
"""Names of metrics that lie between 0 and 1; their differences are shown in points, hundredths."""
LOWER = frozenset(
    ("loss", "error", "perplexity", "mse", "rmse", "mae", "mape", "nll", "brier", "deviance", "wer", "cer", "fid")
)
"""Last words of names of metrics that are better when smaller."""


@dataclass(frozen=True)
class Metric:
    """A metric, and how it is read.

    Attributes
    ----------
    name : str
        As the training reports it.
    higher_is_better : bool
    is_share : bool
        Between 0 and 1.

    Examples
    --------
    >>> from saln.pilot.metric import Metric
    >>> Metric.named("eval_loss"), Metric.named("accuracy").is_share
    (Metric(name='eval_loss', higher_is_better=False, is_share=False), True)
    """

    name: str = "accuracy"
    higher_is_better: bool = True
    is_share: bool = True

    @classmethod
    def named(cls, name: str, higher_is_better: bool | None = None) -> Metric:
        """What the name says, unless told otherwise: a loss or an error is better when smaller."""
        bare = name.removeprefix("eval_").removeprefix("val_").removeprefix("test_")
        if higher_is_better is None:
            higher_is_better = bare.rpartition("_")[2] not in LOWER
        return cls(name, higher_is_better, bare in SHARES)

    @property
    def words(self) -> str:
        """The name in a sentence.

        >>> from saln.pilot.metric import Metric
        >>> Metric.named("balanced_accuracy").words
        'balanced accuracy'
        """
        return self.name.replace("_", " ")

    def score(self, value: float) -> float:
        """A value as a score, of which more is always better; of a score, the value: it is its own inverse."""
        return value if self.higher_is_better else -value
