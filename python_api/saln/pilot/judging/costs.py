"""What selection is worth: hours and money a year, as ranges, after what pilot and introduction take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from saln.pilot.config import PilotConfig
from saln.pilot.judging.intervals import Interval
from saln.pilot.judging.kpi import Kpis

SHORTEST = 10.0
"""Seconds of uniform's training from which speed-ups are carried over to a full one. Below, steps of a millisecond and
what is done once (features, reference network, a look at the data) weigh as they do in no full training."""


@dataclass(frozen=True)
class MethodCost:
    """One method against uniform. Ranges are Nones where savings are not carried over; negative is lost.

    Attributes
    ----------
    method : str
    run : Interval or None
        Price of a whole run of the pilot, everything counted; None without a price.
    hours_saved : Interval or None
        Machine hours a year, at the mean and both ends of the interval of the speed-up.
    money_saved : Interval or None
        The same in currency; None without a price.
    first_year : Interval or None
        `money_saved` less all that is spent once; None where not everything has a price.
    break_even : float or None
        Years until the mean saving has paid what is spent once; None where nothing is saved or a price is missing.
    """

    method: str
    run: Interval | None
    hours_saved: Interval | None
    money_saved: Interval | None
    first_year: Interval | None
    break_even: float | None


@dataclass(frozen=True)
class Costs:
    """Cost and return of the pilot, in hours and, where prices are known, in money.

    Attributes
    ----------
    price_per_hour, people_price_per_hour : float or None
    currency : str
    pilot_seconds : float
        All that the pilot took: every run, evaluations and reference networks, of every session and stage.
    run_seconds : float
        Of uniform's training, mean over seeds.
    full_training_hours : float or None
        Of one full training with uniform batches; None where none was given and the runs are shorter than `SHORTEST`.
    assumed : bool
        It was not given: what uniform took in the pilot stands in.
    carried_over : bool
        The runs are long enough for their speed-ups to say something about a full training.
    trainings_per_year, share_concerned, people_hours : float
        As in `PilotConfig`.
    pilot_cost, people_cost : float or None
        None without a price.
    once : float or None
        Their sum: what is spent once.
    methods : tuple of MethodCost
        Every method but uniform.
    """

    price_per_hour: float | None
    people_price_per_hour: float | None
    currency: str
    pilot_seconds: float
    run_seconds: float
    full_training_hours: float | None
    assumed: bool
    carried_over: bool
    trainings_per_year: float
    share_concerned: float
    people_hours: float
    pilot_cost: float | None
    people_cost: float | None
    once: float | None
    methods: tuple[MethodCost, ...]

    def of(self, method: str | None) -> MethodCost | None:
        """The method of this name, where it is there."""
        return next((each for each in self.methods if each.method == method), None)


def reckon(kpis: Sequence[Kpis], config: PilotConfig, pilot_seconds: float) -> Costs:
    """Hours and money a year for every method.

    A full training with a method is taken to last uniform's over the speed-up to uniform's final score with everything
    counted, as if what comes before the first step grew with the training.
    """
    base = next(each for each in kpis if each.method == "uniform")
    run_seconds = base.known("training_seconds")
    carried_over, given = run_seconds >= SHORTEST, config.full_training_hours
    hours = given or (base.known("total_seconds") / 3600.0 if carried_over else None)
    price, people = config.price_per_hour, config.people_price_per_hour
    pilot_cost = None if price is None else pilot_seconds / 3600.0 * price
    people_cost = 0.0 if config.people_hours == 0 else None if people is None else config.people_hours * people
    once = None if pilot_cost is None or people_cost is None else pilot_cost + people_cost
    yearly = hours * config.trainings_per_year * config.share_concerned if hours and carried_over else None
    return Costs(
        price_per_hour=price,
        people_price_per_hour=people,
        currency=config.currency,
        pilot_seconds=pilot_seconds,
        run_seconds=run_seconds,
        full_training_hours=hours,
        assumed=given is None,
        carried_over=carried_over,
        trainings_per_year=config.trainings_per_year,
        share_concerned=config.share_concerned,
        people_hours=config.people_hours,
        pilot_cost=pilot_cost,
        people_cost=people_cost,
        once=once,
        methods=tuple(_of_method(each, yearly, price, once) for each in kpis if each.method != "uniform"),
    )


def _of_method(kpis: Kpis, yearly: float | None, price: float | None, once: float | None) -> MethodCost:
    speed_up = kpis.against("speed_up")
    hours, money, first, years = None, None, None, None
    if yearly is not None and speed_up is not None:
        hours = _through(speed_up, lambda times: yearly - yearly / times)
    if hours is not None and price is not None:
        money = _through(hours, lambda saved: saved * price)
    if money is not None and once is not None:
        first = _through(money, lambda saved: saved - once)
        years = once / money.mean if money.mean > 0 else None
    return MethodCost(kpis.method, kpis.intervals.get("cost"), hours, money, first, years)


def _through(found: Interval, rising: Callable[[float], float]) -> Interval:
    """A rising function of a mean and of the ends of its interval."""
    low, high = (None if end is None else rising(end) for end in (found.low, found.high))
    return Interval(rising(found.mean), low, high, found.n, found.missed)
