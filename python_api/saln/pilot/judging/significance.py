"""Paired tests over seeds, and Holm's correction over methods."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

LEVEL = 0.05
EXACT_UP_TO = 12
"""Seeds up to which all 2^n signs are tried."""
SIGN_DRAWS = 10_000


@dataclass(frozen=True)
class PairedTest:
    """Whether a method differs from uniform, seed by seed.

    Attributes
    ----------
    p_value : float
        Two-sided paired t test.
    p_holm : float
        The same after Holm's correction over the methods of the pilot (Holm 1979).
    p_sign_flip : float
        Two-sided sign-flip permutation test, which assumes no more than symmetry; with n seeds it cannot fall below
        2 / 2^n, so that with fewer than 6 it can never be below 0.05.
    """

    p_value: float
    p_holm: float
    p_sign_flip: float

    @property
    def significant(self) -> bool:
        """At 5 %, corrected."""
        return self.p_holm < LEVEL


def paired_test(differences: Sequence[float]) -> PairedTest | None:
    """Both tests on one difference a seed, not yet corrected; None with fewer than two.

    >>> from saln.pilot.judging.significance import paired_test
    >>> round(paired_test([1.0, 2.0, 3.0]).p_value, 4), paired_test([1.0, 2.0, 3.0]).p_sign_flip
    (0.0742, 0.25)
    """
    array = np.asarray(differences, dtype=np.float64)
    n = array.shape[0]
    if n < 2:
        return None
    mean, error = float(array.mean()), float(array.std(ddof=1)) / n**0.5
    # Without any spread, what was found is either nothing or certain.
    p_value = 2.0 * float(stdtr(n - 1, -abs(mean) / error)) if error else float(mean == 0.0)
    return PairedTest(p_value, p_value, _sign_flip(array))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values after Holm's step-down correction, in the order given.

    >>> from saln.pilot.judging.significance import holm
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = highest
    return corrected


def _sign_flip(differences: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    n = differences.shape[0]
    if n <= EXACT_UP_TO:
        signs = np.asarray(list(itertools.product((1.0, -1.0), repeat=n)))
    else:
        signs = np.random.default_rng(0).choice([1.0, -1.0], size=(SIGN_DRAWS, n))
        signs[0] = 1.0  # what was found is one of the draws
    means = np.abs(signs @ differences) / n
    found = abs(float(differences.mean()))
    # Sums in another order may differ in the last digits.
    return float((means >= found * (1.0 - 1e-12)).mean())
