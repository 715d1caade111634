"""Messages by key, in one language or another."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from string import Formatter
from typing import Any

from saln.catalogue import en, ja

LANGUAGES = {"en": en, "ja": ja}
TERM = re.compile(r"\[\[([^\]|]+)(?:\|([^\]]+))?\]\]")
"""`[[seed]]`, or `[[seed|seeds]]` where the word stands in another form: a word of the glossary."""


class Message(str):
    """A sentence in English that can be said in every language of the catalogue."""

    key: str
    values: dict[str, Any]


class _Formatter(Formatter):
    """`{n:seed|seeds}` is a number with its noun."""

    def format_field(self, value: Any, format_spec: str) -> str:
        one, bar, many = format_spec.partition("|")
        if bar:
            return f"{value} {one if value == 1 else many}"
        return str(super().format_field(value, format_spec))


class Words:
    """The catalogue in one language.

    Parameters
    ----------
    language : {"en", "ja"}

    Raises
    ------
    ValueError
        Another language.

    Examples
    --------
    >>> from saln.catalogue import Words, message
    >>> found = message("notes.one_seed")
    >>> found
    'One seed: nothing about differences can be shown. Run at least 5.'
    >>> Words("ja").say(found)
    'シードが1つだけのため、差については何も言えません。5つ以上で実行してください。'
    """

    def __init__(self, language: str = "en") -> None:
        if language not in LANGUAGES:
            raise ValueError(f"lang is '{language}'; wanted one of {', '.join(LANGUAGES)}")
        self.language = language
        self.glossary: dict[str, tuple[str, str]] = LANGUAGES[language].GLOSSARY
        self._messages: dict[str, str] = LANGUAGES[language].MESSAGES

    def __call__(self, key: str, **values: Any) -> str:
        """A message; values that are messages are said in the same language. A KeyError where there is none."""
        return self.made(key, values)

    def say(self, text: str) -> str:
        """What `message` made, in this language; any other text as it is."""
        return self(text.key, **text.values) if isinstance(text, Message) else text

    def made(
        self,
        key: str,
        values: Mapping[str, Any],
        term: Callable[[str, str], str] = lambda word, name: word,
        shown: Callable[[str], str] = str,
    ) -> str:
        """A message of `term(word as it stands, word of the glossary)` and `shown(text)` of each text among the values.

        A tuple of texts is a list of phrases, a list one of names.
        """

        def one(value: Any) -> Any:
            if isinstance(value, (tuple, list)):
                return self("separator" if isinstance(value, tuple) else "comma").join(map(one, value))
            if isinstance(value, Message):
                return self.made(value.key, value.values, term, shown)
            return shown(value) if isinstance(value, str) else value

        text = TERM.sub(lambda at: term(at[2] or self.glossary[at[1]][0], at[1]), self._messages[key])
        return _Formatter().vformat(text, (), {name: one(value) for name, value in values.items()})


def message(key: str, **values: Any) -> Message:
    """A message in English that remembers its key and values. A KeyError where there is none."""
    made = Message(_ENGLISH(key, **values))
    made.key, made.values = key, values
    return made


_ENGLISH = Words("en")
