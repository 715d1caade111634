"""Results as markdown."""

from collections.abc import Sequence
from typing import Any

from bench import counts
from bench.markdown import seconds, table
from bench.measure import SGEMM
from bench.targets import Target, as_table
from bench.timing import plural


def markdown(results: dict[str, Any], targets: Sequence[Target], figures: Sequence[str]) -> str:
    """The whole report."""
    parts = [_head(results), as_table(targets)]
    parts += [_case(case) for case in results["cases"]]
    parts += [_scaling(results["cases"]), _counts(results["counts"]), _memory(results), _isa(results["isa"])]
    parts.append("\n".join(f"![{name}]({name})\n" for name in figures))
    return "\n\n".join(parts).rstrip() + "\n"


def _head(results: dict[str, Any]) -> str:
    machine, versions, git = results["machine"], results["versions"], results["git"]
    caches = ", ".join(f"{name} {size}" for name, size in machine["caches"].items())
    tests = results["tests"]
    title = "CPU benchmark" + (" (smoke run: its timings mean nothing)" if results["smoke"] else "")
    return "\n".join(
        [
            f"# {title}",
            "",
            f"- {results['date']}, `{results['command']}`, commit {git['commit'][:12]}{', dirty' * git['dirty']}",
            f"- {machine['cpu']}, {machine['cores']} cores, {caches}, {machine['memory']}; "
            f"load at start {machine['load'][0]:.2f}; kernels for {results['isa_in_use']}",
            "- " + ", ".join(f"{name} {value}" for name, value in versions.items()),
            f"- tests before: {tests['summary']}",
        ]
    )


def _case(case: dict[str, Any]) -> str:
    head = ("variant", "median", "min", "p90", "n", "x torch", "x library", "x peer", "/ floor", "of sgemm", "error")
    rows = []
    for v in sorted(case["variants"], key=lambda v: (not v["ours"], -v["threads"] if v["ours"] else 0, v["median"])):
        rows.append(
            (
                f"**{v['name']}**" if v["ours"] else v["name"],
                *(seconds(v[name]) for name in ("median", "min", "p90")),
                v["n_rounds"],
                "" if v["group"] == SGEMM else f"{v['ratio_torch']:.2f}",
                "" if v["group"] == SGEMM else f"{v['ratio_library']:.2f}",
                f"{v['ratio_peer']:.2f}" if "ratio_peer" in v else "",
                f"{v['over_floor']:.2f}" if v["over_floor"] else "",
                f"{v['sgemm_share']:.2f}" if "sgemm_share" in v else "",
                f"{v['error']:.1e} ({v['error_measure']})",
            )
        )
    first = case["variants"][0]
    lines = [
        f"## {case['name']}: {case['shape']}",
        "",
        f"`x torch`: times as fast as {first['baseline_torch']}; `x library`: as {first['baseline_library']}; each the "
        "best of its settings. `x peer`: as the same thing by torch. Ratios are medians of the rounds' ratios.",
        *(
            f"Machine at {plural(rate['threads'], 'thread')}: sgemm {rate['sgemm'] / 1e9:.0f} GFLOP/s, "
            f"gather {rate['gather'] / 1e9:.1f} GB/s. "
            for rate in case["rates"]
        ),
        *(f"Left out: {reason}" for reason in case["left_out"]),
        "",
        table(head, rows),
    ]
    return "\n".join(lines)


def _scaling(cases: Sequence[dict[str, Any]]) -> str:
    rows = []
    for case in cases:
        one, two = (
            {v["group"]: v["median"] for v in case["variants"] if v["ours"] and v["threads"] == t} for t in (1, 2)
        )
        rows += [(case["name"], g, seconds(one[g]), seconds(two[g]), f"{one[g] / two[g]:.2f}") for g in two]
    return "## One thread and two\n\n" + table(("case", "variant", "1 thread", "2 threads", "gain"), rows)


def _counts(rows: Sequence[dict[str, Any]]) -> str:
    found = []
    for name in dict.fromkeys(row["call"] for row in rows):
        for count, median in counts.medians(list(rows), name).items():
            found.append((name, f"{count:,}", seconds(median), seconds(median / count)))
    return "## Cost against C (b = 64, d = 512)\n\n" + table(("call", "C", "median", "a candidate"), found)


def _memory(results: dict[str, Any]) -> str:
    rows = [
        (
            r["call"],
            f"{r['n_candidates']:,}",
            f"{r['growth_bytes'] / 2**20:.1f} MiB",
            f"{r['output_bytes'] / 2**20:.1f} MiB",
        )
        for r in results["memory"]
    ]
    return (
        "## Peak memory over inputs and outputs (b = 64, d = 512)\n\n"
        f"Gather + bmm in one piece would allocate {results['torch_path_bytes'] / 1e9:.2f} GB.\n\n"
        + table(("call", "C", "growth", "outputs"), rows)
    )


def _isa(rows: Sequence[dict[str, Any]]) -> str:
    found = []
    for row in rows:
        if "missing" in row:
            found.append((row["isa"], "", "", row["missing"]))
        found += [(row["isa"], t["case"], t["group"], seconds(t["median"])) for t in row.get("times", ())]
    return "## Instruction sets (one process each)\n\n" + table(("kernels", "case", "variant", "median"), found)
