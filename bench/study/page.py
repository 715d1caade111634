"""docs/study.md, of results files alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench import usefulness
from bench.markdown import table
from bench.study import results, words
from bench.study.claims import claims_table
from bench.study.pictures import draw
from bench.study.predictors import CHEAP, PREDICTORS
from bench.study.problems import SETS
from bench.study.results import Runs
from bench.study.speed import MEASURES, problems_of
from bench.study.tables import (
    ablation_table,
    cost_table,
    default_summary,
    default_table,
    final_table,
    speed_table,
    worst_table,
)
from bench.study.usefulness_figures import TESTS, Lines, agreement, correlation, mean
from bench.usefulness import PROPOSALS, STAGES

SHOWN = 12
"""Predictors in the short table."""


def write(file: Path, alone_file: Path, usefulness_file: Path, page: Path) -> None:
    """Write the page, and its pictures to a folder of its name beside it.

    The default is compared with uniform by the runs of `alone_file`, where there are any.
    """
    about, runs = results.read(file)
    _, alone = results.read(alone_file)
    alone = alone or runs
    lines = usefulness.read(usefulness_file)
    page.parent.mkdir(parents=True, exist_ok=True)
    draw(runs, lines, page.with_suffix(""))
    parts = [words.HEAD, _what_was_run(about, runs), "## The default against uniform", words.DEFAULT_TABLE]
    parts += [
        default_table(alone),
        default_summary(alone),
        _picture(page, "speed", "Times as fast as uniform"),
        words.WHY,
        "### What its parts are worth, and what there is to gain",
        words.ABLATIONS,
        ablation_table(runs),
        words.WHY_NOT_MORE,
    ]
    parts += ["## The paper's claims", words.CLAIMS, claims_table(runs), words.WHY_CLAIMS, "## Set by set", words.SETS]
    for name in dict.fromkeys(problem.set for problem in problems_of(runs)):
        parts += _set(runs, name, page)
    parts += ["## Which criterion predicts a batch's usefulness?", *_usefulness(lines, page), "## Limits", words.LIMITS]
    page.write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8")


def _what_was_run(about: dict[str, Any], runs: Runs) -> str:
    machine, versions, pilot = about["machine"], about["versions"], about["settings"]["pilot"]
    rows = []
    for name in dict.fromkeys(problem.set for problem in problems_of(runs)):
        conditions = [problem.condition for problem in problems_of(runs) if problem.set == name]
        mine = [key for key in runs if key.set == name]
        fewest = min(
            len({key.seed for key in mine if (key.condition, key.method) == each})
            for each in {(key.condition, key.method) for key in mine}
        )
        methods = len({key.method for key in mine})
        rows.append([SETS[name].title, ", ".join(conditions), methods, fewest, len(mine)])
    settings = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in pilot.items())
    return "\n\n".join(
        (
            table(("set", "conditions", "methods", "seeds, at least", "runs"), rows),
            f"Settings of the pilot: {settings}. Machine: {machine['processor']}, {machine['torch threads']} thread. "
            f"PyTorch {versions['torch']}, Python {versions['python']}.",
        )
    )


def _set(runs: Runs, name: str, page: Path) -> list[str]:
    parts = [f"### {SETS[name].title}", _picture(page, f"curves-{name}", f"Learning curves, {SETS[name].title}")]
    parts += ["Final value, and difference to uniform in points:", final_table(runs, name)]
    for measure, title in MEASURES.items():
        parts.append(_folded(f"Times as fast as uniform: {title}", speed_table(runs, name, measure)))
    parts.append(_folded("Worst class, points beside uniform", worst_table(runs, name)))
    parts.append(_folded("CPU milliseconds", cost_table(runs, name)))
    return parts


def _usefulness(lines: Lines, page: Path) -> list[str]:
    if not lines:
        return ["No results of `python -m bench.usefulness` yet."]
    models = len({key[:3] for key in lines})
    stages = ", ".join(f"{stage} ({steps} steps)" for stage, steps in STAGES.items())
    parts = [
        words.USEFULNESS,
        f"{models} models (sets × conditions × seeds) at {len(STAGES)} stages, {stages}; {usefulness.CANDIDATES} "
        f"batches of each kind at every stage; {len(PREDICTORS)} predictors. {TESTS} intervals were looked at, so that "
        f"some {round(0.05 * TESTS)} of them would miss 0 by chance; **bold** marks those that stay clear of it when "
        "corrected for all (Bonferroni, t over models).",
        _picture(page, "usefulness", "Mean rank correlation with the fall of the held-out loss"),
    ]
    for kind in PROPOSALS:
        ordered = sorted(PREDICTORS, key=lambda name, at=kind: -_size(lines, name, at))  # type: ignore[misc]
        short = [name for name in ordered if name in ordered[:SHOWN] or name in CHEAP]
        parts += [f"Proposals: {kind}. The {SHOWN} strongest, and all that cost little:"]
        parts += [_correlations(lines, kind, short), _folded("All predictors", _correlations(lines, kind, ordered))]
    return [*parts, words.USEFULNESS_FOUND]


def _size(lines: Lines, predictor: str, kind: str) -> float:
    size = abs(mean(lines, predictor, lambda key: key.proposals == kind))
    return size if size == size else 0.0


def _correlations(lines: Lines, kind: str, predictors: list[str]) -> str:
    conditions = list(dict.fromkeys(key.condition for key in lines))
    parts = [*(("condition", value) for value in conditions), *(("stage", value) for value in STAGES)]
    rows = []
    for name in predictors:
        overall = correlation(lines, name, kind)
        if overall is None:
            continue
        found = overall.found
        text = f"**{found.mean:+.2f}**" if overall.certain else f"{found.mean:+.2f}"
        if found.bootstrap_low is not None and found.bootstrap_high is not None:
            text += f" [{found.bootstrap_low:+.2f}, {found.bootstrap_high:+.2f}]"
        row = [
            name.replace("_", " ").replace(" quality", " × q"),
            text,
            "{} of {}".format(*agreement(lines, name, kind)),
        ]
        for field, value in parts:
            part = mean(
                lines, name, lambda key, at=(field, value): (key.proposals, getattr(key, at[0])) == (kind, at[1])
            )  # type: ignore[misc]
            row.append(f"{part:+.2f}" if part == part else "-")
        rows.append(row)
    return table(("predictor", "mean ρ [bootstrap]", "same sign in", *conditions, *STAGES), rows)


def _picture(page: Path, name: str, title: str) -> str:
    there = page.with_suffix("") / f"{name}.svg"
    return f"![{title}]({page.stem}/{name}.svg)" if there.exists() else ""


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>"
