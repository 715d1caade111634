"""What every selector of the registry must keep."""

import copy

import pytest
import torch

import saln
from saln import SELECTORS, SuperBatch, make_selector
from saln.selectors import Selector
from saln.selectors.base import Stateful, reset, set_progress
from saln.selectors.support.schedule import Schedule

QUALITIES = (
    "none",
    "learnability",
    "gate",
    "class_learnability",
    "label_agreement",
    "class_learnability_agreement",
    "given",
)
OPTIONS = {
    "uniform": [{}],
    "one_pass": [{}, {"balance": 1.0}, {"copies": False, "credibility": False}],
    "lowest_degree": [{}, {"negative": "keep"}, {"similarity": "rbf"}],
    "gstds": [{}, {"ratio": 0.5}, {"ratio": Schedule(0.2, 0.2, "constant"), "keep": "near_zero"}],
    "joint_growth": [{"n_candidates": 20, "n_chunks": 3, "choice": choice} for choice in ("argmax", "softmax")]
    + [{"n_candidates": 20, "similarity": "gradient", "criterion": "logdet", "use_quality": True}],
    "gradient_logdet": [{"quality": quality} for quality in QUALITIES] + [{"temperature": 0.5}, {"ridge": 0.0}],
    "gradient_logdet_learnable": [{}],
    "gradient_logdet_agreement": [{}],
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
CASES = [pytest.param(name, options, id=f"{name}-{options}") for name in SELECTORS for options in OPTIONS[name]]
every_selector = pytest.mark.parametrize(("name", "options"), CASES)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def make_super_batch(rows: int = 23, seed: int = 0, **changes: torch.Tensor) -> SuperBatch:
    source = generator(seed)
    values = {
        "features": torch.randn(rows, 5, generator=source),
        "losses": torch.rand(rows, generator=source),
        "reference_losses": torch.rand(rows, generator=source),
        "labels": torch.randint(3, (rows,), generator=source),
        "residuals": torch.randn(rows, 3, generator=source),
        "indices": torch.arange(50, 50 + rows),
        "quality": torch.rand(rows, generator=source) + 0.1,
        "learner_scores": torch.randn(rows, rows, generator=source),
        "reference_scores": torch.randn(rows, rows, generator=source),
    }
    return SuperBatch(**{**values, **changes})


def assert_rows(rows: torch.Tensor, size: int, allowed: set[int]) -> None:
    assert rows.dtype == torch.int64
    assert rows.shape == (size,)
    assert len(set(rows.tolist())) == size
    assert set(rows.tolist()) <= allowed


@every_selector
def test_rows_are_unique_and_follow_from_the_generator(name, options):
    super_batch = make_super_batch()
    selector = make_selector(name, **options)
    for size in (1, 2, 7, 22):
        reset(selector)
        rows = selector.select(super_batch, size, generator=generator(size))
        assert_rows(rows, size, set(range(23)))
        assert torch.equal(rows, make_selector(name, **options).select(super_batch, size, generator=generator(size)))
    assert selector.last_report.n_rows == 23
    assert selector.last_report.n_left_out == 0


@every_selector
def test_a_state_saved_in_mid_run_goes_on_as_the_run_did(name, options):
    super_batch = make_super_batch()
    whole = make_selector(name, **options)
    for step in range(5):
        set_progress(whole, step / 10)
        whole.select(super_batch, 6, generator=generator(step))
    other = make_selector(name, **options)
    set_progress(other, 0.4)
    if isinstance(whole, Stateful):
        other.load_state_dict(copy.deepcopy(whole.state_dict()))
    for step in range(5, 9):
        rows = [each.select(super_batch, 6, generator=generator(step)) for each in (whole, other)]
        assert torch.equal(*rows)
    reset(whole)
    rows = [each.select(super_batch, 6, generator=generator(3)) for each in (whole, make_selector(name, **options))]
    assert torch.equal(*rows)


@every_selector
def test_none_all_and_too_many(name, options):
    super_batch = make_super_batch()
    selector = make_selector(name, **options)
    assert selector.select(super_batch, 0, generator=generator(0)).tolist() == []
    assert sorted(selector.select(super_batch, 23, generator=generator(0)).tolist()) == list(range(23))
    for size in (24, -1):
        with pytest.raises(ValueError, match=f"{name}: size is {size}, want 0 to 23"):
            selector.select(super_batch, size)
    with pytest.raises(TypeError, match="size is a float"):
        selector.select(super_batch, 3.0)


def read_by(name: str, options: dict) -> str:
    if name == "jest":
        return "losses" if options["form"] == "classification" else "learner_scores"
    return "losses" if name in ("rho_loss", "selective_backprop", "infobatch") else "features"


@every_selector
def test_rows_that_are_not_finite_are_left_out_and_counted(name, options):
    field = read_by(name, options)
    broken = getattr(make_super_batch(), field).clone()
    broken[3] = torch.nan
    broken[8] = torch.inf
    if broken.dim() == 2 and field == "learner_scores":
        broken[:, 3] = torch.nan
    super_batch = make_super_batch(**{field: broken})
    selector = make_selector(name, **options)
    whole = set(range(23)) - {3, 8}
    for size in (6, 21):
        assert_rows(selector.select(super_batch, size, generator=generator(1)), size, whole)
        assert selector.last_report.n_left_out == 2
    with pytest.raises(ValueError, match=r"want 0 to 21, .* \(2 of 23 have values that are not finite\)"):
        selector.select(super_batch, 22)


@every_selector
@pytest.mark.parametrize(
    "what",
    [
        "identical",
        "zero",
        "one class",
        "one row",
        "float64",
        "bfloat16",
        "float16",
        "tiny",
        "huge",
        "strided",
        "needs grad",
    ],
)
def test_degenerate_super_batches(name, options, what):
    changes = {
        "identical": {"features": torch.ones(9, 5), "losses": torch.ones(9), "reference_losses": torch.ones(9)},
        "zero": {"features": torch.zeros(9, 5), "learner_scores": torch.zeros(9, 9)},
        "one class": {"labels": torch.zeros(9, dtype=torch.int64)},
        "one row": {},
        "float64": {"features": torch.randn(9, 5, generator=generator(3), dtype=torch.float64)},
        "bfloat16": {"features": torch.randn(9, 5, generator=generator(3)).bfloat16()},
        "float16": {"features": torch.randn(9, 5, generator=generator(3)).half(), "losses": torch.rand(9).half()},
        "tiny": {"features": torch.randn(9, 5, generator=generator(3)) * 1e-15},
        "huge": {"features": torch.randn(9, 5, generator=generator(3)) * 1e15},
        "strided": {"features": torch.randn(5, 18, generator=generator(3)).T[::2]},
        "needs grad": {"features": torch.randn(9, 5, generator=generator(3)).requires_grad_()},
    }[what]
    rows = 1 if what == "one row" else 9
    size = 1 if what == "one row" else 4
    chosen = make_selector(name, **options).select(make_super_batch(rows, **changes), size, generator=generator(0))
    assert_rows(chosen, size, set(range(rows)))
    assert not chosen.requires_grad


@every_selector
def test_without_a_generator_torch_s_own_decides(name, options):
    super_batch = make_super_batch()
    torch.manual_seed(5)
    first = make_selector(name, **options).select(super_batch, 6)
    torch.manual_seed(5)
    assert torch.equal(first, make_selector(name, **options).select(super_batch, 6))


@pytest.mark.parametrize("name", SELECTORS)
def test_the_registry_says_what_a_selector_is_and_needs(name):
    cls = SELECTORS[name]
    assert isinstance(cls(), Selector)
    assert cls.name == name
    assert cls.description
    assert "\n" not in cls.description
    assert cls.paper
    given = {field: getattr(make_super_batch(), field) for field in ("features", *cls.needs)}
    assert_rows(cls().select(SuperBatch(**given), 4, generator=generator(0)), 4, set(range(23)))
    for missing in cls.needs:
        with pytest.raises(ValueError, match=f"{name} needs {missing}"):
            cls().select(SuperBatch(**{field: given[field] for field in given if field != missing}), 4)


def test_uniform_is_uniform():
    super_batch = SuperBatch(torch.zeros(10, 1))
    selector, source, draws = SELECTORS["uniform"](), generator(0), 4000
    times = torch.zeros(10)
    for _ in range(draws):
        times[selector.select(super_batch, 3, generator=source)] += 1
    expected = draws * 0.3
    # Each count has variance n p (1 - p); those of one draw are correlated, which leaves 9 degrees of freedom.
    chi_square = ((times - expected) ** 2 / (draws * 0.3 * 0.7)).sum() * 0.9
    assert chi_square < 27.9  # the 0.999 quantile


def test_unknown_selectors_and_options_are_named():
    with pytest.raises(ValueError, match=r"no selector is called 'jets' \(did you mean 'jest'\?\); there are uniform"):
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
    for name in ("spectral_candidates", "joint_growth", "consecutive_candidates"):
        with pytest.raises(TypeError, match="there is no option 'colour'; of the scores there are k, q, sigma"):
            make_selector(name, colour=1)


def test_select_takes_names_selectors_features_and_super_batches():
    features = make_super_batch().features
    by_name = saln.select(features, 5, "saln", keep="near_zero")
    selector = make_selector("saln", keep="near_zero")
    assert torch.equal(by_name, selector.select(SuperBatch(features), 5))
    assert torch.equal(by_name, saln.select(SuperBatch(features), 5, selector))
    assert not torch.equal(by_name, saln.select(features, 5, "saln", keep="abs"))
    with pytest.raises(TypeError, match="options keep belong to the selector"):
        saln.select(features, 5, selector, keep="abs")
    with pytest.raises(ValueError, match="jest needs losses"):
        saln.select(features, 5, method="jest")


def test_select_without_a_name_is_the_default_which_needs_features_alone():
    features = make_super_batch().features
    rows = saln.select(features, 6, generator=generator(0))
    assert torch.equal(rows, make_selector("one_pass").select(SuperBatch(features), 6, generator=generator(0)))
    assert not torch.equal(rows, saln.select(features, 6, generator=generator(1)))
