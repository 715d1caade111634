"""Methods as they are written: names, options and methods inside, in one text."""

import pytest
import torch

import saln
from saln import SuperBatch, make_selector
from saln.selectors import JEST, Guard, Portfolio
from saln.selectors.support.grammar import Part, parse_method, parse_value
from selector_cases import cloud, generator


def test_options_belong_to_the_name_before_them():
    assert parse_method("uniform") == [Part("uniform")]
    assert parse_method("guard:floor=0.8:curriculum: low = 0 :jest:temperature=2") == [
        Part("guard", {"floor": 0.8}),
        Part("curriculum", {"low": 0}),
        Part("jest", {"temperature": 2}),
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-0.5", -0.5),
        ("1e-3", 0.001),
        ("inf", float("inf")),
        ("true", True),
        ("False", False),
        ("none", None),
        ("uniform+jest", ["uniform", "jest"]),
        ("1+2.5", [1, 2.5]),
        ("abs", "abs"),
        ("a=b", "a=b"),
    ],
)
def test_values_are_what_they_look_like(text, value):
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)
    assert parse_method(f"saln:keep={text}") == [Part("saln", {"keep": value})]


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
        ("guard:jest:n_chunks=many", {}, TypeError, "options of jest are n_chunks='many': "),
        ("guard:floor=x:jest", {}, TypeError, "options of guard are floor='x': "),
        ("spectral_candidates:colour=1", {}, TypeError, "there is no option 'colour'"),
    ],
)
def test_errors_say_what_came_and_what_was_wanted(text, options, error, words):
    with pytest.raises(error) as raised:
        make_selector(text, **options)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
