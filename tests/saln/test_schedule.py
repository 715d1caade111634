"""Schedules: their shapes at chosen points, and what may not be."""

import math

import pytest

from saln.selectors.support.schedule import (
    Schedule,
    not_negative_throughout,
    positive_throughout,
    share,
    share_throughout,
    value_at,
)


@pytest.mark.parametrize(
    ("shape", "values"),
    [
        ("constant", [2, 2, 2, 2, 2]),
        ("linear", [2, 3.5, 5, 6.5, 8]),
        ("cosine", [2, 2 + 3 * (1 - math.sqrt(0.5)), 5, 2 + 3 * (1 + math.sqrt(0.5)), 8]),
        ("step", [2, 4, 6, 8, 8]),
    ],
)
def test_shapes(shape, values):
    schedule = Schedule(2, 8, shape, n_steps=4)
    assert [schedule(progress) for progress in (0, 0.25, 0.5, 0.75, 1)] == pytest.approx(values)


def test_a_schedule_may_begin_late_and_end_early_and_fall():
    schedule = Schedule(1.0, 0.0, "linear", begin=0.2, until=0.6)
    assert [schedule(progress) for progress in (0, 0.2, 0.4, 0.6, 1)] == pytest.approx([1, 1, 0.5, 0, 0])


def test_values_of_either_kind():
    assert value_at(3.0, 0.7) == 3
    assert value_at(Schedule(0, 10), 0.7) == pytest.approx(7)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Schedule(0, 1, "cubic"), "shape is 'cubic', want one of 'constant'"),
        (lambda: Schedule(0, math.inf), "start and end are 0 and inf"),
        (lambda: Schedule(0, 1, "step", n_steps=1), "n_steps is 1"),
        (lambda: Schedule(0, 1, begin=0.5, until=0.5), "begin and until are 0.5 and 0.5"),
        (lambda: Schedule(0, 1)(1.01), "progress is 1.01, want 0 to 1"),
        (lambda: positive_throughout("t", Schedule(1, 0)), r"t\.end is 0, want a positive"),
        (lambda: positive_throughout("t", -1.0), "t is -1.0, want a positive"),
        (lambda: not_negative_throughout("t", Schedule(-1, 0)), "t is .*, want at least 0"),
        (lambda: share_throughout("r", Schedule(0.5, 1.5)), r"r\.end is 1.5, want 0 to 1"),
        (lambda: share("epsilon", -0.1), "epsilon is -0.1"),
    ],
)
def test_wrong_numbers_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
