"""Figures about what was chosen: wrong labels and copies, rows, spectra."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from saln.catalogue import Words
from saln.pages.page import Datum, Drawn
from saln.pages.style import INK, WIDTH, legend_above, looks, plain_log_ticks, short_rows
from saln.pilot.output.result import PilotResult

SMALLEST = 1e-3
CURVE_POINTS = 200


def wrong_and_copied(result: PilotResult, words: Words) -> Drawn | None:
    """Wrong labels and copies among the chosen; None where the pilot put in neither."""
    panels = []
    if any(each.wrong_offered for each in result.selections):
        panels.append(("wrong.labels", [(each.wrong_chosen, each.wrong_offered) for each in result.selections]))
    if any(each.copies_offered for each in result.selections):
        panels.append(("wrong.copies", [(each.copies_chosen, each.copies_offered) for each in result.selections]))
    if not panels:
        return None
    figure = Figure(figsize=(WIDTH, len(panels) * (0.7 + 0.3 * len(result.methods))), layout="constrained")
    look = looks(result.methods)
    for axes, (title, shares) in zip(np.atleast_1d(np.asarray(figure.subplots(len(panels), 1))), panels, strict=True):
        for row, (method, (chosen, _)) in enumerate(zip(result.methods, shares, strict=True)):
            axes.barh(row, 100 * chosen, color=look[method].colour, height=0.6)
            axes.annotate(f" {100 * chosen:.1f}", (100 * max(chosen, shares[0][1]), row), va="center", fontsize=9.5)
        axes.axvline(100 * shares[0][1], color=INK, linewidth=1, linestyle=":")
        axes.set_title(words(title))
        axes.set_xlim(0, 1.15 * max(1.0, *(100 * max(pair) for pair in shares)))
        short_rows(axes, list(result.methods), 30)
    return Drawn(
        "wrong",
        figure,
        words("wrong"),
        words("wrong.caption"),
        "; ".join(
            words("wrong.alt", method=method, wrong=100 * each.wrong_chosen, copies=100 * each.copies_chosen)
            for method, each in zip(result.methods, result.selections, strict=True)
        ),
        tuple(
            Datum(f"{title} {kind}", method, share)
            for title, shares in panels
            for method, pair in zip(result.methods, shares, strict=True)
            for kind, share in zip(("chosen", "offered"), pair, strict=True)
        ),
    )


def reuse(result: PilotResult, words: Words) -> Drawn:
    """How often rows were chosen, the most often chosen first."""
    figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
    axes = figure.subplots()
    data: list[Datum] = []
    most = []
    for method, look in looks(result.methods).items():
        run = result.runs_of(method)[0]
        chosen = run.chosen[run.chosen >= 0]
        n_rows = len(result.pools[run.seed].rows) if result.pools else int(chosen.max()) + 1
        times = np.sort(np.bincount(chosen.numpy(), minlength=n_rows))[::-1]
        places = np.unique(np.linspace(0, n_rows - 1, CURVE_POINTS).round().astype(int))
        shares = 100 * (places + 1) / n_rows
        axes.plot(shares, times[places], color=look.colour, linestyle=look.line, linewidth=1.8, label=method)
        data += [Datum(method, float(x), float(y)) for x, y in zip(shares, times[places], strict=True)]
        tenth = times[: max(1, n_rows // 10)].sum() / times.sum()
        most.append(words("reuse.share", method=method, share=100 * tenth))
    axes.set_xlabel(words("reuse.rows"))
    axes.set_ylabel(words("reuse.times"))
    axes.set_yscale("symlog", linthresh=1.0)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_ylim(bottom=0.0)
    legend_above(figure, axes)
    return Drawn(
        "reuse",
        figure,
        words("reuse"),
        words("reuse.caption", shares="; ".join(most)),
        "; ".join(most),
        tuple(data),
    )


def batch_scores(result: PilotResult, words: Words) -> Drawn:
    """Effective rank of the batches, from the first step to the last."""
    figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
    axes = figure.subplots()
    look = looks(result.methods)
    for each in result.selections:
        width = max(1, len(each.batch_scores) // 16)
        style = look[each.method]
        axes.plot(each.scored_steps, each.batch_scores, color=style.colour, linewidth=0.6, alpha=0.35)
        middle = np.convolve(each.batch_scores, np.ones(width) / width, mode="valid")
        steps = np.convolve(each.scored_steps, np.ones(width) / width, mode="valid")
        axes.plot(steps, middle, color=style.colour, linestyle=style.line, linewidth=1.8, label=each.method)
    axes.set_xlabel(words("steps.axis"))
    axes.set_ylabel(words("scores.axis"))
    legend_above(figure, axes)
    return Drawn(
        "scores",
        figure,
        words("scores"),
        words("scores.caption"),
        "; ".join(
            words("scores.alt", method=each.method, rank=float(np.mean(each.batch_scores)))
            for each in result.selections
        ),
        tuple(
            Datum(each.method, float(step), score)
            for each in result.selections
            for step, score in zip(each.scored_steps, each.batch_scores, strict=True)
        ),
    )


def spectra(result: PilotResult, words: Words) -> Drawn:
    """Mean eigenvalues of the cosine Gram matrices of chosen batches, and of as many rows that were rejected."""
    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True)
    look = looks(result.methods)
    data: list[Datum] = []
    numbers = np.arange(1, len(result.selections[0].spectrum) + 1)
    for each in result.selections:
        style = look[each.method]
        values = np.maximum(np.asarray(each.spectrum), SMALLEST)
        top.plot(numbers, values, color=style.colour, linestyle=style.line, linewidth=1.8, label=each.method)
        data += [Datum(f"chosen: {each.method}", float(i), v) for i, v in zip(numbers, each.spectrum, strict=True)]
        if len(each.rejected_spectrum) == len(values):
            rejected = np.maximum(np.asarray(each.rejected_spectrum), SMALLEST)
            bottom.plot(numbers, values / rejected, color=style.colour, linestyle=style.line, linewidth=1.8)
            points = zip(numbers, each.rejected_spectrum, strict=True)
            data += [Datum(f"rejected: {each.method}", float(i), v) for i, v in points]
    top.set_yscale("log")
    top.yaxis.set_major_formatter("{x:g}")
    top.set_ylabel(words("spectra.value"))
    top.set_title(words("spectra.chosen"))
    bottom.axhline(1.0, color=INK, linewidth=1)
    bottom.set_xscale("log")
    bottom.set_yscale("log")
    low, high = bottom.get_ylim()
    plain_log_ticks(bottom.yaxis, min(low, 0.8), max(high, 1.25))
    plain_log_ticks(bottom.xaxis, 1, len(numbers))
    bottom.set_xlabel(words("spectra.number"))
    bottom.set_ylabel(words("spectra.over"))
    bottom.set_title(words("spectra.ratio"))
    legend_above(figure, top)
    ranks = "; ".join(
        words("spectra.rank", method=each.method, rank=each.effective_rank)
        if each.rejected_effective_rank is None
        else words("spectra.ranks", method=each.method, rank=each.effective_rank, rejected=each.rejected_effective_rank)
        for each in result.selections
    )
    return Drawn(
        "spectra",
        figure,
        words("spectra"),
        words("spectra.caption", ranks=ranks),
        ranks,
        tuple(data),
    )
