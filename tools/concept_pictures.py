"""The pictures of docs/concepts.md, drawn from what saln_kernels computes.

`python -m tools.concept_pictures docs/concepts` draws them again; a test compares them with those in the repository.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import Tensor

import saln_kernels
from saln.pages.style import COLOURS, INK

WIDTH = 440
"""Pixels: of a width that stays readable on a phone."""
GAP = 14
ROWS, DIMENSIONS, KINDS = 24, 48, 4
BLUE, ORANGE, GREEN = COLOURS[1:4]
SHADES = 12
FAINT = "#bbb"


def batches() -> dict[str, Tensor]:
    """Three batches of 24 rows: copies of four rows, four loose clusters, rows that have nothing in common."""
    source = torch.Generator().manual_seed(0)
    centres = torch.randn(KINDS, DIMENSIONS, generator=source, dtype=torch.float64).repeat_interleave(ROWS // KINDS, 0)
    noise = torch.randn(ROWS, DIMENSIONS, generator=source, dtype=torch.float64)
    return {"copies": centres + 0.05 * noise, "clusters": centres + 0.8 * noise, "diverse": noise}


def in_two() -> Tensor:
    """A batch in the plane: two groups of unequal size, and one row between them."""
    source = torch.Generator().manual_seed(3)
    left = torch.tensor([-1.2, 0.3]) + 0.42 * torch.randn(14, 2, generator=source, dtype=torch.float64)
    right = torch.tensor([1.3, -0.3]) + 0.36 * torch.randn(9, 2, generator=source, dtype=torch.float64)
    return torch.cat([left, right, torch.tensor([[0.25, 0.1]], dtype=torch.float64)])


def whole(x: Tensor) -> Tensor:
    """The one candidate that has every row."""
    return torch.arange(len(x))[None]


def gram_matrices() -> str:
    """Each batch's matrix of cosine similarities, dark where two rows say the same."""
    side = (WIDTH - 4 * GAP) // 3
    drawn = []
    for place, (name, x) in enumerate(batches().items()):
        matrix = saln_kernels.gram(x, whole(x), similarity="cosine")[0].abs()
        left = GAP + place * (side + GAP)
        drawn += [_text(left, 16, name), _image(matrix, left, 24, side), _frame(left, 24, side, side)]
    return _svg(24 + side + GAP, "Gram matrices of three batches", drawn)


def eigenvalues() -> str:
    """Each batch's spectrum, as shares of its sum, and its effective rank."""
    side, height = (WIDTH - 4 * GAP) // 3, 110
    spectra = {
        name: saln_kernels.topk_eigvals(x, whole(x), ROWS, similarity="cosine")[0] for name, x in batches().items()
    }
    highest = max(float(values[0] / values.sum()) for values in spectra.values())
    drawn = []
    for place, (name, values) in enumerate(spectra.items()):
        x = batches()[name]
        rank = float(saln_kernels.score_batches(x, whole(x), "effective_rank", similarity="cosine"))
        left = GAP + place * (side + GAP)
        drawn += [_text(left, 16, name), _text(left, 31, f"effective rank {rank:.1f}", colour=BLUE)]
        drawn += _bars(values / values.sum() / highest, left, 40, side, height)
        drawn.append(_text(left, 40 + height + 14, f"eigenvalues 1 to {ROWS}", colour="#666", size=10))
    return _svg(40 + height + 24, "Eigenvalues of three batches", drawn)


