"""Results of a GPU run as markdown, and whether the targets were met."""

from collections.abc import Sequence
from typing import Any

from bench.gpu import baselines, ours
from bench.gpu.cases import CASES, FLOOR_RATIO, MEMORY_BYTES
from bench.markdown import seconds, table
from bench.targets import Target

EXACT_BATCHED = (baselines.XSYEV, baselines.CUPY)


def judge(results: dict[str, Any]) -> list[Target]:
    """The targets that complete cases speak of."""
    found: list[Target] = []
    for case in results["cases"]:
        if not case["complete"]:
            continue
        wanted, rows = CASES[case["name"]], case["variants"]
        mine = next(row for row in rows if row["group"] == ours.EXACT)
        over, name = mine["over_floor"], f"{case['name']}: {ours.EXACT} over the floor"
        found.append(Target(name, f"<= {FLOOR_RATIO:g}", f"{over:.2f}", over <= FLOOR_RATIO))
        for groups, ratio in ((EXACT_BATCHED, wanted.library_ratio), ((baselines.LANCZOS,), wanted.lanczos_ratio)):
            best = min((row["over_ours"] for row in rows if row["group"] in groups), default=None)
            if ratio is not None and best is not None:
                name = f"{case['name']}: {ours.EXACT} over the best of {', '.join(groups)}"
                found.append(Target(name, f">= {ratio:g} x", f"{best:.1f} x", best >= ratio))
        if case["name"] == "many" and case["memory"]:
            over = case["memory"]["over"]
            name = "many: peak memory over inputs and outputs"
            found.append(Target(name, f"<= {MEMORY_BYTES >> 20} MiB", f"{over / 2**20:.1f} MiB", over <= MEMORY_BYTES))
    return found


def markdown(results: dict[str, Any], targets: Sequence[Target]) -> str:
    """The whole report."""
    parts = [_head(results), _stages(results["stages"])]
    if targets:
        rows = [(t.name, t.wanted, t.measured, "met" if t.met else "**not met**") for t in targets]
        parts.append("## Targets\n\n" + table(("target", "wanted", "measured", ""), rows))
    parts += [_case(case) for case in results["cases"]]
    return "\n\n".join(parts).rstrip() + "\n"


def _head(results: dict[str, Any]) -> str:
    gpu, versions, git = results["gpu"], results["versions"], results["git"]
    lines = [
        "# GPU benchmark"
        + " (smoke run: its timings mean nothing)" * results["smoke"]
        + ": not measured, the tests are red" * (not results["green"]),
        "",
        f"- {results['date']}, `{results['command']}`, commit {git['commit'][:12]}{', dirty' * git['dirty']}",
        f"- {gpu['name']}, {gpu['multiprocessors']} multiprocessors, driver {gpu['driver']}, CUDA {gpu['cuda']}; "
        f"library {gpu['library']}",
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
