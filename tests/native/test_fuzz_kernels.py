"""The CPU kernels on some thousands of problems of libFuzzer's; `make fuzz` tries many more."""

from __future__ import annotations

import pytest

from native import fuzz_kernels

pytestmark = pytest.mark.skipif(bool(fuzz_kernels.missing()), reason=f"not installed: {fuzz_kernels.missing()}")


def test_problems_that_a_fuzzer_makes() -> None:
    assert fuzz_kernels.fuzz("-runs=2000", "-seed=1") >= 2000
