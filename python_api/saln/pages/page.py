"""Pages that are one file: a template of the package, pictures inline, nothing fetched."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from saln.catalogue import Message, Words
from saln.pages.style import SHOWN, drawing, to_svg


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


@dataclass(frozen=True)
class Explained:
    """Messages as HTML, each term of the glossary with its meaning; `used` collects these terms."""

    words: Words
    used: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __call__(self, key: str, **values: Any) -> Markup:
        """A message by its key."""
        return Markup(_unparted(self.words.made(key, values, self._term, lambda value: str(escape(value)))))

    def say(self, text: str) -> Markup:
        """What was made by `saln.catalogue.message`, in the page's language; any other text as it is."""
        return self(text.key, **text.values) if isinstance(text, Message) else Markup(_unparted(str(escape(text))))

    def _term(self, shown: str, name: str) -> str:
        self.used[name] = self.words.glossary[name]
        return f'<abbr tabindex="0" title="{escape(self.used[name][1])}">{shown}</abbr>'


def _unparted(text: str) -> str:
    """No line ends within a number, or between it and its percent sign."""
    return re.sub(r"(?<=\d) (?=%|\d{3}\b)", "\u00a0", text)


def render(template: str, words: Words, **context: Any) -> str:
    """A template of this package, by its path below `saln/`, as HTML; `t` in it says messages of the catalogue."""
    environment = Environment(
        loader=PackageLoader("saln", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(t=Explained(words), lang=words.language, fonts=Markup(SHOWN))
    return environment.get_template(template).render(**context)
