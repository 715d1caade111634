"""Selection with the Hugging Face Trainer: `select_data` is one line, `job` asks the pilot whether it pays."""

from saln.needs import missing

try:
    import accelerate  # noqa: F401 - it is looked whether they are there
    import transformers  # noqa: F401
except ImportError as error:
    raise missing("saln.integrations.transformers needs transformers", "transformers", error) from error

from saln.integrations.transformers.job import job
from saln.integrations.transformers.losses import cross_entropy, next_token_cross_entropy
from saln.integrations.transformers.select import select_data
from saln.integrations.transformers.trainer import use_sampler

__all__ = ["cross_entropy", "job", "next_token_cross_entropy", "select_data", "use_sampler"]
