"""What every selector of the registry keeps, and that the check finds what breaks it."""

import numpy as np
import pytest
import torch
from sklearn.base import clone

import saln
from faulty_selectors import FAULTS, Lowest
from saln import SELECTORS, SuperBatch, make_selector
from saln.selectors import Guard, Selector, Uniform
from saln.selectors.support.quality import QUALITIES
from saln.selectors.support.schedule import Schedule
from saln.testing import check_selector, example
from selector_cases import assert_drawn_with, every_set, generator

OPTIONS = {
    "auto": [{}, {"metric": "balanced_accuracy"}, {"spectrum": False, "step_back": False}],
    "one_pass": [{}, {"balance": 1.0}, {"copies": False, "credibility": False}],
    "lowest_degree": [{}, {"negative": "keep"}, {"similarity": "rbf"}],
    "gstds": [{}, {"ratio": 0.5}, {"ratio": Schedule(0.2, 0.2, "constant"), "keep": "near_zero"}],
    "joint_growth": [{"n_candidates": 20, "n_chunks": 3, "choice": choice} for choice in ("argmax", "softmax")]
    + [{"n_candidates": 20, "similarity": "gradient", "criterion": "logdet", "use_quality": True}],
    "gradient_logdet": [{"quality": quality} for quality in QUALITIES] + [{"temperature": 0.5}, {"ridge": 0.0}],
    "gradient_logdet_patient": [{}, {"temperature": 0.0}],
    "logdet": [{}, {"ridge": 0.0}, {"temperature": 1.0}, {"similarity": "linear", "use_quality": True}],
    "k_dpp": [{"quality": quality} for quality in QUALITIES]
    + [{"ridge": 0.1, "temperature": 2.0}, {"similarity": "gradient"}, {"similarity": "linear"}],
    "rho_loss": [{}, {"temperature": 0.5}],
    "selective_backprop": [{}, {"interrupt": 2}, {"start": 0.5}],
    "infobatch": [{}, {"ratio": 0.0}, {"delta": 0.0}],
    "k_center": [
        {"similarity": name, "start": start} for name in ("linear", "cosine") for start in ("center", "random")
    ],
    "consecutive_candidates": [{"n_candidates": 20}, {"n_candidates": 20, "overlap": "reuse"}],
    "curriculum": [{}, {"difficulty": "learnability", "method": "herding"}, {"difficulty": "reference_losses"}],
    "portfolio": [{}, {"reward": "probe"}, {"reward": "none", "arms": ["herding", "k_center"]}],
    "guard": [
        {"method": "uniform"},
        {"method": "jest", "epsilon": 0.5},
        {"method": "guard:herding", "floor": 1.0, "min_count": 1},
        {"method": "selective_backprop", "max_reuse": 2, "floor": 0.0},
        {"method": "infobatch", "epsilon": 1.0},
    ],
    "herding": [{"similarity": name} for name in ("linear", "cosine")],
    "facility_location": [{}, {"similarity": "gradient"}],
    "divbs": [{}, {"choice": "draw"}, {"similarity": "linear"}],
    "graft": [{}, {"rank": 2}, {"similarity": "gradient"}, {"center": True, "max_swaps": 0}],
    "saln": [{"keep": keep} for keep in ("abs", "positive", "negative", "both_ends", "near_zero")]
    + [{"laplacian": "symmetric"}, {"negative": "shift"}, {"negative": "keep"}],
    "jest": [
        {"form": form, "first_chunk": first}
        for form in ("classification", "pairwise", "sigmoid", "softmax")
        for first in ("uniform", "learnability")
    ],
    "spectral_candidates": [
        {"n_candidates": 20, "candidates": candidates, "choice": choice}
        for candidates in ("uniform", "stratified", "grown")
        for choice in ("argmax", "softmax")
    ]
    + [
        {"n_candidates": 20, "similarity": "gradient", "criterion": "logdet"},
        {"n_candidates": 20, "use_quality": True, "criterion": "energy", "k": 1},
    ],
}
"""Further options than the default; a method without a line here has none."""
CASES = [
    pytest.param(name, options, id=f"{name}-{options}") for name in SELECTORS for options in OPTIONS.get(name, [{}])
]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_every_selector_keeps_the_contract(name, options):
    check_selector(lambda: make_selector(name, **options))


@pytest.mark.parametrize("name", SELECTORS)
def test_defaults_are_registered_by_their_names_and_options_are_those_of_scikit_learn(name):
    selector = make_selector(name)
    assert type(selector) is SELECTORS[name]
    assert selector.name == name
    assert repr(clone(selector)) == repr(selector)


