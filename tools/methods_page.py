"""The page docs/methods.md: what every method of the registry is, and what it keeps of one super-batch, in pictures.

`python -m tools.methods_page docs` writes it again, the same to the byte. Words come from the selectors' own
docstrings, so that page and code cannot disagree.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from saln.pages.style import COLOURS, INK
from saln.selectors import SELECTORS, make_selector
from saln.superbatch import SuperBatch

SIZE = 20
SIDE = 200  # pixels of a panel
GAP = 12
HEAD = 20
CLASS_COLOURS = COLOURS[1:4]
Panel = tuple[str, Tensor]
RBF: dict[str, Any] = {"similarity": "rbf"}

INTRO = """\
# Methods

Written by `python -m tools.methods_page docs` out of the selectors' docstrings.

A method chooses rows of a super-batch:

```python
import torch
from saln import SuperBatch, make_selector

super_batch = SuperBatch(torch.randn(320, 64), losses=torch.rand(320), reference_losses=torch.rand(320))
selector = make_selector("jest", temperature=0.5)
rows = selector.select(super_batch, 32, generator=torch.Generator().manual_seed(0))  # int64 [32], none twice
```

- The generator is the only source of chance; the same one gives the same rows. Rows with values that are not finite in
  what the method reads are left out and counted in `last_report`. Nothing is chosen twice; size 0 and size = all are
  allowed; what a method needs and the super-batch lacks is an error that names it.
