"""Methods as they are written: names, options and methods inside, in one text."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
import torch

import saln
from saln import SuperBatch, make_selector
from saln.selectors import JEST, Guard, Portfolio, Selector
from saln.selectors.registry import SELECTORS
from saln.selectors.support.configured import option_names
from saln.selectors.support.grammar import Part, parse_method, read_options
from saln.selectors.support.schedule import Schedule
from selector_cases import cloud, generator


def test_options_belong_to_the_name_before_them():
    assert parse_method("uniform") == [Part("uniform")]
    assert parse_method("guard:floor=0.8:curriculum: low = 0 :jest:temperature=2") == [
        Part("guard", {"floor": "0.8"}),
        Part("curriculum", {"low": "0"}),
        Part("jest", {"temperature": "2"}),
    ]


class Typed:
    """Options of every kind."""

    name = "typed"

    def __init__(
        self,
        whole: int = 0,
        number: float | Schedule = 0.0,
        flag: bool = False,
        word: str = "none",
        maybe: str | None = None,
        most: int | None = None,
        methods: Sequence[str | Selector] | None = None,
        sizes: list[int] = [],  # noqa: B006  # never called
        **options,
    ):
        raise AssertionError


class Inheriting(Typed):
    def __init__(self, untyped, word: int = 0, **options: Any):
        raise AssertionError


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        ("whole", "3", 3),
        ("whole", "-2", -2),
        ("whole", "1e3", 1000),
        ("whole", "4.0", 4),
        ("whole", "9007199254740993", 2**53 + 1),
        ("number", "3", 3.0),
        ("number", "1e-3", 0.001),
        ("number", "inf", float("inf")),
        ("flag", "True", True),
        ("flag", "yes", True),
        ("flag", "1", True),
        ("flag", "no", False),
        ("flag", "FALSE", False),
        ("word", "none", "none"),
        ("word", "true", "true"),
        ("word", "3", "3"),
        ("word", "a+b", "a+b"),
        ("word", "a=b", "a=b"),
        ("maybe", "None", None),
        ("maybe", "cpu", "cpu"),
        ("most", "none", None),
        ("most", "2", 2),
        ("methods", "uniform", ["uniform"]),
        ("methods", "uniform+jest", ["uniform", "jest"]),
        ("methods", "none", None),
        ("sizes", "1+20", [1, 20]),
        ("center", "no", False),  # of the scores
        ("k", "none", None),
        ("q", "2", 2.0),
        ("laplacian", "none", None),
        ("solver", "none", "none"),
    ],
)
def test_a_value_is_read_as_its_option_is_annotated(option, text, value):
    found = read_options(Typed, {option: text})[option]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("0.5", 0.5), ("1e3", 1000), ("true", True), ("none", None), ("abs", "abs")],
)
def test_without_an_annotation_a_value_is_what_it_looks_like(text, value):
    found = read_options(Inheriting, {"untyped": text})["untyped"]
    assert found == value
    assert type(found) is type(value)


def test_the_nearest_annotation_counts():
    assert read_options(Inheriting, {"word": "3", "flag": "no"}) == {"word": 3, "flag": False}


@pytest.mark.parametrize(
    ("option", "text", "wanted"),
    [
        ("whole", "1.5", "a whole number"),
        ("whole", "many", "a whole number"),
        ("whole", "inf", "a whole number"),
        ("whole", "nan", "a whole number"),
        ("whole", "true", "a whole number"),
        ("number", "x", "a number"),
        ("number", "nan", "a number"),
        ("flag", "2", "true or false"),
        ("flag", "", "true or false"),
        ("most", "0.5", "a whole number or none"),
        ("sizes", "1+x", "a whole number, joined by +"),
        ("center", "maybe", "true or false"),
    ],
)
def test_a_value_of_another_type_is_named(option, text, wanted):
    with pytest.raises(ValueError, match=f"^{option} of typed is {re.escape(repr(text))}, want {re.escape(wanted)}$"):
        read_options(Typed, {option: text})


def _outcome(name, option, text):
    try:
        return read_options(SELECTORS[name], {option: text})[option]
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("name", SELECTORS)
def test_every_option_of_every_method_has_a_type_that_can_be_written(name):
    for option in option_names(SELECTORS[name])[0]:
        found = _outcome(name, option, "some words")
        assert found in ("some words", ["some words"]) or re.match(
            f"{option} of {name} is 'some words', want [atn]", found
        )


@pytest.mark.parametrize(
    ("text", "option", "value"),
    [
        ("gradient_logdet:quality=none", "quality", "none"),
        ("portfolio:reward=none", "reward", "none"),
        ("portfolio:arms=uniform", "arms", ("uniform",)),
        ("one_pass:copies=no", "copies", False),
        ("spectral_candidates:n_candidates=1e3", "n_candidates", 1000),
        ("graft:rank=none", "rank", None),
    ],
)
def test_words_that_were_misread(text, option, value):
    assert getattr(make_selector(text), option) == value


def test_a_text_makes_what_classes_make():
    guard = make_selector("guard:floor=0.8:max_reuse=none:jest:temperature=0.5:n_chunks=4", min_count=1)
    want = Guard(JEST(temperature=0.5, n_chunks=4), floor=0.8, min_count=1)
    assert (guard.floor, guard.max_reuse, guard.min_count) == (want.floor, want.max_reuse, want.min_count)
    assert (guard.method.temperature, guard.method.n_chunks) == (want.method.temperature, want.method.n_chunks)
    assert make_selector("portfolio:arms=uniform+jest:reward=probe").arms == Portfolio(["uniform", "jest"]).arms
    assert make_selector("guard:method=saln").method.name == "saln"
    assert make_selector("spectral_candidates:n_candidates=7:center=true").score_options == {"center": True}


def test_it_is_taken_wherever_a_method_is_named():
    features = cloud(40, 4, seed=0)
    rows = saln.select(features, 8, "saln:keep=positive:laplacian=symmetric")
    assert torch.equal(rows, saln.select(features, 8, "saln", keep="positive", laplacian="symmetric"))
    assert torch.equal(rows, saln.select(features, 8, "saln:keep=positive", laplacian="symmetric"))
    inside = Guard("saln:keep=positive:laplacian=symmetric", floor=0.0)
    assert torch.equal(rows, inside.select(SuperBatch(features), 8, generator=generator(0)))


@pytest.mark.parametrize(
    ("text", "options", "error", "words"),
    [
        ("saln:kep=abs", {}, TypeError, "saln has no option 'kep'; it has keep, similarity"),
        ("guard:saln:floor=0.5", {}, TypeError, "saln has no option 'floor'"),
        ("uniform:seed=1", {}, TypeError, "uniform has no option 'seed'; it has none"),
        ("saln:keep=abs:keep=positive", {}, ValueError, "option keep of saln is given twice"),
        ("saln:keep=abs", {"keep": "abs"}, TypeError, "option keep is given both in 'saln:keep=abs' and beside it"),
        ("guard:method=jest:saln", {}, TypeError, "the method inside guard is given twice"),
        ("guard:jest", {"method": "saln"}, TypeError, "the method inside guard is given twice"),
        ("saln:jest", {}, TypeError, "saln wraps no other method, 'jest' follows it"),
        ("keep=abs", {}, ValueError, "option 'keep=abs' comes first, want the name of a method before it"),
        ("guard:jets", {}, ValueError, "no selector is called 'jets' (did you mean 'jest'?)"),
        ("guard:", {}, ValueError, "no selector is called ''"),
        ("", {}, ValueError, "no selector is called ''"),
        ("guard:saln:keep=most", {}, ValueError, "keep is 'most', want one of"),
        ("guard:jest:n_chunks=many", {}, ValueError, "n_chunks of jest is 'many', want a whole number"),
        ("guard:floor=x:jest", {}, ValueError, "floor of guard is 'x', want a number"),
        ("guard:jest", {"floor": "x"}, TypeError, "options of guard are floor='x': "),
        ("one_pass:copies=maybe", {}, ValueError, "copies of one_pass is 'maybe', want true or false"),
        ("spectral_candidates:colour=1", {}, TypeError, "there is no option 'colour'"),
    ],
)
def test_errors_say_what_came_and_what_was_wanted(text, options, error, words):
    with pytest.raises(error) as raised:
        make_selector(text, **options)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