def test_a_sound_selector_passes_by_any_way_of_naming_it():
    for selector in (Lowest(), Lowest, lambda: Lowest(shift=1), "uniform", "guard:floor=0.8:rho_loss"):
        check_selector(selector)
    with pytest.raises(ValueError, match="no selector is called 'lowest'"):
        check_selector("lowest")


@pytest.mark.parametrize("cls", FAULTS, ids=lambda cls: cls.__name__)
def test_the_check_finds_what_is_broken(cls):
    with pytest.raises(AssertionError, match=FAULTS[cls]) as raised:
        check_selector(cls)
    assert str(raised.value).startswith(f"{cls.__name__}(")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("abstain", "abstains"),
        ("want_reward", "wants_reward"),
        ("wants_rewards", "wants_reward"),
        ("on_epoch_start", "start_epoch"),
        ("epoch_start", "start_epoch"),
        ("read", "reads"),
        ("load_state", "load_state_dict"),
        ("wants_data_set", "wants_dataset"),
        ("progres", "progress"),
        ("give_weights", "gives_weights"),
    ],
)
def test_a_misspelt_ability_is_refused_where_the_class_is_written(name, meant):
    for body in ({name: True}, {name: lambda self: None}, {name: property(lambda self: True)}):
        with pytest.raises(TypeError, match=f"Mine.{name} is no ability of a selector; want {meant}, or another name"):
            type("Mine", (Selector,), body)
    with pytest.raises(TypeError, match=f"Mine.{name} is no ability"):
        type("Mine", (Selector,), {"__annotations__": {name: bool}})
    type("Mine", (Selector,), {f"_{name}": True, "interventions": {}, "kept": 3, "count": 1, meant: True})


def test_uniform_is_uniform():
    source = generator(0)
    samples = SuperBatch(torch.zeros(6, 1))
    assert_drawn_with(
        dict.fromkeys(every_set(6, 3), 1 / 20), lambda: Uniform().select(samples, 3, generator=source), 4000
    )


def test_unknown_selectors_and_options_are_named():
    with pytest.raises(
        ValueError, match=r"no selector is called 'jets' \(did you mean 'jest'\?\); there are auto, consec"
    ):
        make_selector("jets")
    with pytest.raises(ValueError, match="keep is 'top', want one of 'abs', 'positive'"):
        make_selector("saln", keep="top")
    with pytest.raises(ValueError, match="temperature is 0, want a positive number"):
        make_selector("jest", temperature=0)
    with pytest.raises(ValueError, match="n_chunks is 0"):
        make_selector("jest", n_chunks=0)
    with pytest.raises(ValueError, match="n_candidates is 0"):
        make_selector("spectral_candidates", n_candidates=0)
    with pytest.raises(TypeError, match="kept"):
        make_selector("saln", kept="abs")
    with pytest.raises(TypeError, match="seed"):
        Uniform(seed=1)
    with pytest.raises(TypeError, match="method is 3, want a selector or the name of one"):
        Guard(3)
    for name in ("spectral_candidates", "joint_growth", "consecutive_candidates"):
        with pytest.raises(TypeError, match="there is no option 'colour'; of the scores there are k, q, sigma"):
            make_selector(name, colour=1)


class TestOptions:
    """As scikit-learn's estimators have them."""

    def test_repr_shows_what_was_given(self):
        assert repr(make_selector("uniform")) == "Uniform()"
        assert repr(make_selector("gstds", ratio=0.5, negative="keep")) == "GSTDS(ratio=0.5, negative='keep')"
        guard = make_selector("guard:jest:temperature=2", floor=0.0)
        assert repr(guard) == "Guard(method=JEST(temperature=2.0), floor=0.0)"

    def test_clone_is_scikit_learn_s_and_remembers_nothing(self):
        arms = make_selector("portfolio", arms=["herding", make_selector("jest", temperature=2.0)], reward="none")
        guard = Guard(arms, max_reuse=1, floor=0.0)
        guard.select(example(), 4, generator=generator(0))
        for copied in (clone(guard), guard.clone()):
            assert repr(copied) == repr(guard)
            assert copied.method is not guard.method
            assert copied.n_batches == 0 < guard.n_batches
            assert sum(copied.method.counts.values()) == 0

    def test_params_of_what_is_inside_are_set_through_it(self):
        guard = make_selector("guard:jest", floor=0.0)
        assert guard.get_params(deep=False).keys() == {"method", "floor", "min_count", "max_reuse", "epsilon"}
        inside = guard.method
        guard.set_params(method__temperature=2.0, epsilon=0.5)
        assert (guard.method.temperature, guard.epsilon, guard.floor) == (2.0, 0.5, 0.0)
        assert inside.temperature == 1.0
        with pytest.raises(ValueError, match="epsilon is 2, want 0 to 1"):
            guard.set_params(epsilon=2)
        assert guard.epsilon == 0.5
        with pytest.raises(ValueError, match=r"floor of Guard is 0\.0, which has no options to set"):
            guard.set_params(floor__x=1)


