"""The covering of pairs."""

from itertools import combinations, product

import pytest

from pairwise import pairwise


@pytest.mark.parametrize("sizes", [(2, 3), (9, 4, 2, 3), (5, 2, 2, 7, 3)])
def test_every_pair_occurs(sizes: tuple[int, ...]) -> None:
    options = [[f"{number}.{value}" for value in range(size)] for number, size in enumerate(sizes)]
    chosen = pairwise(*options)
    assert set(chosen) <= set(product(*options))
    for i, j in combinations(range(len(sizes)), 2):
        assert {(row[i], row[j]) for row in chosen} == set(product(options[i], options[j]))


def test_few_are_chosen() -> None:
    rows = pairwise(range(9), range(4), range(2), range(3))
    assert 36 <= len(rows) <= 40  # of 216; 36 pairs of the two longest