- In a training nobody has to work out the losses, residuals and reference losses that a method needs: the recorder of
  `SpectralBatchSampler` keeps the training's own, and the sampler makes reference losses of features and labels
  ([trainers.md](trainers.md#what-training-already-knows)).
- A rule that changes over training reads `selector.progress`, 0 to 1, which the trainer sets before each batch. Options
  described as "float or Schedule" take a `saln.selectors.support.schedule.Schedule` (constant, linear, cosine, step).
- `last_report.weights`, where it is not None, multiplies the losses of the rows chosen, so that their mean is an
  unbiased estimate (InfoBatch, and the guard with a share of uniform batches); `gives_weights` says whether it may be.
- `guard:floor=0.8:jest:temperature=0.5` is the guard around JEST, each with options of its own, wherever a method is
  named; likewise `curriculum:...`.
- Where `selector.has_memory` (one_pass, portfolio, guard, consecutive_candidates, selective_backprop, and what wraps
  them) a batch depends on those before it: `reset`, `state_dict` and `load_state_dict` start anew, save and go on. The
  state of a `SpectralBatchSampler` holds its selector's.
- A method that looks at the whole dataset once (auto, one_pass, bare or wrapped) is shown it before a run by
  `selector.prepare(dataset)`; `SpectralBatchSampler`, `saln select` and the pilot do so.
- A method that learns from what its batches were worth (a portfolio with `reward="probe"`, bare or wrapped) is told so
  after every training step by `selector.update(reward)`; `selector.wants_reward` says whether it waits for that.
- A method of your own is a subclass of `saln.selectors.Selector`, registered by `saln.selectors.register` or, in a
  package of its own, by an entry point in the group `saln.selectors`; `saln.testing.check_selector` checks it.

Most lose to uniform on some kind of data. [default.md](default.md) says what is chosen when no method is named, and
when it steps back; try the others on your own data with `saln pilot`. Where a docstring says *guess*, nobody has
shown that the value is a good one.

The pictures show what each keeps of the same super-batch, 20 of 150 samples in the plane: three classes of unequal size
(blue, orange, green), a heap of near-duplicates at the upper left, and six wrong labels, dots of one colour among
another's. Learner and reference are softmax regressions, the learner at the beginning of its training. Kept samples are
ringed. With two features most similarities say little, so that those of the pictures are "rbf" where there is a choice;
gradients are of the features (x, y, 1).

![The super-batch](methods/super_batch.svg)

"""


HEAP = slice(136, 150)
"""The near-duplicates among the rows."""


def scene() -> SuperBatch:
    """The super-batch of the pictures: 150 rows, float64, features the plane."""
    source = torch.Generator().manual_seed(4)
    parts = [
        ((-1.2, -0.4), 0.5, 74, 0),
        ((1.3, -0.6), 0.45, 46, 1),
        ((0.3, 1.5), 0.3, 16, 2),
        ((-2.2, 1.3), 0.05, 14, 0),
    ]
    places, labels = [], []
    for centre, spread, count, label in parts:
        noise = torch.randn(count, 2, generator=source, dtype=torch.float64)
        places.append(torch.tensor(centre, dtype=torch.float64) + spread * noise)
        labels += [label] * count
    x, true = torch.cat(places), torch.tensor(labels)
    given = true.clone()
    wrong = torch.randperm(HEAP.start, generator=source)[:6]
    given[wrong] = (true[wrong] + 1) % 3
    inputs = torch.cat([x, torch.ones(len(x), 1, dtype=torch.float64)], dim=1)
    learner, reference = _train(inputs, given, 12), _train(inputs, true, 400)
    return SuperBatch(
        x,
        losses=F.cross_entropy(learner, given, reduction="none"),
        reference_losses=F.cross_entropy(reference, given, reduction="none"),
        labels=given,
        residuals=learner.softmax(dim=1) - F.one_hot(given, 3),
        indices=torch.arange(len(x)),
    )


def _train(inputs: Tensor, labels: Tensor, steps: int) -> Tensor:
    """Logits of a softmax regression after so many steps of gradient descent."""
    weight = torch.zeros(inputs.shape[1], 3, dtype=inputs.dtype)
    for _ in range(steps):
        residual = (inputs @ weight).softmax(dim=1) - F.one_hot(labels, 3)
        weight -= 0.5 * inputs.T @ residual / len(inputs)
    return inputs @ weight


def _variants(name: str, *variants: tuple[str, dict[str, Any]]) -> Callable[[SuperBatch], list[Panel]]:
    """One panel for each title and options."""

    def panels(super_batch: SuperBatch) -> list[Panel]:
        return [(title, _select(make_selector(name, **options), super_batch)) for title, options in variants]

    return panels


def _prepared(super_batch: SuperBatch) -> list[Panel]:
    """Batches of the super-batch, shuffled, from a dataset of 1800: the heap are copies, a third of the rest wrong."""
    source = torch.Generator().manual_seed(0)
    x, given = super_batch.features.clone(), super_batch.require("labels", by="the picture")
    x[HEAP] = x[HEAP][0]
    among = torch.randint(HEAP.start, (1500,), generator=source)  # more of what is beside the heap
    more = x[among] + 0.2 * torch.randn(1500, 2, generator=source, dtype=x.dtype)
    shift = torch.randint(1, 3, (1500,), generator=source)
    others = torch.where(torch.rand(1500, generator=source) < 1 / 3, (given[among] + shift) % 3, given[among])
    copies = HEAP.start + torch.zeros(150, dtype=torch.int64)
    features, labels = torch.cat([x, more, x[copies]]), torch.cat([given, others, given[copies]])
    dataset = SuperBatch(features, labels=labels, indices=torch.arange(len(features)))
    selector = make_selector("one_pass")
    selector.prepare(dataset)
    found = []
    for number in range(3):
        order = torch.randperm(len(x), generator=source)
        found.append((f"batch {number + 1}", order[selector.select(dataset.take(order), SIZE)]))
    return found


def _over_training(name: str, **options: Any) -> Callable[[SuperBatch], list[Panel]]:
    def panels(super_batch: SuperBatch) -> list[Panel]:
        selector, found = make_selector(name, **options), []
        for progress in (0.0, 0.5, 1.0):
            selector.progress = progress
            found.append((f"progress {progress:g}", _select(selector, super_batch)))
        return found

    return panels


def _in_turn(name: str, title: Callable[[Any, int], str], **options: Any) -> Callable[[SuperBatch], list[Panel]]:
    """Three batches, one after another."""

    def panels(super_batch: SuperBatch) -> list[Panel]:
        selector, source, found = make_selector(name, **options), torch.Generator().manual_seed(0), []
        for step in range(3):
            rows = selector.select(super_batch, SIZE, generator=source)
            found.append((title(selector, step), rows))
        return found

    return panels


def _select(selector: Any, super_batch: SuperBatch) -> Tensor:
    rows: Tensor = selector.select(super_batch, SIZE, generator=torch.Generator().manual_seed(0))
    return rows


PICTURES: dict[str, Callable[[SuperBatch], list[Panel]]] = {
    "one_pass": _prepared,
    "saln": _variants(
        "saln", *((f"keep={keep!r}", {"keep": keep, **RBF}) for keep in ("abs", "both_ends", "near_zero"))
    ),
    "lowest_degree": _variants("lowest_degree", ("", RBF)),
    "gstds": _over_training("gstds", **RBF),
    "spectral_candidates": _variants(
        "spectral_candidates",
        *((f"candidates={kind!r}", {"candidates": kind, **RBF}) for kind in ("uniform", "stratified", "grown")),
    ),
    "joint_growth": _variants(
        "joint_growth", ("default", RBF), ("softmax", {"choice": "softmax", "temperature": 0.5, **RBF})
    ),
    "gradient_logdet": _variants("gradient_logdet", ("default", {}), ("temperature=1", {"temperature": 1.0})),
    "gradient_logdet_learnable": _variants(
        "gradient_logdet_learnable", ("default", {}), ("quality='gate'", {"quality": "gate"})
    ),
    "logdet": _variants("logdet", ("default", RBF), ("temperature=1", {"temperature": 1.0, **RBF})),
    "k_dpp": _variants("k_dpp", ("default", RBF), ("temperature=4", {"temperature": 4.0, **RBF})),
    "jest": _variants("jest", ("default", {}), ("temperature=0.2", {"temperature": 0.2})),
    "rho_loss": _variants("rho_loss", ("default", {}), ("temperature=0.5", {"temperature": 0.5})),
    "infobatch": _variants("infobatch", ("default", {}), ("ratio=0.95", {"ratio": 0.95})),
    "k_center": _variants("k_center", ("default", {}), ("similarity='cosine'", {"similarity": "cosine"})),
    "facility_location": _variants("facility_location", ("", RBF)),
    "divbs": _variants("divbs", ("default", {}), ("choice='draw'", {"choice": "draw"}), ("similarity='rbf'", RBF)),
    "graft": _variants("graft", ("similarity='linear'", {}), ("similarity='rbf'", RBF)),
    "consecutive_candidates": _in_turn(
        "consecutive_candidates", lambda _, step: f"batch {step + 1}", overlap="reuse", penalty=3.0, **RBF
    ),
    "curriculum": _over_training("curriculum"),
    "portfolio": _in_turn("portfolio", lambda selector, _: str(selector.last_arm)),
    "guard": _variants(
        "guard",
        ("selective_backprop alone", {"method": "selective_backprop", "floor": 0.0}),
        ("floor=1, guarded", {"method": "selective_backprop", "floor": 1.0}),
    ),
}
"""What is drawn of methods of which one batch with the defaults does not show enough."""


def panels_of(name: str, super_batch: SuperBatch) -> list[Panel]:
    """What is drawn of a method."""
    return PICTURES.get(name, _variants(name, ("", {})))(super_batch)


def picture(super_batch: SuperBatch, panels: Sequence[Panel]) -> str:
    """An SVG image of the super-batch, once a panel, with what each panel's rows `[size]` keep ringed."""
    head = HEAD if any(title for title, _ in panels) else 0
    width, height = len(panels) * (SIDE + GAP) + GAP, SIDE + head + 2 * GAP
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="DejaVu Sans,Verdana,sans-serif" font-size="11" fill="none" stroke-linecap="round">',
        f'<rect width="{width}" height="{height}" rx="6" fill="#fff"/>',
    ]
    x = super_batch.features
    low, high = x.amin(dim=0), x.amax(dim=0)
    scale = (SIDE - 14) / float((high - low).max())
    places = ((x - (low + high) / 2) * torch.tensor([scale, -scale], dtype=x.dtype) + SIDE / 2).round(decimals=1)
    labels = super_batch.require("labels", by="the picture")
    for n, (title, rows) in enumerate(panels):
        left, top = GAP + n * (SIDE + GAP), GAP + head
        drawn.append(f'<g transform="translate({left} {top})">')
        drawn.append(f'<rect width="{SIDE}" height="{SIDE}" stroke="#ccc"/>')
        if title:
            drawn.append(f'<text y="-7" fill="{INK}">{title.replace("&", "&amp;").replace("<", "&lt;")}</text>')
        kept = torch.zeros(len(x), dtype=torch.bool).index_fill_(0, rows, True)
        drawn += [_dots(places[labels == c], colour, 4.5, 0.55) for c, colour in enumerate(CLASS_COLOURS)]
        drawn.append(_dots(places[kept], INK, 9.5, 1))
        drawn += [_dots(places[kept & (labels == c)], colour, 6.5, 1) for c, colour in enumerate(CLASS_COLOURS)]
        drawn.append("</g>")
    return "\n".join([each for each in drawn if each] + ["</svg>", ""])


def _dots(places: Tensor, colour: str, width: float, opacity: float) -> str:
    """A line of no length with round ends is a dot, and a path of them the smallest way to say many."""
    if not len(places):
        return ""
    path = "".join(f"M{across:g} {down:g}h0" for across, down in places.tolist())
    faint = f' opacity="{opacity:g}"' if opacity < 1 else ""
    return f'<path d="{path}" stroke="{colour}" stroke-width="{width:g}"{faint}/>'


def section(name: str) -> str:
    """A method's section: its class's docstring, as Markdown."""
    cls = SELECTORS[name]
    text = inspect.getdoc(cls) or ""
    parts = re.split(r"\n\n(\w+)\n-+\n", "\n" + text)
    named = dict(zip(parts[1::2], parts[2::2], strict=True))
    needs = ", ".join(f"`{each}`" for each in _needs(name)) or "nothing"
    head = f"## {name}\n\n*{cls.description}* · from: {cls.paper} · needs beside features: {needs}\n\n"
    options = _options(named.get("Parameters", ""))
    return f"{head}![{name}](methods/{name}.svg)\n\n{parts[0].strip()}\n\n" + (
        f"Options\n\n{options}\n\n" if options else ""
    )


def _needs(name: str) -> list[str]:
    """What the super-batch must hold beside features, with default options."""
    return [each for each in make_selector(name).needs if each != "features"]


def _options(text: str) -> str:
    """Parameters as numpydoc writes them, as a list."""
    items: list[str] = []
    for line in text.splitlines():
        if line.startswith(" "):
            items[-1] += " " + line.strip()
        elif line.strip():
            names, _, kind = line.partition(" : ")
            code = ", ".join(f"`{each}`" for each in names.split(", "))
            items.append(f"- {code}" + (f" ({kind})" if kind else "") + ":")
    return "\n".join(item.removesuffix(":") for item in items)


def page() -> str:
    """The whole page."""
    rows = [
        f"| [{name}](#{name}) | {cls.description} | {', '.join(_needs(name)) or '-'} | {cls.paper} |"
        for name, cls in SELECTORS.own().items()
    ]
    table = "\n".join(["| method | what it does | needs beside features | from |", "|---|---|---|---|", *rows])
    return INTRO + table + "\n\n" + "".join(section(name) for name in SELECTORS.own()).rstrip() + "\n"


def write(folder: Path) -> list[Path]:
    """Write the page and its pictures; returns what was written."""
    super_batch = scene()
    pictures = folder / "methods"
    pictures.mkdir(parents=True, exist_ok=True)
    files = {folder / "methods.md": page(), pictures / "super_batch.svg": picture(super_batch, [("", torch.arange(0))])}
    for name in SELECTORS.own():
        files[pictures / f"{name}.svg"] = picture(super_batch, panels_of(name, super_batch))
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return list(files)


if __name__ == "__main__":
    for written in write(Path(sys.argv[1] if len(sys.argv) > 1 else "docs")):
        print(written)
