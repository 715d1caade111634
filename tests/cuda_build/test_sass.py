"""What the compiled kernels execute: within their budgets, right, and as the cost model has it."""

from dataclasses import replace

import pytest

from bench.gpu.sass import launch, split
from bench.gpu.sass.budget import AGREEMENT, BUDGETS, SPLIT
from bench.gpu.sass.launch import CASES
from bench.gpu.sass.phases import PHASES, shares
from saln_kernels.backends import cuda


@pytest.fixture(scope="module")
def totals() -> dict[str, float]:
    """Counted so far: a case is interpreted once."""
    return {}


def count(case: str, totals: dict[str, float]) -> float:
    """Warp instructions a candidate in the library built here, whose results are right."""
    if case not in totals:
        if not cuda.LIBRARY.exists():
            pytest.skip("the CUDA library was not built here: SALN_CUDA=1 python setup.py build_ext --inplace")
        try:
            found, counts = launch.execute(CASES[case], [cuda.LIBRARY])
        except (LookupError, FileNotFoundError) as error:
            pytest.skip(str(error))
        totals[case] = sum(share.total for share in shares(found, counts, CASES[case].taken).values())
    return totals[case]


@pytest.mark.parametrize("case", BUDGETS)
def test_within_budget(case: str, totals: dict[str, float]) -> None:
    assert count(case, totals) <= BUDGETS[case].most


@pytest.mark.parametrize("case", BUDGETS)
def test_cost_model_agrees(case: str, totals: dict[str, float]) -> None:
    predicted = sum(launch.predicted(CASES[case]).values())
    assert predicted == pytest.approx(count(case, totals), rel=AGREEMENT)


def test_gram_in_parts() -> None:
    """Every unit of a matrix of 512 rows: right, within the budget, and as the model has it."""
    if not cuda.LIBRARY.exists():
        pytest.skip("the CUDA library was not built here: SALN_CUDA=1 python setup.py build_ext --inplace")
    try:
        total = sum(unit.total for unit in split.execute(split.CASE, [cuda.LIBRARY]))
    except (LookupError, FileNotFoundError) as error:
        pytest.skip(str(error))
    assert total <= SPLIT.most
    assert launch.planned(split.CASE)[0]["predicted_split"] == pytest.approx(total, rel=AGREEMENT)


def test_every_case_has_a_budget() -> None:
    assert set(CASES) == set(BUDGETS)


def test_a_larger_case_is_predicted_more() -> None:
    """Each phase by what it depends on."""
    case = CASES["headline"]
    less = launch.predicted(replace(case, size=48, width=256))
    assert all(less[phase] < predicted for phase, predicted in launch.predicted(case).items())
    assert set(less) == set(PHASES)