def distinct_rows() -> str:
    """The effective rank of a batch whose rows are copies of 1, 2, ... 24 rows."""
    rows = batches()["diverse"]
    candidates = torch.stack([torch.arange(ROWS) % distinct for distinct in range(1, ROWS + 1)])
    ranks = saln_kernels.score_batches(rows, candidates, "effective_rank", similarity="cosine")
    left, top, width, height = 34, GAP, WIDTH - 34 - GAP, 170
    wide, high = width / ROWS, height / ROWS
    line = [(left + n * wide, top + height - float(rank) * high) for n, rank in enumerate(ranks, start=1)]
    drawn = [_frame(left, top, width, height)]
    drawn.append(_path([(left, top + height), (left + width, top)], "#888", 1, dash=True))
    drawn += [_path(line, BLUE, 2), *(_dot(x, y, 2.5, BLUE) for x, y in line)]
    for value in (0, 8, 16, 24):
        drawn.append(_text(left + value * wide, top + height + 15, str(value), anchor="middle"))
        drawn.append(_text(left - 6, top + height - value * high + 4, str(value), anchor="end"))
    drawn.append(_text(left + width / 2, top + height + 31, "different rows in a batch of 24", anchor="middle"))
    drawn.append(_text(left + 12, top + 20, "dashed: one for each different row", colour="#666"))
    drawn.append(_text(left + 12, top + 36, "dots: effective rank", colour=BLUE))
    return _svg(top + height + 42, "Effective rank counts different rows", drawn)


def fiedler_vector() -> str:
    """A batch in the plane as a graph, cut in two by the signs of its Fiedler vector, and the vector's entries."""
    x = in_two()
    found = saln_kernels.fiedler(x, whole(x), similarity="rbf", gamma=1.5)
    weights = saln_kernels.gram(x, whole(x), similarity="rbf", gamma=1.5)[0]
    entries = found.vector[0]
    side, top = 236, 12
    low, high = x.amin(dim=0), x.amax(dim=0)
    scale = (side - 24) / float((high - low).max())
    centre = torch.tensor([GAP + side / 2, top + side / 2 - 28], dtype=torch.float64)
    flip = torch.tensor([scale, -scale], dtype=torch.float64)
    places = ((x - (low + high) / 2) * flip + centre).tolist()
    drawn = [_frame(GAP, top, side, side - 56)]
    for i, j in torch.combinations(torch.arange(len(x))).tolist():
        weight = float(weights[i, j])
        if weight > 0.05:
            drawn.append(_path([places[i], places[j]], INK, 1.6 * weight, opacity=0.5))
    for (across, down), entry in zip(places, entries.tolist(), strict=True):
        drawn.append(_dot(across, down, 2 + 14 * abs(entry), BLUE if entry > 0 else ORANGE))
    left, middle = GAP * 3 + side, top + (side - 56) / 2
    ordered, step = entries.sort(descending=True).values.tolist(), (WIDTH - GAP * 4 - side) / len(x)
    tallest = (side - 56) / 2 / max(abs(entry) for entry in ordered)
    for place, entry in enumerate(ordered):
        across = left + place * step
        drawn.append(_path([(across, middle), (across, middle - entry * tallest)], BLUE if entry > 0 else ORANGE, 3.6))
    drawn.append(_text(GAP, top + side - 40, "rows, and how similar they are", colour="#666", size=10))
    drawn.append(_text(left, top + side - 40, "entries, sorted", colour="#666", size=10))
    return _svg(top + side - 30, "The Fiedler vector cuts a batch in two", drawn)


def chosen_digits() -> str:
    """Of 4096 random batches of 16 digits those of the lowest and highest effective rank, and all of them by rank."""
    digits = load_digits()
    x = torch.from_numpy(digits.data)
    candidates = torch.randint(len(x), (4096, 16), generator=torch.Generator().manual_seed(0))
    ranks = saln_kernels.score_batches(x, candidates, "effective_rank", similarity="cosine", center=True)
    side, top = 128, 34
    drawn = []
    for place, row in enumerate((int(ranks.argmin()), int(ranks.argmax()))):
        left, kinds = GAP + place * (WIDTH - 2 * GAP - side), len(set(digits.target[candidates[row]].tolist()))
        drawn += [
            _text(left, 16, ("lowest", "highest")[place] + f": {float(ranks[row]):.1f}", colour=(ORANGE, BLUE)[place])
        ]
        drawn.append(_text(left, 29, f"16 digits, {kinds} classes", colour="#666", size=10))
        for number, digit in enumerate(candidates[row].tolist()):
            across, down = left + number % 4 * 32, top + number // 4 * 32
            drawn.append(_image(torch.from_numpy(digits.images[digit]) / 16, across + 1, down + 1, 30))
        drawn.append(_frame(left, top, side, side))
    left, width, height = GAP * 2 + side, WIDTH - 4 * GAP - 2 * side, side - 16
    edges = torch.linspace(float(ranks.min()), float(ranks.max()), 25, dtype=torch.float64)
    counts = torch.histogram(ranks.double(), edges).hist
    drawn += _bars(counts / counts.max(), left, top, width, height)
    drawn.append(_text(left, 16, "4096 candidates"))
    for text, across, anchor in (
        (f"{float(edges[0]):.1f}", left, "start"),
        (f"{float(edges[-1]):.1f}", left + width, "end"),
    ):
        drawn.append(_text(across, top + side - 3, text, anchor=anchor, size=10))
    drawn.append(_text(left + width / 2, top + side - 3, "effective rank", anchor="middle", colour="#666", size=10))
    return _svg(top + side + GAP, "Batches of digits of the lowest and the highest effective rank", drawn)


