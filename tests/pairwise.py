"""Few combinations of many options: every pair of values of any two options occurs in one of them."""

from collections.abc import Sequence
from itertools import combinations, product
from typing import Any


def pairwise(*options: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Combinations that cover all pairs, each chosen for the most pairs that no earlier one has."""
    indices = [range(len(values)) for values in options]
    missing = {
        ((i, a), (j, b)) for i, j in combinations(range(len(options)), 2) for a in indices[i] for b in indices[j]
    }
    everything = list(product(*indices))
    chosen = []
    while missing:
        best = max(everything, key=lambda one: len(missing.intersection(combinations(enumerate(one), 2))))
        missing.difference_update(combinations(enumerate(best), 2))
        chosen.append(tuple(values[index] for values, index in zip(options, best, strict=True)))
    return chosen
