"""Names that are nearly those of abilities: what is written so would be ignored without a word."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

CLOSE = 0.8
"""Share of letters, as difflib counts it, from which two names are one misspelt."""


def refuse_misspelt(owner: str, names: Iterable[str], abilities: Collection[str]) -> None:
    """A TypeError if a public name is none of the abilities, but close to one.

    Names are close if most of their letters agree, or if of two names with two words or more one has all words of the
    other: `on_epoch_start` and `start_epoch`.

    >>> from saln.selectors.support.spelling import refuse_misspelt
    >>> refuse_misspelt("Mine", ["abstain"], ["abstains", "reset"])
    Traceback (most recent call last):
    ...
    TypeError: Mine.abstain is no ability of a selector; want abstains, or another name
    """
    for name in names:
        if name.startswith("_") or name in abilities:
            continue
        meant = difflib.get_close_matches(name, abilities, n=1, cutoff=CLOSE)
        meant += [each for each in abilities if _same_words(name, each)]
        if meant:
            raise TypeError(f"{owner}.{name} is no ability of a selector; want {meant[0]}, or another name")


def _same_words(one: str, other: str) -> bool:
    words = [{word.rstrip("s") for word in name.split("_")} for name in (one, other)]
    return min(map(len, words)) > 1 and (words[0] <= words[1] or words[1] <= words[0])
