"""Choosing the batches that teach most.

`SuperBatch` holds what is known about the samples, a selector chooses rows of it, `select` is the form for use inside a
training step, `SpectralBatchSampler` the form for a DataLoader, and `select_data` makes a loader with it of one
without. `look` says what is wrong with a dataset before any of it is trained on.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saln.features import extract
    from saln.functional import select
    from saln.inspection.estimator import DataLook
    from saln.inspection.look import look
    from saln.inspection.result import Look
    from saln.integrations.plain import select_data
    from saln.pruning.prune import prune
    from saln.pruning.pruner import Pruner
    from saln.sampling.history import History
    from saln.sampling.sampler import SpectralBatchSampler
    from saln.selectors import SELECTORS, make_selector
    from saln.superbatch import SuperBatch
    from saln_kernels import __version__

__all__ = [
    "SELECTORS",
    "DataLook",
    "History",
    "Look",
    "Pruner",
    "SpectralBatchSampler",
    "SuperBatch",
    "__version__",
    "extract",
    "look",
    "make_selector",
    "prune",
    "select",
    "select_data",
]

# Where each name is, imported when it is first asked for: the command line shows its help without PyTorch.
_HOMES = {
    "DataLook": "saln.inspection.estimator",
    "History": "saln.sampling.history",
    "Look": "saln.inspection.result",
    "Pruner": "saln.pruning",
    "SELECTORS": "saln.selectors",
    "SpectralBatchSampler": "saln.sampling.sampler",
    "SuperBatch": "saln.superbatch",
    "__version__": "saln_kernels",
    "extract": "saln.features",
    "look": "saln.inspection.look",
    "make_selector": "saln.selectors",
    "prune": "saln.pruning",
    "select": "saln.functional",
    "select_data": "saln.integrations.plain",
}

if not TYPE_CHECKING:  # where it is, a misspelt name has a type

    def __getattr__(name: str) -> Any:
        if name in _HOMES:
            found = getattr(import_module(_HOMES[name]), name)
        elif not name.startswith("_") and find_spec(f"saln.{name}") is not None:
            found = import_module(f"saln.{name}")
        else:
            raise AttributeError(f"module 'saln' has no attribute {name!r}")
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
