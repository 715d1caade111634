"""Results of a GPU run as markdown, and whether the targets were met."""

from collections.abc import Iterator, Sequence
from typing import Any

from bench.gpu import baselines, ours
from bench.gpu.cases import CASES, FLOOR_RATIO
from bench.markdown import seconds, table
from bench.targets import MEMORY_MIB, Target, as_table, at_least, at_most

EXACT_BATCHED = (baselines.XSYEV, baselines.CUPY)


def judge(results: dict[str, Any]) -> list[Target]:
    """The targets that complete cases speak of."""
    return [target for case in results["cases"] if case["complete"] for target in _judged(case)]


def _judged(case: dict[str, Any]) -> Iterator[Target]:
    wanted, rows = CASES[case["name"]], case["variants"]
    mine, of = next(row for row in rows if row["group"] == ours.EXACT), f"{case['name']}: {ours.EXACT} over"
    yield at_most(f"{of} the floor", mine["over_floor"], FLOOR_RATIO)
    for groups, ratio in ((EXACT_BATCHED, wanted.ratio_target), ((baselines.LANCZOS,), wanted.lanczos_ratio)):
        best = min((row["over_ours"] for row in rows if row["group"] in groups), default=None)
        if ratio is not None and best is not None:
            yield at_least(f"{of} the best of {', '.join(groups)}", best, ratio, " x", ".1f")
    if case["name"] == "many" and case["memory"]:
        over = case["memory"]["over"] / 2**20
        yield at_most("many: peak memory over inputs and outputs", over, MEMORY_MIB, " MiB", ".1f")


def markdown(results: dict[str, Any], targets: Sequence[Target]) -> str:
    """The whole report."""
    parts = [_head(results), _stages(results["stages"])]
    if targets:
        parts.append(as_table(targets))
    parts += [_case(case) for case in results["cases"]]
    return "\n\n".join(parts).rstrip() + "\n"


def _head(results: dict[str, Any]) -> str:
    gpu, versions, git = results["gpu"], results["versions"], results["git"]
    lines = [
        "# GPU benchmark"
        + " (smoke run: its timings mean nothing)" * results["smoke"]
        + ": RED, tests failed and the figures may be of wrong results" * (not results["green"]),
        "",
        f"- {results['date']}, `{results['command']}`, commit {git['commit'][:12]}{', dirty' * git['dirty']}",
        f"- {gpu['name']}, {gpu['multiprocessors']} multiprocessors, driver {gpu['driver']}, CUDA {gpu['cuda']}; "
        f"backend {results['backend']}, library {gpu['library']}",
        "- " + ", ".join(f"{name} {value}" for name, value in versions.items()),
    ]
    return "\n".join(lines)


def _stages(stages: Sequence[dict[str, Any]]) -> str:
    rows = [(s["name"], s["status"], seconds(s["seconds"]) if s["seconds"] else "", s["summary"]) for s in stages]
    return "## Stages\n\n" + table(("stage", "", "took", "summary"), [[_plain(cell) for cell in row] for row in rows])


def _case(case: dict[str, Any]) -> str:
    plan, floor = case.get("plan"), seconds(case["floor"])
    lines = [f"## {case['name']}: {case['shape']}", "", f"Floor {floor}, of an H100 with the features in its L2 cache."]
    if plan:
        least = f"{seconds(plan['floor_seconds'])}, by {plan['floor_by']}"
        lines.append(
            f"Planned: {plan['layout']}, about {seconds(plan['seconds'])}, at least {least}. {plan['reason']}."
        )
    if case["memory"]:
        lines.append(f"Peak memory over inputs and outputs: {case['memory']['over'] / 2**20:.1f} MiB.")
    if not case["complete"]:
        lines.append("**Not finished**: what is below was checked, not timed.")
    lines += [f"Wrong: {_plain(text)}" for text in case["wrong"]]
    lines += [f"Left out: {_plain(text)}" for text in case["left_out"]]
    rows = []
    for row in sorted(case["variants"], key=lambda row: (not row["ours"], row.get("median", row["warm"]))):
        times = [seconds(row[name]) if name in row else "" for name in ("median", "min", "p90")]
        ratio = "" if row["ours"] or "over_ours" not in row else f"{row['over_ours']:.1f}"
        rows.append(
            (
                f"**{row['name']}**" if row["ours"] else row["name"],
                *times,
                row["n_rounds"],
                ratio,
                f"{row['over_floor']:.2f}" if "over_floor" in row else "",
                f"{row['error']:.1e} ({row['error_measure']})",
            )
        )
    head = ("variant", "median", "min", "p90", "rounds", f"/ {ours.EXACT}", "/ floor", "error")
    return "\n\n".join(["\n".join(lines), table(head, rows)])


def _plain(cell: object) -> str:
    return str(cell).replace("|", "/").replace("\n", " ")
