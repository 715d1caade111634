"""What to do after a pilot: adopt a method, extend the pilot, or stop; why, at what risk, and what to run next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from saln.catalogue import Message, message
from saln.pilot.config import PilotConfig
from saln.pilot.judging.costs import SHORTEST
from saln.pilot.judging.intervals import Comparison, Interval
from saln.pilot.judging.verdict import GAIN, LOSS, Answer, Verdict
from saln.pilot.output.words import answer, metric_words, short_time

if TYPE_CHECKING:
    from saln.pilot.output.result import PilotResult

Outcome = Literal["adopt", "extend", "stop"]
Changes = dict[str, str | None]
"""Options of the pilot to the values they are to have; None leaves one out."""

FASTER, HIGHER = 1.05, 0.005
"""A speed-up, and a lead in parts of a share or of uniform's value, below which nobody would change a training."""
ENOUGH_SEEDS, WIDEST, STARVED = 5, 100.0, 0.5
OWN = "saln pilot my_job.py:train --features features.npy --labels labels.npy --methods {method}"
SPOILING = ("label_noise", "feature_noise", "imbalance", "duplicates")


@dataclass(frozen=True)
class Decision:
    """A recommendation; all sentences can be said in every language of the catalogue.

    Attributes
    ----------
    outcome : {"adopt", "extend", "stop"}
    method : str or None
        To adopt, or the most promising; None where uniform was run alone.
    reason : Message
        With the interval that decides, as it is shown.
    risks : tuple of Message
        The worst end of that interval, and who was chosen too rarely.
    next : Message
    changes : dict of str to str or None
        Options of the pilot to run next.
    code : str or None
        What to run next where that is not this pilot with `changes`.
    """

    outcome: Outcome
    method: str | None
    reason: Message
    risks: tuple[Message, ...]
    next: Message
    changes: Changes
    code: str | None = None

    def command(self, command: str | None) -> str | None:
        """What to run next, where `command` ran this pilot; None where nothing is."""
        if self.code is not None or not self.changes:
            return self.code
        if command is None:
            return f"compare(..., {', '.join(f'{name}={value}' for name, value in self.changes.items())})"
        return _changed(command, self.changes)


def decide(result: PilotResult) -> Decision:
    """The decision that verdicts, gates and the intervals that decide lead to.

    A method is adopted where its verdict is a gain, no gate of its own is failed or undecided, and the runs were of the
    data as they are, of all of them, and long enough to speak of a full training; with something of this missing, the
    pilot is extended by it. It stops where every method failed a gate, lost, or cannot have gained what would matter.
    """
    if not result.verdicts:
        changes: Changes = {"methods": "auto"}
        return Decision("extend", None, message("reason.alone"), (), message("next.alone"), changes)
    failed = {each.method for each in result.gates if each.outcome == "failed"}
    best = max(result.verdicts, key=lambda each: (each.method not in failed, each.gain == GAIN, _speed(each)))
    claim = _claim(best, result)
    said = {"method": best.method, "claim": claim}
    risks = (_worst(best, result), *_starved(best.method, result))
    if best.gain == GAIN and best.method not in failed:
        return _gained(best, result, said, risks)
    if best.method in failed:
        return _stop("reason.gates_failed", best.method, said)
    short = _is_short(result)
    if result.config.seeds > 1 and all(
        each.gain == LOSS or each.method in failed or (not short and _too_little(each, result))
        for each in result.verdicts
    ):
        return _stop("reason.stop", best.method, said)
    if short:
        reason = message("reason.short_open", seconds=short_time(_run_seconds(result)), **said)
        return Decision("extend", best.method, reason, risks, *_longer(best.method, result))
    reason = message("reason.one_seed") if result.config.seeds == 1 else message("reason.open", **said)
    return Decision("extend", best.method, reason, risks, *_more_seeds(result))


def _gained(best: Verdict, result: PilotResult, said: dict[str, str], risks: tuple[Message, ...]) -> Decision:
    settings = result.config.as_dict()
    undecided = sum(each.method == best.method and each.outcome == "undecided" for each in result.gates)
    spoiled = {
        name: None for name in SPOILING if settings.get(name) not in (None, 0.0, 1.0 if name == "imbalance" else 0.0)
    }
    share = settings.get("train_share", 1.0)

    def extended(reason: Message, text: Message, changes: Changes, code: str | None = None) -> Decision:
        return Decision("extend", best.method, reason, risks, text, changes, code)

    if undecided:
        return extended(message("reason.gate", gates=undecided, **said), *_more_seeds(result))
    if spoiled:
        return extended(message("reason.spoiled", **said), message("next.unspoiled"), dict(spoiled))
    if share < 1.0:
        return extended(message("reason.share", share=100 * share, **said), message("next.share"), {"stages": "1.0"})
    if _is_short(result):
        reason = message("reason.short", seconds=short_time(_run_seconds(result)), **said)
        return extended(reason, *_longer(best.method, result))
    worth = None if result.costs is None else result.costs.of(best.method)
    lead = best.found("lead_in_own_time")
    if worth and worth.first_year and (worth.first_year.high or 0.0) < 0 and not (lead and lead.above(0.0)):
        return _stop("reason.dear", best.method, said)
    selector = f'"{best.method}"' if ":" not in best.method else f'make_selector("{best.method}")'
    code = f"SpectralBatchSampler(features, batch_size={settings['batch_size']}, selector={selector})"
    text = message("next.adopt", method=best.method)
    return Decision("adopt", best.method, message("reason.adopt", **said), risks, text, {}, code)


