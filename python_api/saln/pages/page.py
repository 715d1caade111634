"""Pages that are one file: a template of the package, pictures inline, nothing fetched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from saln.pages.style import drawing, to_svg


@dataclass(frozen=True)
class Datum:
    """One mark of a figure as numbers.

    Attributes
    ----------
    series : str
        The method, or the panel and the method.
    x : float or str
        Where it stands: a step, a class.
    y : float
    low, high : float or None
        The ends of its interval, where it has one.
    """

    series: str
    x: float | str
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Drawn:
    """A figure, its title, its caption, its text alternative, and what is drawn in numbers."""

    name: str
    figure: Figure
    title: str
    caption: str
    alt: str
    data: tuple[Datum, ...] = ()


@dataclass(frozen=True)
class Inline:
    """A figure as an `<svg>` element."""

    drawn: Drawn
    svg: Markup


def inline(drawn: Iterable[Drawn]) -> list[Inline]:
    """Figures ready for a template; they are drawn in the report's style where `drawn` is a generator, as it goes."""
    with drawing("page"):
        # What `to_svg` returns was drawn here; text from the data is escaped by matplotlib.
        return [Inline(each, Markup(to_svg(each.figure, each.name))) for each in drawn]


def render(template: str, **context: Any) -> str:
    """A template of this package, by its path below `saln/`, as one HTML document."""
    environment = Environment(
        loader=PackageLoader("saln", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**context)