class TestFunction:
    def test_it_takes_names_selectors_features_arrays_and_super_batches(self):
        features = example().features
        by_name = saln.select(features, 5, "saln", keep="near_zero")
        selector = make_selector("saln", keep="near_zero")
        assert torch.equal(by_name, selector.select(SuperBatch(features), 5))
        assert torch.equal(by_name, saln.select(SuperBatch(features), 5, selector))
        assert torch.equal(by_name, saln.select(features.numpy(), 5, selector))
        assert torch.equal(by_name, saln.select(np.flip(features.flip(1).numpy(), axis=1), 5, selector))
        assert not torch.equal(by_name, saln.select(features, 5, "saln", keep="abs"))
        with pytest.raises(TypeError, match="options keep belong to the selector"):
            saln.select(features, 5, selector, keep="abs")
        with pytest.raises(ValueError, match="jest needs losses"):
            saln.select(features, 5, method="jest")

    def test_arrays_are_taken_for_everything_known_of_samples(self):
        known = example()
        arrays = SuperBatch(known.features.numpy(), losses=known.losses.numpy(), labels=known.labels.numpy())
        for name in ("features", "losses", "labels"):
            assert torch.equal(getattr(arrays, name), getattr(known, name))
        with pytest.raises(TypeError, match="features has dtype object, want numbers that torch knows"):
            SuperBatch(np.array([[None]]))

    def test_without_a_name_it_is_the_default_which_needs_features_alone(self):
        features = example().features
        rows = saln.select(features, 6, generator=generator(0))
        assert torch.equal(rows, make_selector("auto").select(SuperBatch(features), 6, generator=generator(0)))
        assert not torch.equal(rows, saln.select(features, 6, generator=generator(1)))


class TestValuesThatOverflow:
    """A fill value or a large residual is finite, and its square is not."""

    @pytest.mark.parametrize("value", [1e20, 9.97e36, 3.4e38])
    @pytest.mark.parametrize(
        "name", ["k_center", "logdet", "graft", "k_dpp", "spectral_candidates", "one_pass", "auto"]
    )
    def test_a_sampler_serves_no_row_twice(self, name, value):
        features = torch.randn(320, 16, generator=generator(0))
        features[7, 3] = value
        sampler = saln.SpectralBatchSampler(features, 32, selector=make_selector(name))
        batches = list(sampler)
        assert len(batches) == len(sampler)
        assert all(len(set(batch)) == len(batch) for batch in batches)

    @pytest.mark.parametrize("name", ["k_center", "graft", "herding"])
    def test_rows_left_out_are_left_out_of_whole_epochs(self, name):
        features = torch.randn(40, 4, generator=generator(0))
        features[7, 3] = 1e20
        with pytest.warns(UserWarning, match="1 of 40 samples"):
            sampler = saln.SpectralBatchSampler(features, 8, filter_ratio=0.0, selector=make_selector(name))
        assert sorted(index for batch in sampler for index in batch) == [row for row in range(40) if row != 7]

    @pytest.mark.parametrize("name", ["logdet", "k_dpp", "facility_location", "saln", "lowest_degree", "herding"])
    @pytest.mark.parametrize("power", [-100, -60, 62, 120])
    def test_under_cosine_rows_count_by_their_direction_however_long(self, name, power):
        features = example().features
        selector = make_selector(name, similarity="cosine")
        want = selector.select(SuperBatch(features), 6, generator=generator(0))
        features[4] *= 2.0**power
        assert torch.equal(selector.select(SuperBatch(features), 6, generator=generator(0)), want)
        assert selector.last_report.n_left_out == 0

    def test_what_is_multiplied_decides(self):
        large = {"features": example().features.clone(), "residuals": example().residuals.clone()}
        for value in large.values():
            value[3] *= 1e12
        for name, left_out in (("gradient_logdet", 1), ("k_center", 0), ("divbs", 1), ("rho_loss", 0), ("uniform", 0)):
            selector = make_selector(name)
            selector.select(example(**large), 6, generator=generator(0))
            assert selector.last_report.n_left_out == left_out, name
        quality = example().quality.clone()
        quality[5] = 1e30
        selector = make_selector("logdet", use_quality=True)
        assert 5 not in selector.select(example(quality=quality), 6)
        assert selector.last_report.n_left_out == 1

    def test_noise_at_any_temperature_draws_different_rows(self):
        for temperature in (100.0, 1e6):
            rows = make_selector("logdet", temperature=temperature).select(example(), 6, generator=generator(0))
            assert len(set(rows.tolist())) == 6