def _stop(reason: str, method: str, said: dict[str, str]) -> Decision:
    return Decision("stop", method, message(reason, **said), (message("risk.none"),), message("next.stop"), {})


def _longer(method: str, result: PilotResult) -> tuple[Message, Changes, str | None]:
    """Runs that say something of a full training: of the user's own, where it was not that already."""
    if type(result.config) is PilotConfig:
        return message("next.longer", shortest=SHORTEST), {}, None
    return message("next.own"), {}, OWN.format(method=method)


def _more_seeds(result: PilotResult) -> tuple[Message, Changes]:
    seeds = max(ENOUGH_SEEDS, 2 * result.config.seeds)
    return message("next.seeds", seeds=seeds), {"seeds": str(seeds)}


def _claim(verdict: Verdict, result: PilotResult) -> Message:
    """The two figures from which a gain may be claimed, with their intervals."""
    by_name = {each.figure: each for each in verdict.answers}
    speed, lead = (by_name.get(name) for name in ("speed_up", "lead_in_own_time"))
    texts = [answer(each, result.metric) for each in (speed, lead) if each is not None]
    return message("claim.both", speed=texts[0], lead=texts[1]) if len(texts) > 1 else texts[0]


def _worst(verdict: Verdict, result: PilotResult) -> Message:
    speed, lead = verdict.found("speed_up"), verdict.found("lead_in_own_time")
    metric, name = result.metric, metric_words(result.metric)
    if (
        speed is None
        or speed.low is None
        or lead is None
        or lead.low is None
        or 1.0 / speed.low > WIDEST
        or (metric.is_share and lead.low < -1.0)
    ):
        missed, n = (speed.missed, speed.n) if speed else (0, result.config.seeds)
        why = message("risk.missed", missed=missed, n=n, metric=name) if missed else message("risk.few_seeds", n=n)
        return message("risk.unbounded", method=verdict.method, why=why)
    behind = answer(Answer("lead_in_own_time", "no difference shown", _at(lead, lead.low)), metric)
    slower = message("times", value=f"{1.0 / speed.low:.2f}")
    return message("risk.worst", method=verdict.method, slower=slower, metric=name, behind=behind)


def _at(found: Comparison, end: float) -> Comparison:
    """One end of an interval, alone."""
    return replace(found, mean=end, low=None, high=None, n=2, missed=0)


def _starved(method: str, result: PilotResult) -> Iterator[Message]:
    """The class or group that was chosen least often for its size."""
    at = result.methods.index(method)
    chosen = result.selections[at]
    shares: list[tuple[float, str]] = [
        (share / offered, message("risk.class", name=name) if name.isdigit() else name)
        for name, share, offered in zip(result.data.class_names, chosen.class_share, chosen.pool_share, strict=False)
        if offered
    ]
    for column in result.by_group:
        ratios = zip(column.relative(column.methods[at].share), column.offered, strict=True)
        shares += [(ratio, message("risk.group", column=column.column, name=column.groups[i])) for ratio, i in ratios]
    if shares:
        ratio, group = min(shares)
        key = "risk.starved" if ratio < STARVED else "risk.fed"
        yield message(key, method=method, group=group, ratio=ratio)


def _too_little(verdict: Verdict, result: PilotResult) -> bool:
    """Neither claim can be more than nobody would change a training for."""
    speed, lead = verdict.found("speed_up"), verdict.found("lead_in_own_time")
    matters = HIGHER * (1.0 if result.metric.is_share else abs(result.kpis[0].known("final_accuracy")))
    return _high(speed) < FASTER and _high(lead) < matters


def _high(found: Interval | None) -> float:
    return float("inf") if found is None or found.high is None else found.high


def _speed(verdict: Verdict) -> float:
    found = verdict.found("speed_up")
    return 0.0 if found is None else found.mean


def _run_seconds(result: PilotResult) -> float:
    return result.kpis[0].known("training_seconds")


def _is_short(result: PilotResult) -> bool:
    return _run_seconds(result) < SHORTEST


def _changed(command: str, changes: Changes) -> str:
    """A command line with other options.

    >>> _changed("saln pilot digits --seeds 2 --label-noise=0.3", {"seeds": "5", "label_noise": None})
    'saln pilot digits --seeds 5'
    """
    given, kept = shlex.split(command), list[str]()
    names = {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
    skip = False
    for word in given:
        if skip:
            skip = False
        elif word in names:
            skip = True
        elif word.partition("=")[0] not in names:
            kept.append(word)
    for name, value in names.items():
        kept += [] if value is None else [name, value]
    return shlex.join(kept)