PICTURES = {
    "gram": gram_matrices,
    "eigenvalues": eigenvalues,
    "distinct": distinct_rows,
    "fiedler": fiedler_vector,
    "digits": chosen_digits,
}


def _svg(height: float, title: str, drawn: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:g}" viewBox="0 0 {WIDTH} {height:g}" '
        'font-family="DejaVu Sans,Verdana,sans-serif" fill="none" stroke-linecap="butt">'
    )
    return "\n".join(
        [
            head,
            f"<title>{title}</title>",
            f'<rect width="{WIDTH}" height="{height:g}" rx="6" fill="#fff"/>',
            *drawn,
            "</svg>",
            "",
        ]
    )


def _text(x: float, y: float, words: str, *, anchor: str = "start", colour: str = INK, size: int = 11) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">{words}</text>'


def _frame(x: float, y: float, width: float, height: float) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" stroke="{FAINT}"/>'


def _dot(x: float, y: float, radius: float, colour: str) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}"/>'


def _path(
    points: Sequence[Sequence[float]], colour: str, width: float, *, dash: bool = False, opacity: float = 1
) -> str:
    way = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    more = ' stroke-dasharray="3 3"' * dash + (f' opacity="{opacity:g}"' if opacity < 1 else "")
    return f'<path d="M{way}" stroke="{colour}" stroke-width="{width:.2f}"{more}/>'


def _bars(heights: Tensor, x: float, y: float, width: float, height: float) -> list[str]:
    """Bars of heights 0 to 1, on a line."""
    step = width / len(heights)
    bars = []
    for n, tall in enumerate((heights * height).tolist()):
        place = f'x="{x + n * step:.1f}" y="{y + height - tall:.1f}"'
        bars.append(f'<rect {place} width="{0.75 * step:.1f}" height="{tall:.1f}" fill="{BLUE}"/>')
    return [*bars, _path([(x, y + height), (x + width, y + height)], FAINT, 1)]


def _image(values: Tensor, x: float, y: float, side: float) -> str:
    """Values 0 to 1 as cells of so many shades, 1 the darkest, a path for each shade."""
    rows, columns = values.shape
    shades = (values.clamp(0, 1) * SHADES).round().long()
    cell = side / columns
    drawn = []
    for shade in range(1, SHADES + 1):
        way = "".join(f"M{c} {r + 0.5:g}h1" for r, c in (shades == shade).nonzero().tolist())
        if way:
            drawn.append(f'<path d="{way}" opacity="{shade / SHADES:.2f}"/>')
    place = f"translate({x:.1f} {y:.1f}) scale({cell:.4f} {side / rows:.4f})"
    return f'<g transform="{place}" stroke="{INK}" stroke-width="1.02">{"".join(drawn)}</g>'


def write(folder: Path) -> list[Path]:
    """Draw every picture into a folder; returns what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{name}.svg" for name in PICTURES]
    for file, draw in zip(files, PICTURES.values(), strict=True):
        file.write_text(draw(), encoding="utf-8")
    return files


if __name__ == "__main__":
    for written in write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/concepts")):
        print(written)
