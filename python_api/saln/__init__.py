"""Choosing the batches that teach most.

Layers, each importing only those below it:

    cli -> pilot, report; integrations -> sampler -> epoch_walk, background, chooser -> refresh, memory -> distributed
    functional, sampler -> selectors -> candidates, schedule, superbatch

`SuperBatch` holds what is known about the samples, a selector chooses rows of it, `select` is the form for use inside a
training step, and `SpectralBatchSampler` the form for a DataLoader.
"""

from saln.functional import select
from saln.sampling.sampler import SpectralBatchSampler
from saln.selectors import SELECTORS, make_selector
from saln.superbatch import SuperBatch
from saln_kernels import __version__

__all__ = ["SELECTORS", "SpectralBatchSampler", "SuperBatch", "__version__", "make_selector", "select"]
