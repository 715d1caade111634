"""The source lines that take most of a kernel's instructions."""

from collections import Counter

from rich.table import Table

from bench.gpu.sass.code import Code


def table(code: Code, counts: list[int], candidates: int, most: int) -> Table:
    """By the innermost line of the kernels' own sources that is not of the machine's primitives."""
    found: Counter[str] = Counter()
    for instruction, count in zip(code.instructions, counts, strict=True):
        ours = [(file, line) for file, line in instruction.places if "csrc/cuda/" in file]
        place = next((p for p in ours if "/machine/" not in p[0]), ours[0] if ours else ("unknown", 0))
        found[f"{place[0].partition('csrc/cuda/')[2]}:{place[1]}"] += count
    result = Table("line", title="Lines that take most")
    result.add_column("issued", justify="right")
    for line, count in found.most_common(most):
        result.add_row(line, f"{count / candidates:.0f}")
    return result
