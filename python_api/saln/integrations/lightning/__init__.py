"""Selection with Lightning: `select_data` is one line for a trainer, `job` asks the pilot whether it pays."""

from saln.needs import missing

try:
    import lightning.pytorch  # noqa: F401 - it is looked whether it is there
except ImportError as error:
    raise missing("saln.integrations.lightning needs lightning", "lightning", error) from error

from saln.integrations.lightning.callback import SpectralSelection
from saln.integrations.lightning.job import job
from saln.integrations.lightning.select import batch_weights, sampler_of, select_data

__all__ = ["SpectralSelection", "batch_weights", "job", "sampler_of", "select_data"]
