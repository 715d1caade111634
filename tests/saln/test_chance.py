"""Chance over more rows than a float32 tells apart: every row has its turn."""

import torch

import saln
from saln.selectors.support.chance import draw, random_uniform

MANY = 2**24 + 2**22
BEYOND = 2**22 / MANY


def test_every_row_is_drawn_alike() -> None:
    """Of the last fifth of the rows come a fifth of what is drawn, six standard deviations around."""
    source = torch.Generator().manual_seed(0)
    size = 4000
    off = 6 * (BEYOND * (1 - BEYOND) / size) ** 0.5
    drawn = draw(torch.zeros(MANY), size, generator=source)
    pruned = saln.prune(torch.zeros(MANY, 1), keep=size, method="random")
    for rows in (drawn, pruned):
        assert len(rows.unique()) == size
        assert abs(float((rows >= 2**24).double().mean()) - BEYOND) < off
        assert len((rows[rows >= 2**24] % 64).unique()) == 64  # no place between is passed over


def test_no_two_rows_draw_the_same_number() -> None:
    numbers = random_uniform([MANY], generator=torch.Generator().manual_seed(1), device=torch.device("cpu"))
    assert len(numbers.unique()) == MANY
