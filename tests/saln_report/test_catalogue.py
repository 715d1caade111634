"""Every message is there in every language, nothing in them is lost, and no text stands outside of the catalogue."""

from __future__ import annotations

import copy
import json
import pickle
import re
from pathlib import Path
from string import Formatter

import pytest

import saln
from saln.catalogue import LANGUAGES, Words, en, message
from saln.catalogue.words import TERM
from saln.pages.page import Explained

ROOT = Path(saln.__file__).parent
TEMPLATES = sorted(ROOT.glob("pages/*.j2"))
OTHERS = [language for language in LANGUAGES if language != "en"]
MADE_UP = ("question.", "data.", "metric.", "unit.", "audit.", "figure.")
"""Beginnings of keys that programs put together."""


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("language", OTHERS)
def test_languages_have_the_same_messages_with_the_same_placeholders(language: str) -> None:
    words = LANGUAGES[language]
    assert list(words.MESSAGES) == list(en.MESSAGES)
    assert list(words.GLOSSARY) == list(en.GLOSSARY)
    for key, text in words.MESSAGES.items():
        assert placeholders(text) == placeholders(en.MESSAGES[key]), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_messages_are_plain_text_with_known_terms(language: str) -> None:
    words = LANGUAGES[language]
    for key, text in words.MESSAGES.items():
        assert not set('<&"') & set(text), key
        assert {term for term, _ in TERM.findall(text)} <= set(words.GLOSSARY), key


def test_japanese_is_japanese() -> None:
    for key, text in LANGUAGES["ja"].MESSAGES.items():
        letters = re.sub(r"\{[^}]*\}|\[\[[^\]]*\]\]", "", text)
        if re.search(r"[a-z]{4,}", letters):
            assert re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", letters), key
        assert not re.search(r"[\u3040-\u30ff\u4e00-\u9fff][:,()]", letters), f"{key}: a narrow sign after a wide one"


def test_every_message_is_said_somewhere() -> None:
    sources = "".join(
        path.read_text("utf-8") for path in (*ROOT.rglob("*.py"), *TEMPLATES) if path.stem not in LANGUAGES
    )
    silent = [key for key in en.MESSAGES if not any(f"{sign}{key}{sign}" in sources for sign in "\"'")]
    assert not [key for key in silent if not key.startswith(MADE_UP)]
    terms = {term for text in en.MESSAGES.values() for term, _ in TERM.findall(text)}
    assert terms == set(en.GLOSSARY), terms ^ set(en.GLOSSARY)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_have_no_text_of_their_own(template: Path) -> None:
    text = re.sub(
        r"<style>.*?</style>|\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", template.read_text("utf-8"), flags=re.DOTALL
    )
    attributes = re.findall(r'(?:aria-label|alt|title|data-label)="([^"]*)"', text)
    shown = re.sub(r"<[^>]*>|&nbsp;", "", text)
    assert re.findall(r"[^\W\d_]{2,}", " ".join([shown, *attributes])) == []


def test_a_message_stays_one_through_copies_and_is_a_plain_string_in_json() -> None:
    found = message("risk.unbounded", method="jest", why=message("risk.few_seeds", n=2))
    assert found == "How much worse jest can be is not bounded: 2 seeds give no interval that is of use."
    for other in (pickle.loads(pickle.dumps(found)), copy.deepcopy(found)):
        assert Words("ja").say(other) == Words("ja").say(found) != found
    assert json.loads(json.dumps([found])) == [found]
    assert "シード2つ" in Words("ja").say(found)
    assert Words("ja").say("what came with the data") == "what came with the data"


def test_numbers_have_their_noun() -> None:
    assert [message("often", n=n) for n in (1, 2)] == ["1 time", "2 times"]


def test_values_are_no_messages_and_no_markup() -> None:
    said = Explained(Words("ja"))
    html = said("title", data="<b>[[seed]] [[nothing]] gain</b>")
    assert "&lt;b&gt;" in html
    assert "[[seed]] [[nothing]] gain" in html
    assert list(said.used) == ["selection"]


def test_terms_are_explained_where_they_stand() -> None:
    said = Explained(Words())
    assert '<abbr tabindex="0" title="Training on a chosen part' in said("title", data="d")
    assert said.used["selection"] == en.GLOSSARY["selection"]
    assert "[[" not in Words()("title", data="d")


def test_another_language_is_refused() -> None:
    with pytest.raises(ValueError, match="lang is 'fr'; wanted one of en, ja"):
        Words("fr")
    with pytest.raises(KeyError, match=r"no\.such"):
        message("no.such")
