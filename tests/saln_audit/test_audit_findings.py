"""A planted bias is found and named; selections that care for nothing raise no more alarms than alpha allows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from fairlearn.metrics import MetricFrame, count, demographic_parity_ratio, selection_rate
from scipy import stats
from sklearn.metrics import accuracy_score

from saln.audit import Evaluation, Finding, Groups, Limits, audit_selection, make_groups
from saln.audit.accuracy import accuracy_gaps
from saln.datasets import DataError

N = 400
SITE = make_groups("site", np.repeat(["north", "south", "east", "west"], [200, 100, 80, 20]))
Steps = npt.NDArray[np.int64]


def iid(source: np.random.Generator) -> Steps:
    """Every batch a fresh draw without replacement."""
    return np.stack([source.choice(N, 16, replace=False) for _ in range(40)])


def epochs(source: np.random.Generator) -> Steps:
    """Shuffled epochs: every row once before any comes again."""
    return np.concatenate([source.permutation(N).reshape(-1, 16) for _ in range(2)])


def favourites(source: np.random.Generator) -> Steps:
    """The same 40 rows all the time."""
    kept = source.choice(N, 40, replace=False)
    return np.stack([source.choice(kept, 16, replace=False) for _ in range(40)])


def weighted(weights: npt.NDArray[np.float64], steps: int = 60, seed: int = 0) -> Steps:
    source = np.random.default_rng(seed)
    return np.stack([source.choice(N, 16, replace=False, p=weights / weights.sum()) for _ in range(steps)])


def named(findings: tuple[Finding, ...], check: str, level: str) -> list[str | None]:
    return [each.group for each in findings if each.check == check and each.level == level]


@pytest.mark.parametrize("selector", [iid, epochs, favourites])
def test_false_alarms_stay_near_alpha(selector: Callable[[np.random.Generator], Steps]) -> None:
    """Seven tests an audit, corrected by Holm: the chance of any false finding is at most 5 %."""
    source, alarms, raw = np.random.default_rng(11), 0, []
    for seed in range(150):
        found = audit_selection(selector(source), [SITE], permutations=199, seed=seed)
        alarms += any(each.level in ("fails", "shown") for each in found.findings)
        raw.append(found.tests[0].p_value)
    assert alarms <= stats.binom(150, 0.05).ppf(0.999)
    if selector is not epochs:  # whose shares cannot vary as much as those of rows drawn anew
        assert stats.binom(150, 0.5).ppf(0.001) <= np.sum(np.array(raw) <= 0.5) <= stats.binom(150, 0.5).ppf(0.999)


def test_a_starved_group_is_found_and_the_others_are_not_blamed() -> None:
    weights = np.where(SITE.codes == SITE.names.index("south"), 0.4, 1.0)
    found = audit_selection(weighted(weights), [SITE])
    assert found.failed
    assert named(found.findings, "rate", "fails") == ["south"]
    assert named(found.findings, "rate", "shown") == []
    assert found.findings[0].text.startswith("site = south: its 100 rows were drawn 0.")
    assert not audit_selection(weighted(weights), [SITE], limits=Limits(min_rate_ratio=0.2)).failed


def test_an_overfed_group_is_found_and_the_others_are_not_blamed() -> None:
    found = audit_selection(weighted(np.where(SITE.codes == SITE.names.index("west"), 4.0, 1.0)), [SITE])
    assert named(found.findings, "rate", "fails") == ["west"]


def test_one_group_low_and_one_high_fail_together() -> None:
    """Neither is beyond the limit against the median row, but they are against each other."""
    labels = make_groups("label", np.repeat(np.arange(8), 50))
    counts = np.repeat([20, 20, 20, 17, 20, 23, 20, 20], 50)
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(N), counts))
    found = audit_selection(order.reshape(-1, 16), [labels])
    failing = [each for each in found.findings if each.level == "fails"]
    assert len(failing) == 1
    assert "rows of 3 were drawn 0.74 × as often as those of 5" in failing[0].text


def test_a_ratio_that_chance_may_make_does_not_fail() -> None:
    """A group of 2 rows that was never drawn: its ratio is 0, and means nothing."""
    site = make_groups("site", ["tiny"] * 2 + ["rest"] * 398)
    steps = np.arange(2, 34).reshape(2, 16)
    found = audit_selection(steps, [site])
    assert found.rates[0].lowest_draw_ratio == 0.0
    assert not found.failed
    assert found.findings[0].level == "unclear"


def test_two_groups_give_one_finding() -> None:
    sex = make_groups("sex", np.where(np.arange(N) < 150, "f", "m"))
    found = audit_selection(weighted(np.where(np.arange(N) < 150, 0.5, 1.0)), [sex])
    rates = [each for each in found.findings if each.check == "rate"]
    assert [(each.level, each.group) for each in rates] == [("fails", "f")]
    assert "the other group's" in rates[0].text


def test_a_change_over_time_is_found_though_the_totals_are_even() -> None:
    source = np.random.default_rng(0)
    low, high = np.arange(N // 2), np.arange(N // 2, N)
    half = [source.choice(low, 16, replace=False) for _ in range(30)]
    steps = np.stack([*half, *(source.choice(high, 16, replace=False) for _ in range(30))])
    site = make_groups("site", np.where(np.arange(N) < N // 2, "first", "second"))
    found = audit_selection(steps, [site])
    assert named(found.findings, "rate", "fails") == []
    changes = [each for each in found.findings if each.check == "change"]
    assert [each.level for each in changes] == ["shown"]
    assert "2.00 × its share of the pool in the first quarter of the steps to 0.00 × in the last" in changes[0].text
    first = found.coverage[0].groups[1]
    assert (first.first_step, first.longest_gap) == (30, 30)


def test_accuracy_gaps_are_found_and_judged_by_the_limit() -> None:
    source = np.random.default_rng(0)
    groups = make_groups("site", source.choice(["a", "b", "c"], 3000))
    labels = source.integers(0, 5, 3000)
    right = source.random(3000) < np.where(groups.codes == 1, 0.7, 0.9)
    evaluation = Evaluation(labels, np.where(right, labels, (labels + 1) % 5), [groups])
    of_rows = make_groups("site", np.resize(["a", "b", "c"], N))
    uniform = epochs(source)
    for limit, level in ((None, "shown"), (0.1, "fails"), (0.5, "shown")):
        found = audit_selection(uniform, [of_rows], evaluation=evaluation, limits=Limits(max_gap=limit))
        assert named(found.findings, "accuracy", level) == ["b"]
        assert found.failed is (level == "fails")
    by_group = np.array([right[groups.codes == code].mean() for code in range(3)])
    assert [each.accuracy for each in found.gaps[0].groups] == pytest.approx(by_group)
    assert found.gaps[0].gap == pytest.approx(by_group.max() - by_group.min())


def test_drift_in_the_features_is_found_and_its_absence_is_not() -> None:
    source = np.random.default_rng(0)
    features = source.normal(size=(N, 12))
    features[::7, 3] = np.nan
    drawn = audit_selection(weighted(np.exp(0.9 * features[:, 5])), [SITE], features=features)
    assert drawn.drift is not None
    assert named(drawn.findings, "features", "shown") == [None]
    assert drawn.drift.shifts[0].feature == 5
    weights = np.bincount(weighted(np.exp(0.9 * features[:, 5])).ravel(), minlength=N)
    shift = np.average(features[:, 5], weights=weights) - features[:, 5].mean()
    assert drawn.drift.shifts[0].deviations == pytest.approx(shift / features[:, 5].std())
    alarms = sum(
        audit_selection(iid(source), [SITE], features=features, permutations=199, seed=seed).tests[-1].p_value <= 0.05
        for seed in range(60)
    )
    assert alarms <= stats.binom(60, 0.05).ppf(0.999)


def test_energy_is_the_energy_distance_by_its_definition() -> None:
    """2 E|X - Y| - E|X - X'| - E|Y - Y'| over 2 E|X - Y|, X by draws and Y by the pool, on standardised features."""
    source = np.random.default_rng(1)
    features, steps = source.normal(size=(N, 3)), iid(source)
    found = audit_selection(steps, [SITE], features=features, permutations=9).drift
    assert found is not None
    x = (features - features.mean(axis=0)) / features.std(axis=0)
    distances = np.sqrt(((x[:, None] - x[None]) ** 2).sum(axis=2))
    draws = np.bincount(steps.ravel(), minlength=N) / steps.size
    pool = np.full(N, 1 / N)
    between = draws @ distances @ pool
    within = draws @ distances @ draws + pool @ distances @ pool
    assert found.energy == pytest.approx((2 * between - within) / (2 * between))


@pytest.mark.parametrize("wrong", [0.0, 0.3, 1.0])
def test_accuracies_and_gaps_are_those_of_fairlearn(wrong: float) -> None:
    source = np.random.default_rng(2)
    groups = make_groups("site", source.choice(["a", "b", "c"], 300)).take(np.arange(300) % 3 > 0)
    labels = source.integers(0, 3, len(groups.codes))
    predictions = np.where(source.random(len(labels)) < wrong * (1 + groups.codes) / 3 + (wrong == 1), 9, labels)
    found = accuracy_gaps(groups, labels, predictions)
    frame = MetricFrame(
        metrics={"accuracy": accuracy_score, "rows": count},
        y_true=labels,
        y_pred=predictions,
        sensitive_features=groups.codes,
    )
    assert found.overall == pytest.approx(frame.overall["accuracy"])
    assert [each.accuracy for each in found.groups] == pytest.approx(frame.by_group["accuracy"].tolist())
    assert [each.rows for each in found.groups] == frame.by_group["rows"].tolist()
    assert found.gap == pytest.approx(frame.difference(method="between_groups")["accuracy"])
    for each in found.groups:  # Wilson 1927, by its formula
        z, p, n = stats.norm.ppf(0.975), each.accuracy, each.rows
        middle, margin = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
        ends = (middle - margin) / (1 + z**2 / n), (middle + margin) / (1 + z**2 / n)
        assert (each.low, each.high) == pytest.approx(ends, abs=1e-12)


@pytest.mark.parametrize(("labels", "rows"), [(5, 6), (6, 5), (0, 0)])
def test_an_evaluation_whose_parts_do_not_fit_is_named(labels: int, rows: int) -> None:
    evaluation = Evaluation(np.zeros(labels), np.zeros(6 if labels else 0), [SITE.take(np.arange(N) < rows)])
    with pytest.raises(DataError, match=r"evaluation has labels .*; wanted \[M\] each"):
        audit_selection(iid(np.random.default_rng(0)), [SITE], evaluation=evaluation, permutations=9)


def test_rates_are_those_of_fairlearn() -> None:
    steps = weighted(np.where(SITE.codes == 0, 0.5, 1.0), steps=12)
    found = audit_selection(steps, [SITE], permutations=99).rates[0]
    counts = np.bincount(steps.ravel(), minlength=N)
    ever = (counts > 0).astype(int)
    frame = MetricFrame(metrics=selection_rate, y_true=ever, y_pred=ever, sensitive_features=SITE.codes)
    assert [each.row_rate for each in found.groups] == pytest.approx(frame.by_group.tolist())
    parity = demographic_parity_ratio(ever, ever, sensitive_features=SITE.codes)
    assert found.lowest_row_ratio == pytest.approx(parity)
    draws = np.bincount(SITE.codes, weights=counts) / np.bincount(SITE.codes)
    assert [each.draw_rate for each in found.groups] == pytest.approx(draws)
    assert found.lowest_draw_ratio == pytest.approx(draws.min() / draws.max())
    assert [each.draws for each in found.groups] == np.bincount(SITE.codes, weights=counts).tolist()
    share, pool = draws * np.bincount(SITE.codes) / counts.sum(), np.bincount(SITE.codes) / N
    assert found.moved == pytest.approx(np.abs(share - pool).sum() / 2)


def test_rows_outside_the_pool_are_a_leak() -> None:
    pool = np.arange(N) < 300
    steps = np.arange(290, 306).reshape(1, -1)
    found = audit_selection(steps, [SITE], pool=pool)
    assert found.draws_outside == 6
    assert found.failed
    assert any(each.check == "leak" and "6 draws of 16" in each.text for each in found.findings)
    assert sum(each.rows for each in found.rates[0].groups) == 300


def test_padding_is_no_draw() -> None:
    steps = iid(np.random.default_rng(0))
    padded = np.concatenate([steps, np.full((len(steps), 3), -1)], axis=1)
    assert audit_selection(padded, [SITE]).as_dict() == audit_selection(steps, [SITE]).as_dict()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"chosen": [[0, N]]}, rf"row {N} at \[0, 1\]"),
        ({"chosen": [[0, -2]]}, "row -2"),
        ({"chosen": [0.5]}, "float64"),
        ({"chosen": [[-1, -1]]}, "no row of the pool"),
        ({"groups": []}, "at least one column"),
        ({"groups": [SITE, make_groups("sex", ["f", "m"])]}, "'sex' has 2 rows, 'site' 400"),
        ({"pool": np.ones(3, dtype=bool)}, r"pool is bool \[3\]"),
        ({"features": np.zeros((3, 2))}, r"features are \[3, 2\]"),
        ({"correction": "none"}, "correction must be one of holm, bh"),
    ],
)
def test_wrong_input_is_named(arguments: dict[str, object], words: str) -> None:
    given: dict[str, object] = {"chosen": [[0, 1]], "groups": [SITE], "permutations": 9, **arguments}
    with pytest.raises(DataError, match=words):
        audit_selection(given.pop("chosen"), given.pop("groups"), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["min_rate_ratio", "max_gap", "alpha"])
def test_limits_are_shares(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be between 0 and 1, not 1.5"):
        Limits(**{name: 1.5})


def test_groups_of_every_kind() -> None:
    assert make_groups("g", [True, False]).names == ("False", "True")
    assert make_groups("g", [1.0, 2.0, np.nan]).names == ("(missing)", "1", "2")
    assert make_groups("g", [2, 0], names=["zero", "one", "two"]).names == ("zero", "two")
    ages = np.arange(100.0)
    quarters = make_groups("age", [*ages, np.nan])
    assert quarters.cut
    assert quarters.names[0] == "(missing)"
    assert np.bincount(quarters.codes).tolist() == [1, 25, 25, 25, 25]
    with pytest.raises(DataError, match="300 different values"):
        make_groups("name", [f"n{i}" for i in range(300)])
    with pytest.raises(DataError, match="wanted one text or number a row"):
        make_groups("g", np.zeros((2, 2)))


def test_groups_are_kept_when_rows_are_taken() -> None:
    taken: Groups = SITE.take(np.arange(N) >= 390)
    assert taken.names == SITE.names
    assert set(taken.codes) == {SITE.names.index("west")}
