"""What selection is worth in money: what the pilot cost, and what a full training would save."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from saln.pilot.config import PilotConfig
from saln.pilot.judging.intervals import Interval
from saln.pilot.judging.kpi import Kpis


@dataclass(frozen=True)
class MethodCost:
    """One method, in the pilot's currency.

    Attributes
    ----------
    method : str
    run : Interval or None
        A whole run of the pilot, everything counted.
    full_training : float
        One full training to uniform's final accuracy, if it takes the share of uniform's time that it took here.
    saved : float
        By one full training, against uniform; negative is lost.
    saved_low, saved_high : float or None
        At the ends of the interval of the speed-up; None with one seed, and `saved_low` where `at_most`.
    return_on_pilot : float
        What all full trainings save less the pilot's cost, over the pilot's cost: 0 is break-even.
    break_even : float or None
        Full trainings that pay for the pilot; None where nothing is saved.
    at_most : bool
        In some seeds the method never got to uniform's final accuracy: the savings are the most they can be.
    """

    method: str
    run: Interval | None
    full_training: float
    saved: float
    saved_low: float | None
    saved_high: float | None
    return_on_pilot: float
    break_even: float | None
    at_most: bool


@dataclass(frozen=True)
class Costs:
    """Cost and return of the pilot.

    Attributes
    ----------
    price_per_hour : float
    currency : str
    pilot_seconds, pilot_cost : float
        All that the pilot took: every run, evaluations and reference networks, of every session and stage.
    full_training_hours : float
        Of one full training with uniform batches.
    assumed : bool
        It was not given: what uniform took in the pilot stands in.
    trainings : int
    methods : tuple of MethodCost
        Every method but uniform.
    """

    price_per_hour: float
    currency: str
    pilot_seconds: float
    pilot_cost: float
    full_training_hours: float
    assumed: bool
    trainings: int
    methods: tuple[MethodCost, ...]


def reckon(kpis: Sequence[Kpis], config: PilotConfig, pilot_seconds: float) -> Costs | None:
    """Costs of a pilot; None where no price is given.

    A full training with a method is taken to cost uniform's over the speed-up to uniform's final accuracy with
    everything counted, as if what comes before the first step grew with the training.
    """
    price = config.price_per_hour
    if price is None:
        return None
    base = next(each for each in kpis if each.method == "uniform")
    assumed = config.full_training_hours is None
    hours = config.full_training_hours or base.known("total_seconds") / 3600.0
    pilot_cost = pilot_seconds / 3600.0 * price
    methods = tuple(
        _of_method(each, hours * price, pilot_cost, config.trainings) for each in kpis if each.method != "uniform"
    )
    return Costs(price, config.currency, pilot_seconds, pilot_cost, hours, assumed, config.trainings, methods)


def _of_method(kpis: Kpis, full: float, pilot_cost: float, trainings: int) -> MethodCost:
    ratio = kpis.against("speed_up")
    if ratio is None:
        raise ValueError(f"{kpis.method} has not been compared with uniform")
    saved, low, high = (None if times is None else full - full / times for times in (ratio.mean, ratio.low, ratio.high))
    assert saved is not None
    return MethodCost(
        method=kpis.method,
        run=kpis.intervals["cost"],
        full_training=full - saved,
        saved=saved,
        saved_low=low,
        saved_high=high,
        return_on_pilot=(trainings * saved - pilot_cost) / pilot_cost if pilot_cost else 0.0,
        break_even=pilot_cost / saved if saved > 0 else None,
        at_most=ratio.missed > 0,
    )
