"""What to train on at all: rows of a whole dataset, chosen once, before training.

`saln.select` chooses a batch while training goes on; `prune` reads the whole dataset, in blocks, and knows of rows that
are chosen already. Layers, each importing only those below it:

    pruner -> prune -> k_center, log_det, facility_location, herding, scores -> lazy, pool, quotas
"""

from saln.pruning.prune import METHODS, prune
from saln.pruning.pruner import Pruner

__all__ = ["METHODS", "Pruner", "prune"]
