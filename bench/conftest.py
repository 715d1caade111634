"""Options of `pytest bench`."""

import pytest

from bench.cases import CASES, Case, Inputs, make_inputs


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--smoke`: tiny sizes."""
    parser.addoption("--smoke", action="store_true", help="tiny sizes, to try the benchmarks; the timings mean nothing")


@pytest.fixture(scope="module", params=sorted(CASES))
def inputs(request: pytest.FixtureRequest) -> Inputs:
    """Inputs of every case."""
    case: Case = CASES[request.param]
    return make_inputs(case.smoke() if request.config.getoption("--smoke") else case)
